"""Who is admitted, who waits, what wakes them, and that nothing is left behind."""

import asyncio
import gc

import pytest

from gateway.charge import Estimate
from gateway.errors import (
    CANCELLED_BY_ADMIN,
    RATE_LIMITED,
    REQUEST_TOO_LARGE,
    UPSTREAM_ERROR,
    GatewayError,
)
from gateway.exchange import Sized, Usage
from gateway.pipeline.ticket import Ticket
from gateway.record import replace
from gateway.settings.snapshot import Limits
from gateway.upstream.verdict import Verdict
from tests.clock import passes, turns
from tests.pipeline.admission_parts import (
    CONSOLIDATION,
    CONVERSATION,
    EVALUATION,
    LATE_S,
    SCHEDULED,
    TOP,
    WINDOW_S,
    Gate,
    left_with,
)

# ---- the fast path


async def test_with_room_a_permit_comes_at_once() -> None:
    gate = Gate(Limits(rpm=10))
    (permit,) = gate.filled(1)
    assert permit.way.key_id == "k0"
    assert (gate.account().in_flight, gate.used()) == (1, {"rpm": 1})
    gate.dispatcher.end(permit, None, gate.clock.monotonic())
    assert (gate.account().in_flight, gate.used()) == (0, {"rpm": 1})


async def test_what_was_not_sent_is_as_if_never_taken() -> None:
    gate = Gate(Limits(rpm=1))
    (permit,) = gate.filled(1)
    assert gate.at_once() is None
    gate.dispatcher.give_back(permit)
    assert (gate.account().in_flight, gate.used()) == (0, {"rpm": 0})
    gate.filled(1)


async def test_the_next_key_serves_when_the_first_is_full() -> None:
    gate = Gate(Limits(rpm=1), Limits(rpm=1))
    assert {permit.way.key_id for permit in gate.filled(2)} == {"k0", "k1"}
    assert gate.at_once() is None


async def test_nobody_passes_who_is_as_urgent_and_waits() -> None:
    gate = Gate(Limits(tpm=1000))
    gate.filled(1, tokens=950)
    await gate.waiting(SCHEDULED, tokens=500)
    assert gate.at_once(EVALUATION, tokens=1) is None
    assert gate.at_once(SCHEDULED, tokens=1) is None
    assert gate.at_once(TOP, tokens=1) is not None, "nobody of the top class waits"


async def test_what_is_larger_than_a_ceiling_is_not_let_into_an_empty_window() -> None:
    gate = Gate(Limits(tpm=1000))
    for rank in (TOP, CONVERSATION):
        assert gate.at_once(rank, tokens=1001) is None
    assert gate.at_once(TOP, tokens=1000) is not None


# ---- what wakes who waits


async def test_an_end_wakes_who_waits_for_a_place() -> None:
    gate = Gate(Limits(concurrency=1))
    (permit,) = gate.filled(1)
    task = await gate.waiting()
    gate.dispatcher.end(permit, None, gate.clock.monotonic())
    await turns()
    assert task.result().way.key_id == "k0"
    assert task.result().item is not None


async def test_a_settlement_for_less_wakes_who_waits_for_tokens() -> None:
    gate = Gate(Limits(tpm=1000))
    (permit,) = gate.filled(1, TOP, tokens=900)
    await passes(LATE_S)
    task = await gate.waiting(TOP, tokens=500)
    assert permit.grant is not None
    gate.dispatcher.end(permit, replace(permit.grant.charge, tokens=300), gate.clock.monotonic())
    await turns()
    assert task.done()


async def test_the_ledgers_time_wakes_and_not_before() -> None:
    gate = Gate(Limits(rpm=1))
    gate.filled(1)
    task = await gate.waiting(SCHEDULED)
    await passes(59.9)
    assert not task.done()
    await passes(WINDOW_S - 59.9)
    assert task.done()


async def test_health_that_opens_wakes() -> None:
    gate = Gate(Limits(rpm=100))
    way = gate.ticket().targets[0][0]
    turn = way.health.started(gate.clock.monotonic())
    now = gate.clock.monotonic()
    way.health.failed(turn, "quota", now, "used up", now + 10)
    task = await gate.waiting(SCHEDULED)
    await passes(9.9)
    assert not task.done()
    await passes(0.2)
    assert task.done(), "it is the probe"


async def test_a_probes_first_content_wakes_before_its_end() -> None:
    gate = Gate(Limits(rpm=100))
    ticket = gate.ticket(SCHEDULED)
    way = ticket.targets[0][0]
    now = gate.clock.monotonic()
    way.health.failed(way.health.started(now), "quota", now, "used up", now + 1)
    await passes(1.1)
    probe = gate.dispatcher.at_once(ticket, gate.clock.monotonic())
    assert probe is not None and way.health.state == "probing"
    task = await gate.waiting(SCHEDULED)
    await passes(5.0)
    assert not task.done()
    ticket.exchange.first_content = gate.clock.monotonic()
    gate.lessons.answered(ticket.exchange, probe)
    await turns()
    assert task.done()


async def test_a_first_attempt_that_pays_for_another_wakes_who_waits_for_one() -> None:
    gate = Gate(Limits(rpm=100))
    attempts, now = gate.dispatcher.attempts, gate.clock.monotonic()
    for _ in range(9):
        attempts.first(now)
    assert attempts.budget.withdraw(now) and not attempts.budget.allows(now)
    back = gate.ticket(SCHEDULED)
    back.came_back = back.owes_retry = True
    task = asyncio.get_running_loop().create_task(gate.stand(back))
    await passes(1.0)
    assert not task.done()
    attempts.first(gate.clock.monotonic())
    await turns()
    assert task.done() and not attempts.budget.allows(gate.clock.monotonic())


async def test_a_key_that_serves_again_because_it_is_the_last_wakes_who_waits_for_it() -> None:
    gate = Gate(Limits(rpm=100), Limits(concurrency=1))
    ways = gate.ticket().targets[0]
    now = gate.clock.monotonic()
    for _ in range(5):
        ways[0].health.failed(ways[0].health.started(now), "health", now, "500")
    assert ways[0].health.state == "cooling"
    (last,) = gate.filled(1)
    assert last.way is ways[1]
    task = await gate.waiting(TOP)
    gate.lessons.failed(last, GatewayError(UPSTREAM_ERROR, ""), Verdict("quota"), sent=True)
    await turns()
    assert task.result().way is ways[0]


async def test_a_providers_word_is_waited_for() -> None:
    gate = Gate(Limits(rpm=100))
    (permit,) = gate.filled(1)
    error = GatewayError(RATE_LIMITED, "Slow down.")
    gate.lessons.failed(permit, error, Verdict("rate", "rpm", 7.0), sent=True)
    assert gate.at_once() is None
    task = await gate.waiting()
    await passes(6.9)
    assert not task.done()
    await passes(0.2)
    assert task.done()


async def test_who_leaves_lets_those_go_for_whom_there_is_room() -> None:
    """Room was being gathered for it."""
    gate = Gate(Limits(tpm=1000))
    gate.filled(1, TOP, tokens=800)
    await passes(LATE_S)
    large = await gate.waiting(SCHEDULED, tokens=900)
    small = await gate.waiting(SCHEDULED, tokens=100)
    large.cancel()
    await turns()
    assert small.done()


async def test_so_does_whom_an_operator_takes_out() -> None:
    gate = Gate(Limits(tpm=1000))
    gate.filled(1, TOP, tokens=800)
    await passes(LATE_S)
    ticket = gate.ticket(SCHEDULED, tokens=900)
    large = await gate.waiting(ticket=ticket)
    small = await gate.waiting(SCHEDULED, tokens=100)
    assert not small.done()
    assert gate.dispatcher.cancel(ticket.exchange.request_id)
    await turns()
    left_with(large, CANCELLED_BY_ADMIN)
    assert not gate.dispatcher.cancel(ticket.exchange.request_id), "it does not wait any more"
    assert small.done()


async def test_who_goes_elsewhere_lets_those_behind_it_go() -> None:
    """The next of its lane is smaller: it fits where the first did not."""
    gate = Gate(Limits(tpm=1000), Limits(tpm=2000, concurrency=1))
    (busy,) = gate.filled(1, TOP, tokens=1500)
    assert busy.way.key_id == "k1"
    (full,) = gate.filled(1, TOP, tokens=900)
    assert full.way.key_id == "k0"
    await passes(LATE_S)
    first = await gate.waiting(TOP, tokens=400)
    second = await gate.waiting(TOP, tokens=50)
    gate.dispatcher.end(busy, None, gate.clock.monotonic())
    await turns()
    assert first.result().way.key_id == "k1"
    assert second.result().way.key_id == "k0"


async def test_one_timer_an_account_and_none_when_closed() -> None:
    gate = Gate(Limits(rpm=60))
    gate.filled(60, TOP)
    loop = asyncio.get_running_loop()
    armed: list[asyncio.TimerHandle] = []
    call_at = loop.call_at

    def counted(*args: object, **named: object) -> asyncio.TimerHandle:
        timer = call_at(*args, **named)  # type: ignore[arg-type]
        armed.append(timer)
        return timer

    loop.call_at = counted  # type: ignore[method-assign]
    try:
        tasks = [await gate.waiting(EVALUATION) for _ in range(20)]
    finally:
        loop.call_at = call_at  # type: ignore[method-assign]
    live = [timer for timer in armed if not timer.cancelled()]
    assert len(live) <= 2, "one for the account, one for who expires first"
    gate.dispatcher.close()
    assert all(timer.cancelled() for timer in armed)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


# ---- leaving


async def test_a_cancelled_waiter_leaves_no_trace() -> None:
    gate = Gate(Limits(concurrency=1))
    (permit,) = gate.filled(1)
    task = await gate.waiting()
    task.cancel()
    await turns()
    assert task.cancelled()
    assert (len(gate.dispatcher.line), gate.dispatcher.line.bytes) == (0, 0)
    gate.dispatcher.end(permit, None, gate.clock.monotonic())
    await turns()
    assert (gate.account().in_flight, gate.used()) == (0, {"concurrency": 0})


async def test_a_permit_granted_in_the_turn_of_the_cancellation_goes_to_the_next() -> None:
    gate = Gate(Limits(rpm=60, concurrency=1))
    (permit,) = gate.filled(1)
    first, second = await gate.waiting(SCHEDULED), await gate.waiting(SCHEDULED)
    gate.dispatcher.give_back(permit)
    await asyncio.sleep(0)  # the line has been looked at; the first has its permit and has not run
    first.cancel()
    await turns()
    assert first.cancelled()
    assert second.done() and not second.cancelled()
    assert (gate.account().in_flight, gate.used()) == (1, {"rpm": 1, "concurrency": 1})


async def test_put_back_goes_first_of_its_lane_and_not_before_more_urgent_work() -> None:
    gate = Gate(Limits(concurrency=1))
    (permit,) = gate.filled(1)
    other = await gate.waiting(SCHEDULED)
    urgent = await gate.waiting(TOP)
    back = gate.ticket(SCHEDULED)
    back.came_back = True
    now = gate.clock.monotonic()
    assert gate.dispatcher.at_once(back, now, ahead=True) is None
    again = asyncio.get_running_loop().create_task(gate.stand(back))
    await turns()
    order = []
    for task in (urgent, again, other):
        gate.dispatcher.end(permit, None, gate.clock.monotonic())
        await turns()
        order.append(task.done())
        permit = task.result()
    assert order == [True, True, True]


async def test_put_back_goes_at_once_before_its_own_class_only() -> None:
    gate = Gate(Limits(tpm=1000))
    gate.filled(1, TOP, tokens=900)
    await passes(LATE_S)
    await gate.waiting(SCHEDULED, tokens=500)
    now = gate.clock.monotonic()
    assert gate.dispatcher.at_once(gate.ticket(CONSOLIDATION, tokens=1), now, ahead=True) is None
    assert gate.dispatcher.at_once(gate.ticket(SCHEDULED, tokens=1), now, ahead=True) is not None


async def test_charged_where_it_leaves_and_not_where_it_began_to_connect() -> None:
    gate = Gate(Limits(rpm=1))
    (permit,) = gate.filled(1)
    await passes(3.0)
    gate.dispatcher.sent(permit)
    gate.lessons.finished(permit, Usage(10, 0, source="provider"), gate.clock.monotonic())
    await passes(WINDOW_S - 3.0)
    assert gate.at_once(TOP) is None
    await passes(3.0)
    assert gate.at_once(TOP) is not None


@pytest.mark.parametrize(
    ("estimate", "goes"),
    [
        (Estimate(10, 20, 1024, None), True),  # an answer that nobody asked to be so long
        (Estimate(10, 20, 1024, 1024), False),
        (Estimate(400, 700, 0, 0), True),  # feared, not thought
        (Estimate(600, 700, 0, 0), False),
    ],
)
async def test_what_is_only_assumed_keeps_nobody_out_of_a_small_key(estimate: Estimate, goes: bool) -> None:
    gate = Gate(Limits(tpm=500))
    ticket = gate.ticket()
    ticket.exchange.sizing = Sized(estimate=estimate)
    if goes:
        permit = gate.dispatcher.at_once(ticket, gate.clock.monotonic())
        assert permit is not None and permit.grant is not None and permit.grant.charge.tokens == 500
    else:
        with pytest.raises(GatewayError) as caught:
            await gate.admit(ticket)
        assert caught.value.condition is REQUEST_TOO_LARGE


async def test_who_waited_holds_nothing_that_only_the_collector_would_free() -> None:
    gc.collect()
    before = sum(isinstance(one, Ticket) for one in gc.get_objects())
    gc.disable()
    try:
        gate = Gate(Limits(concurrency=1))
        (permit,) = gate.filled(1)
        served, left = await gate.waiting(), await gate.waiting()
        left.cancel()
        gate.dispatcher.end(permit, None, gate.clock.monotonic())
        await turns()
        gate.dispatcher.end(served.result(), None, gate.clock.monotonic())
        del permit, served, left
        await turns()
        assert sum(isinstance(one, Ticket) for one in gc.get_objects()) == before
    finally:
        gc.enable()
