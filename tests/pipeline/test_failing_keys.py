"""The line beside a key that fails: it is tried one at a time, and what is sound is waited for."""

import asyncio

import pytest

from gateway.errors import DEADLINE_UNREACHABLE, UPSTREAM_ERROR, GatewayError
from gateway.pipeline.router import Way
from gateway.pipeline.ticket import Permit, Ticket
from gateway.settings.snapshot import Limits
from gateway.upstream.verdict import Verdict
from tests.clock import passes, turns
from tests.pipeline.admission_parts import CONVERSATION, SCHEDULED, TOP, Gate


def dead_and_full(*sound: Limits) -> tuple[Gate, list[Permit]]:
    """`k0` has plenty of room and is left out for its health; `k1`, with one place, is full."""
    gate = Gate(Limits(rpm=100), *(sound or (Limits(concurrency=1),)))
    ejected(gate)
    return gate, gate.filled(1)


def ways(gate: Gate) -> tuple[Way, ...]:
    return gate.ticket().targets[0]


def ejected(gate: Gate) -> None:
    health, now = ways(gate)[0].health, gate.clock.monotonic()
    for _ in range(5):
        health.failed(health.started(now), "health", now, "500")
    assert health.state == "cooling"


def fails(gate: Gate, permit: Permit) -> None:
    gate.lessons.failed(permit, GatewayError(UPSTREAM_ERROR, ""), Verdict("health"), sent=True)


def answers(gate: Gate, ticket: Ticket, permit: Permit) -> None:
    ticket.exchange.first_content = gate.clock.monotonic()
    gate.lessons.answered(ticket.exchange, permit)


async def test_nobody_who_waits_goes_there_but_one_of_a_low_class_for_a_probe() -> None:
    gate, _ = dead_and_full()
    urgent, low = await gate.waiting(CONVERSATION), gate.ticket(SCHEDULED)
    probe, other = await gate.waiting(ticket=low), await gate.waiting(SCHEDULED)
    await passes(2.9)
    assert not any(task.done() for task in (urgent, probe, other))
    await passes(0.2)
    assert probe.result().way.key_id == "k0"
    await passes(5.0)
    assert not (urgent.done() or other.done()), "one at a time"
    answers(gate, low, probe.result())
    await turns()
    assert urgent.result().way.key_id == "k0"


async def test_who_is_urgent_is_the_probe_where_nobody_else_is() -> None:
    gate, _ = dead_and_full()
    urgent = await gate.waiting(TOP)
    await passes(5.9)
    assert not urgent.done()
    await passes(0.2)
    assert urgent.result().way.key_id == "k0"


async def test_a_probe_that_fails_goes_back_to_the_line_and_the_next_comes_later() -> None:
    gate, (held,) = dead_and_full()
    ticket = gate.ticket(SCHEDULED)
    probe, other = await gate.waiting(ticket=ticket), await gate.waiting(SCHEDULED)
    await passes(3.1)
    fails(gate, probe.result())
    ticket.came_back, ticket.tried = True, (probe.result().way,)
    again = await gate.waiting(ticket=ticket)
    await passes(5.8)
    assert not (again.done() or other.done())
    await passes(0.3)
    assert other.result().way.key_id == "k0" and not again.done(), "the next probe is another's"
    gate.dispatcher.end(held, None, gate.clock.monotonic())
    await turns()
    assert again.result().way.key_id == "k1"


async def test_a_probe_comes_when_the_budget_could_make_it_good() -> None:
    gate, _ = dead_and_full()
    attempts = gate.dispatcher.attempts
    assert attempts.budget.withdraw(gate.clock.monotonic())
    task = await gate.waiting(SCHEDULED)
    await passes(30.0)
    assert not task.done()
    for _ in range(10):
        attempts.first(gate.clock.monotonic())
    await passes(1.1)
    assert task.result().way.key_id == "k0"


async def test_when_what_was_sound_fails_too_whoever_waits_goes_to_either() -> None:
    gate, (held,) = dead_and_full()
    waiting = [await gate.waiting(TOP) for _ in range(3)]
    for _ in range(4):
        health, now = ways(gate)[1].health, gate.clock.monotonic()
        health.failed(health.started(now), "health", now, "500")
    await turns()
    assert not any(task.done() for task in waiting), "it is in service still"
    fails(gate, held)
    await turns()
    assert [task.result().way.key_id for task in waiting] == ["k0", "k0", "k0"]


async def test_a_sound_key_that_is_too_small_for_it_is_no_reason_to_wait() -> None:
    gate, _ = dead_and_full(Limits(tpm=20))
    assert (await gate.admit(gate.ticket(SCHEDULED, tokens=21))).way.key_id == "k0"
    task = await gate.waiting(SCHEDULED, tokens=20)
    await passes(1.0)
    assert not task.done()
    task.cancel()


async def test_what_is_left_out_is_no_second_attempt_beside_one_that_runs() -> None:
    gate, _ = dead_and_full(Limits(rpm=100))
    ticket, now = gate.ticket(), gate.clock.monotonic()
    (first,) = gate.filled(1)
    assert first.way.key_id == "k1"
    assert gate.dispatcher.at_once(ticket, now, passed=(first.way,)) is None


async def test_the_expected_wait_is_that_for_what_is_sound() -> None:
    waits = []
    for fails_too in (False, True):
        gate = Gate(Limits(rpm=60), Limits(rpm=60))
        gate.filled(120, TOP)
        if fails_too:
            ejected(gate)
        waiting = [await gate.waiting(SCHEDULED) for _ in range(40)]
        ticket = gate.ticket(SCHEDULED)
        waiting.append(await gate.waiting(ticket=ticket))
        forecast = gate.dispatcher.forecast(ticket.exchange.request_id)
        assert forecast is not None and forecast.position == 40
        waits.append(forecast.wait_s - 60.0)
        for task in waiting:
            task.cancel()
    assert waits[1] == pytest.approx(2 * waits[0], rel=0.1)


async def test_who_would_wait_for_another_day_is_told_to_ask_when_it_was_tried_again() -> None:
    gate, _ = dead_and_full(Limits(rpd=1))
    with pytest.raises(GatewayError) as caught:
        await gate.admit(gate.ticket())
    assert caught.value.condition is DEADLINE_UNREACHABLE
    assert caught.value.retry_after_s == 60.0


async def test_who_waits_asks_for_room_where_it_may_go_and_not_in_turn_where_it_may_not() -> None:
    gate, _ = dead_and_full()
    waiting = [await gate.waiting() for _ in range(3)]
    assert [len(gate.dispatcher.waiters.asks(name, 9)) for name in ("k0", "k1")] == [0, 3]
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
