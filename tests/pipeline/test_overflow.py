"""Overflow: when no key is in service, not for long to a local model that fails, and later than on arrival."""

import asyncio
from typing import Any

import pytest

from gateway.errors import (
    DEADLINE_UNREACHABLE,
    MODEL_NOT_FOUND,
    NO_KEY_NOW,
    QUEUE_TIMEOUT,
    UPSTREAM_UNREACHABLE,
    GatewayError,
)
from gateway.exchange import Usage
from gateway.pipeline.ticket import Permit
from gateway.settings.snapshot import Limits, Queue
from gateway.upstream.verdict import Verdict
from tests.clock import passes, turns
from tests.pipeline.admission_parts import (
    CONSOLIDATION,
    CONVERSATION,
    EVALUATION,
    SCHEDULED,
    TOP,
    Gate,
    left_with,
)

USED = Usage(10, 0, source="provider")


def gate_of(paid: Limits, places: int = 1, depth: int = 1, hint: str | None = "fast") -> Gate:
    """One paid key, and a local model with so many places."""
    return Gate(paid, overflow=Limits(concurrency=places), hint=hint, queue=Queue(overflow_depth=depth))


def fails(gate: Gate, permit: Permit, *, condition: Any = UPSTREAM_UNREACHABLE, kind: Any = "health") -> None:
    """Before any content."""
    gate.lessons.failed(permit, GatewayError(condition, ""), Verdict(kind), sent=True)


def comes_back(gate: Gate, permit: Permit, ticket: Any) -> "asyncio.Task[Permit]":
    """As `Upstream.call` does after an attempt that failed."""
    ticket.came_back = True
    ticket.tried = (*ticket.tried, permit.way)
    assert gate.dispatcher.has_way(ticket, gate.clock.monotonic())
    return asyncio.get_running_loop().create_task(gate.admit(ticket))


def used_up(gate: Gate, seconds: float = 7200.0) -> None:
    """The paid key's quota."""
    health, now = gate.ticket().candidates.targets[0][0].health, gate.clock.monotonic()
    health.failed(health.started(now), "quota", now, "used up", now + seconds)


def overflowed(gate: Gate) -> dict[str, float]:
    """What `overflow_total` says."""
    return {
        sample.labels["reason"]: sample.value
        for family in gate.metrics.collect()
        for sample in family.samples
        if sample.name == "gateway_overflow_total"
    }


# ---- no key in service


@pytest.mark.parametrize("rank", [TOP, CONVERSATION, SCHEDULED])
async def test_without_a_key_in_service_the_local_model_answers(rank: int) -> None:
    gate = gate_of(Limits(rpm=60))
    used_up(gate)
    ticket = gate.ticket(rank)
    permit = await gate.admit(ticket)
    assert (permit.way.key_id, permit.overflow, ticket.exchange.overflow) == ("l", "no_key", "no_key")
    assert overflowed(gate) == {"no_key": 1}


async def test_without_a_key_in_service_it_waits_for_the_local_model_and_the_key() -> None:
    gate = gate_of(Limits(rpm=60))
    used_up(gate)
    held = await gate.admit(gate.ticket())
    second, third = await gate.waiting(), gate.ticket()
    with pytest.raises(GatewayError) as caught:
        await gate.admit(third)
    assert caught.value.condition is NO_KEY_NOW, "as many wait as may"
    assert caught.value.retry_after_s == 2.0, "of a second each"
    gate.lessons.finished(held, USED, gate.clock.monotonic())
    await turns()
    assert second.result().way.key_id == "l"
    fourth = await gate.waiting()
    gate.ticket().candidates.targets[0][0].health.reinstate(gate.clock.monotonic(), "a person")
    gate.dispatcher.room_anywhere()
    await turns()
    assert (fourth.result().way.key_id, fourth.result().overflow) == ("k0", None)


async def test_who_must_have_the_model_asked_for_is_refused_without_a_key() -> None:
    gate = gate_of(Limits(rpm=60), hint="smart")
    used_up(gate)
    with pytest.raises(GatewayError) as caught:
        await gate.admit(gate.ticket(SCHEDULED))
    assert caught.value.condition is NO_KEY_NOW
    assert (await gate.admit(gate.ticket(EVALUATION))).way.key_id == "l"


async def test_without_a_key_and_with_a_local_model_that_only_fails_it_is_refused() -> None:
    gate = gate_of(Limits(rpm=60))
    used_up(gate)
    for _ in range(5):
        fails(gate, await gate.admit(gate.ticket()))
    with pytest.raises(GatewayError) as caught:
        await gate.admit(gate.ticket())
    assert caught.value.condition is NO_KEY_NOW
    await passes(3.1)
    assert (await gate.admit(gate.ticket())).way.key_id == "l", "it is tried again"


async def test_when_the_last_key_refused_the_local_model_is_a_way() -> None:
    gate = gate_of(Limits(rpm=60))
    ticket = gate.ticket()
    permit = await gate.admit(ticket)
    assert permit.way.key_id == "k0"
    fails(gate, permit, kind="quota")
    again = comes_back(gate, permit, ticket)
    await turns()
    assert (again.result().way.key_id, ticket.exchange.overflow) == ("l", "no_key")


@pytest.mark.parametrize("permanent", [False, True])
async def test_that_no_key_serves_is_not_the_last_word_where_a_local_model_does(permanent: bool) -> None:
    gate = gate_of(Limits(rpm=60))
    used_up(gate)
    if permanent:
        gate.health.credentials["k0"]._quarantine(gate.clock.monotonic(), "refused")
    await gate.admit(gate.ticket())
    waiting = await gate.waiting()
    with pytest.raises(GatewayError) as caught:
        await gate.admit(gate.ticket())
    assert (caught.value.condition, caught.value.retry_after_s) == (NO_KEY_NOW, 2.0)
    waiting.cancel()


async def test_who_is_refused_is_told_when_the_local_model_would_serve_it() -> None:
    gate = gate_of(Limits(rpm=60), places=2)
    gate.filled(60, TOP)
    held = [await gate.admit(gate.ticket()) for _ in range(2)]
    assert {permit.way.key_id for permit in held} == {"l"}
    waiting = await gate.waiting()
    with pytest.raises(GatewayError) as caught:
        await gate.admit(gate.ticket())
    assert caught.value.condition is DEADLINE_UNREACHABLE
    assert "about 6" in caught.value.message and caught.value.retry_after_s == 1.0, "two have to end, of two"
    gate.account("l").breaker.failed(gate.clock.monotonic())
    with pytest.raises(GatewayError) as caught:
        await gate.admit(gate.ticket())
    assert (caught.value.retry_after_s or 0.0) > 60.0, "it fails"
    waiting.cancel()


# ---- a local model that fails


async def past_the_depth(gate: Gate) -> list[asyncio.Task[Permit]]:
    """From now on who may overflows: of a class that does not, two wait."""
    gate.filled(60, TOP)
    return [await gate.waiting(SCHEDULED) for _ in range(2)]


def deep(places: int = 1) -> Gate:
    return gate_of(Limits(rpm=60), places, hint=None)


@pytest.mark.parametrize(
    ("condition", "kind"),
    [(UPSTREAM_UNREACHABLE, "health"), (UPSTREAM_UNREACHABLE, "saturation"), (MODEL_NOT_FOUND, "caller")],
)
async def test_after_one_failure_nobody_overflows_for_a_while_who_can_wait(condition: Any, kind: Any) -> None:
    gate = deep(places=4)
    await past_the_depth(gate)
    first = await gate.admit(gate.ticket(EVALUATION))
    assert first.overflow == "depth"
    fails(gate, first, condition=condition, kind=kind)
    ticket = gate.ticket(EVALUATION)
    waiting = await gate.waiting(ticket=ticket)
    assert (gate.dispatcher.line.depth(("k0",)), ticket.exchange.overflow) == (3, None)
    await passes(3.1)
    await passes(1.0)
    assert waiting.result().way.key_id == "l", "one is tried again"
    other = await gate.waiting(EVALUATION)
    gate.lessons.finished(waiting.result(), USED, gate.clock.monotonic())
    await passes(1.0)
    assert other.result().way.key_id == "l", "it answered"


async def test_requests_it_refuses_do_not_shut_the_local_model_for_long() -> None:
    gate = deep(places=4)
    await past_the_depth(gate)
    for _ in range(3):
        permit = await gate.admit(gate.ticket(EVALUATION))
        assert permit.way.key_id == "l"
        fails(gate, permit, kind="caller")
        waiting = await gate.waiting(EVALUATION)
        await passes(3.1)
        await passes(1.0)
        assert waiting.result().way.key_id == "l", "one is tried"
        gate.lessons.finished(waiting.result(), USED, gate.clock.monotonic())


async def test_who_failed_there_goes_back_to_the_line_of_the_paid_key_before_its_class() -> None:
    gate = deep()
    waiting = await past_the_depth(gate)
    ticket = gate.ticket(EVALUATION)
    permit = await gate.admit(ticket)
    later = await gate.waiting(EVALUATION)
    fails(gate, permit)
    again = comes_back(gate, permit, ticket)
    await turns()
    assert gate.dispatcher.line.depth(("k0",)) == 3
    assert not again.done()
    await passes(63.0)
    assert [task.result().way.key_id for task in waiting] == ["k0", "k0"]
    assert (again.result().way.key_id, again.result().overflow) == ("k0", None)
    later.cancel()


async def test_who_waits_for_a_local_model_that_failed_is_served_by_the_paid_key() -> None:
    gate = deep()
    await past_the_depth(gate)
    first = await gate.admit(gate.ticket(EVALUATION))
    second = await gate.waiting(EVALUATION)
    assert gate.dispatcher.line.depth(("l", "k0")) == 1
    fails(gate, first)
    await turns()
    assert not second.done(), "it is not sent after it"
    gate.account("l").blocked_until = gate.clock.monotonic() + 100.0
    await passes(63.0)
    assert second.result().way.key_id == "k0"


# ---- later than on arrival


async def beside_a_full_local_model(gate: Gate) -> tuple[asyncio.Task[Permit], Permit]:
    """The one who waits for the paid key with nobody before it, and the one whom the local model's place has."""
    gate.filled(60, TOP)
    first = await gate.waiting(EVALUATION)
    held = await gate.admit(gate.ticket(EVALUATION))
    assert (held.way.key_id, held.overflow) == ("l", "depth")
    return first, held


async def test_a_place_goes_to_who_waits_too_deep_in_line_and_worst_off() -> None:
    gate = gate_of(Limits(rpm=60), depth=0)
    first, held = await beside_a_full_local_model(gate)
    ticket = gate.ticket(EVALUATION, deadline_s=100.0)
    second = await gate.waiting(ticket=ticket)
    assert gate.dispatcher.line.depth(("k0",)) == 2, "nobody may wait for the local model"
    gate.lessons.finished(held, USED, gate.clock.monotonic())
    await turns()
    assert (second.result().way.key_id, ticket.exchange.overflow) == ("l", "depth")
    assert overflowed(gate) == {"depth": 2}
    gate.lessons.finished(second.result(), USED, gate.clock.monotonic())
    await turns()
    assert not first.done(), "it has nobody before it"
    assert (gate.account("l").in_flight, len(gate.dispatcher.line)) == (0, 1)


async def test_a_place_goes_to_the_more_urgent_first() -> None:
    gate = gate_of(Limits(rpm=60), depth=0)
    first, held = await beside_a_full_local_model(gate)
    scheduled, consolidation = await gate.waiting(SCHEDULED), await gate.waiting(CONSOLIDATION)
    await gate.waiting(EVALUATION)
    for task in (scheduled, consolidation, first):
        gate.lessons.finished(held, USED, gate.clock.monotonic())
        await turns()
        held = task.result()
        assert held.way.key_id == "l"


async def test_nobody_expires_beside_an_idle_local_model() -> None:
    """Of a place that is held nobody knows for how long, so no forecast ever said that it will be late."""
    gate = gate_of(Limits(concurrency=1), depth=5)
    gate.filled(1)
    ticket, asked = gate.ticket(), gate.ticket(deadline_s=10.0)
    task, hurried = await gate.waiting(ticket=ticket), await gate.waiting(ticket=asked)
    await passes(8.9)
    assert not hurried.done()
    await passes(0.5)
    assert (hurried.result().way.key_id, asked.exchange.overflow) == ("l", "deadline")
    gate.lessons.finished(hurried.result(), USED, gate.clock.monotonic())
    await passes(8.4)
    assert not task.done()
    await passes(0.6)
    assert (task.result().way.key_id, ticket.exchange.overflow) == ("l", "deadline")


async def test_when_the_key_goes_out_of_service_who_waits_for_it_goes_over() -> None:
    gate = gate_of(Limits(rpm=60, concurrency=1), places=2, depth=5)
    (held,) = gate.filled(1)
    tasks = [await gate.waiting() for _ in range(3)]
    fails(gate, held, kind="quota")
    await turns()
    gone = [task.result() for task in tasks if task.done()]
    assert (len(gone), overflowed(gate)) == (2, {"no_key": 2})
    gate.lessons.finished(gone[0], USED, gate.clock.monotonic())
    await turns()
    assert [task.result().way.key_id for task in tasks] == ["l", "l", "l"]


async def test_who_may_not_stays_in_line_until_its_end() -> None:
    gate = gate_of(Limits(concurrency=1), hint="smart")
    gate.filled(1)
    task = await gate.waiting(CONVERSATION)
    await passes(20.1)
    left_with(task, QUEUE_TIMEOUT)


async def test_a_cancelled_waiter_takes_no_place() -> None:
    gate = gate_of(Limits(rpm=60), depth=0)
    first, held = await beside_a_full_local_model(gate)
    second = await gate.waiting(EVALUATION)
    await gate.waiting(EVALUATION)
    gate.lessons.finished(held, USED, gate.clock.monotonic())
    await asyncio.sleep(0)  # the first has the place and has not run
    first.cancel()
    await turns()
    assert first.cancelled()
    assert (second.result().way.key_id, gate.account("l").in_flight) == ("l", 1)
