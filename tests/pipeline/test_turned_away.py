"""Who is not admitted, and what they are told; order of classes; overflow; what a ledger is told of who waits."""

import asyncio

import pytest

from gateway.admission.ledger import Observation
from gateway.charge import Charge, Estimate
from gateway.errors import (
    DEADLINE_EXCEEDED,
    DEADLINE_UNREACHABLE,
    NO_ELIGIBLE_KEY,
    NO_KEY_NOW,
    QUEUE_FULL,
    QUEUE_TIMEOUT,
    RATE_LIMITED,
    REQUEST_TOO_LARGE,
    UPSTREAM_ERROR,
    Condition,
    GatewayError,
)
from gateway.exchange import Sized
from gateway.pipeline.ticket import Ticket
from gateway.settings.snapshot import Limits, Queue
from gateway.upstream.verdict import Kind, Verdict
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

# ---- refusals


async def test_too_large_is_told_at_once() -> None:
    gate = Gate(Limits(tpm=1000), Limits(tpm=500))
    with pytest.raises(GatewayError) as caught:
        await gate.admit(gate.ticket(tokens=1001))
    assert caught.value.condition is REQUEST_TOO_LARGE
    assert "1001 of tpm" in caught.value.message


async def test_a_key_that_is_too_small_is_not_waited_for() -> None:
    gate = Gate(Limits(tpm=500), Limits(tpm=1000))
    gate.filled(1, TOP, tokens=1000)
    task = await gate.waiting(SCHEDULED, tokens=600)
    assert gate.dispatcher.line.depth(("k1",)) == 1
    task.cancel()


async def test_shed_for_another_and_an_honest_retry_after() -> None:
    gate = Gate(Limits(rpm=60), queue=Queue(depth_max=1))
    gate.filled(60, TOP)
    await passes(LATE_S)
    low = await gate.waiting(EVALUATION)
    urgent = asyncio.get_running_loop().create_task(gate.admit(gate.ticket(TOP)))
    await turns()
    assert not urgent.done()
    error = left_with(low, QUEUE_FULL)
    assert error.retry_after_s is not None and error.retry_after_s >= WINDOW_S - LATE_S - 0.2
    await passes(WINDOW_S - LATE_S)
    assert urgent.done()


async def test_a_full_line_refuses_the_arrival() -> None:
    gate = Gate(Limits(rpm=1), queue=Queue(depth_max=1))
    gate.filled(1, TOP)
    first = await gate.waiting(SCHEDULED)
    with pytest.raises(GatewayError) as caught:
        await gate.admit(gate.ticket(EVALUATION))
    assert caught.value.condition is QUEUE_FULL
    assert caught.value.retry_after_s is not None and caught.value.retry_after_s >= 50.0
    assert not first.done()


async def test_what_cannot_make_its_deadline_is_refused_on_arrival() -> None:
    gate = Gate(Limits(rpm=1))
    gate.filled(1)
    with pytest.raises(GatewayError) as caught:
        await gate.admit(gate.ticket(deadline_s=10.0))
    assert caught.value.condition is DEADLINE_UNREACHABLE
    assert caught.value.retry_after_s == pytest.approx(60.6, abs=0.2)


def writing(gate: Gate, *, guessed: bool, rank: int = CONVERSATION) -> Ticket:
    """A request that is expected to write an eighth of 8,000 tokens."""
    ticket = gate.ticket(rank)
    ticket.exchange.sizing = Sized(estimate=Estimate(10, 10, 1_000, None, guessed=guessed))
    return ticket


@pytest.mark.parametrize("is_new", [False, True])
async def test_behind_mere_guesses_nobody_is_refused_for_the_wait(is_new: bool) -> None:
    """They are given back when the answers turn out to be short."""
    gate = Gate(Limits(otpm=8_000))
    now = gate.clock.monotonic()
    permits = [gate.dispatcher.at_once(writing(gate, guessed=True, rank=TOP), now) for _ in range(8)]
    waiting = await gate.waiting(ticket=writing(gate, guessed=is_new))
    await passes(0.5)
    assert not waiting.done()
    for permit in permits:
        assert permit is not None
        gate.dispatcher.end(permit, Charge(1, 10, 30, 40), gate.clock.monotonic())
    await passes(1.0)
    assert (await waiting).way.account.guessed == (1_000 if is_new else 0)


@pytest.mark.parametrize(
    ("limits", "guessed", "is_new"),
    [(Limits(otpm=8_000), False, False), (Limits(otpm=8_000, rpm=8), True, True)],
    ids=["what is written is known", "requests are what is short"],
)
async def test_what_is_known_refuses_for_the_wait(limits: Limits, guessed: bool, is_new: bool) -> None:
    gate = Gate(limits)
    now = gate.clock.monotonic()
    for _ in range(8):
        assert gate.dispatcher.at_once(writing(gate, guessed=guessed, rank=TOP), now)
    with pytest.raises(GatewayError) as caught:
        await gate.admit(writing(gate, guessed=is_new))
    assert caught.value.condition is DEADLINE_UNREACHABLE


@pytest.mark.parametrize("deadline_s", [None, 8.0])
async def test_the_end_of_patience(deadline_s: float | None) -> None:
    gate = Gate(Limits(concurrency=1))
    gate.filled(1)
    task = await gate.waiting(CONVERSATION, deadline_s=deadline_s)
    patience_s = deadline_s or 20.0
    await passes(patience_s - 0.1)
    assert not task.done()
    await passes(0.2)
    left_with(task, QUEUE_TIMEOUT if deadline_s is None else DEADLINE_EXCEEDED)
    assert len(gate.dispatcher.line) == 0


async def test_who_waited_in_vain_is_told_when_there_is_room() -> None:
    gate = Gate(Limits(rpm=60))
    gate.filled(60, TOP)
    await passes(WINDOW_S - 22.0)
    task = await gate.waiting(CONVERSATION)
    await passes(20.1)
    error = left_with(task, QUEUE_TIMEOUT)
    assert error.retry_after_s == pytest.approx(2.0, abs=1.0)


async def test_who_waited_in_vain_for_a_further_attempt_is_told_so_and_to_come_anew() -> None:
    """There is room, and a new request is no further attempt."""
    gate = Gate(Limits(rpm=100))
    attempts, now = gate.dispatcher.attempts, gate.clock.monotonic()
    attempts.first(now)
    assert attempts.budget.withdraw(now)
    back = gate.ticket(CONVERSATION)
    back.came_back = back.owes_retry = True
    task = asyncio.get_running_loop().create_task(gate.stand(back))
    await passes(20.1)
    error = left_with(task, QUEUE_TIMEOUT)
    assert "no further attempt" in error.message and "room" not in error.message
    assert error.retry_after_s == 0.5


async def test_a_deadline_that_has_passed_when_it_comes_is_exceeded() -> None:
    gate = Gate(Limits(rpm=1))
    gate.filled(1)
    with pytest.raises(GatewayError) as caught:
        await gate.admit(gate.ticket(deadline_s=-0.001))
    assert caught.value.condition is DEADLINE_EXCEEDED


async def test_no_key_now_and_no_key_at_all() -> None:
    gate = Gate(Limits(rpm=10))
    way = gate.ticket().targets[0][0]
    now = gate.clock.monotonic()
    way.health.failed(way.health.started(now), "quota", now, "used up", now + 300)
    with pytest.raises(GatewayError) as caught:
        await gate.admit(gate.ticket())
    assert caught.value.condition is NO_KEY_NOW
    # A more urgent class than the probe's waits a little longer.
    assert caught.value.retry_after_s == pytest.approx(300.0, abs=3.1)
    way.health.quarantine(now, "refused")
    with pytest.raises(GatewayError) as caught:
        await gate.admit(gate.ticket())
    assert caught.value.condition is NO_ELIGIBLE_KEY


@pytest.mark.parametrize(("kind", "why"), [("rate", RATE_LIMITED), ("capacity", NO_KEY_NOW)])
async def test_no_key_for_longer_than_its_patience_is_a_rate_limit_where_it_is_full(
    kind: Kind, why: Condition
) -> None:
    gate = Gate(Limits(concurrency=1), Limits(concurrency=1))
    permits = gate.filled(2)
    waiting = await gate.waiting(CONVERSATION)
    for permit in permits:
        gate.lessons.failed(permit, GatewayError(UPSTREAM_ERROR, ""), Verdict(kind, "rpm", 50.0), sent=True)
    await turns()
    with pytest.raises(GatewayError) as caught:
        await gate.admit(gate.ticket(TOP))
    assert caught.value.condition is why
    for error in (left_with(waiting, why), caught.value):
        assert error.retry_after_s == pytest.approx(50.0, abs=0.1)
    assert not (await gate.waiting(SCHEDULED)).done(), "who has the patience waits"


async def test_what_other_workers_were_refused_is_told_the_same_way() -> None:
    gate = Gate(Limits(rpm=10))
    gate.ledger.observe("k0", Observation("rpm", blocked_ms=50_000), gate.time.now())
    with pytest.raises(GatewayError) as caught:
        await gate.admit(gate.ticket(TOP))
    assert caught.value.condition is RATE_LIMITED
    assert caught.value.retry_after_s == pytest.approx(50.0, abs=0.1)


async def test_who_waits_is_refused_when_the_last_key_is_out_of_service_for_too_long() -> None:
    gate = Gate(Limits(concurrency=1), Limits(concurrency=1))
    first, second = gate.filled(2)
    tasks = [await gate.waiting(TOP, tenant=tenant) for tenant in ("a", "b", "a")]
    gate.lessons.failed(first, GatewayError(UPSTREAM_ERROR, ""), Verdict("quota"), sent=True)
    await turns()
    assert not any(task.done() for task in tasks), "the other serves"
    gate.lessons.failed(second, GatewayError(UPSTREAM_ERROR, ""), Verdict("quota"), sent=True)
    await turns()
    for task in tasks:
        left_with(task, NO_KEY_NOW)
    assert len(gate.dispatcher.line) == 0


async def test_so_is_a_crowd_when_its_keys_credential_is_refused() -> None:
    gate = Gate(Limits(concurrency=1))
    (permit,) = gate.filled(1)
    tasks = [await gate.waiting(SCHEDULED) for _ in range(150)]
    gate.lessons.failed(permit, GatewayError(UPSTREAM_ERROR, ""), Verdict("credential"), sent=True)
    await turns()
    assert sum(task.done() for task in tasks) == 1, "with the secret as it is now"
    gate.lessons.failed(tasks[0].result(), GatewayError(UPSTREAM_ERROR, ""), Verdict("credential"), sent=True)
    await turns(1)
    assert 0 < len(gate.dispatcher.line) < 149, "others get their turn between"
    await passes(0.0)
    for task in tasks[1:]:
        left_with(task, NO_ELIGIBLE_KEY)


async def test_who_has_the_patience_waits_for_a_key_that_comes_back() -> None:
    gate = Gate(Limits(concurrency=1))
    (permit,) = gate.filled(1)
    patient, urgent = await gate.waiting(EVALUATION), await gate.waiting(TOP)
    gate.lessons.failed(permit, GatewayError(UPSTREAM_ERROR, ""), Verdict("quota"), sent=True)
    await turns()
    left_with(urgent, NO_KEY_NOW)
    await passes(600.1)
    assert patient.done() and patient.result().way.health.state == "probing"


# ---- classes


async def test_a_class_below_its_floor_goes_before_more_urgent_ones_but_the_top() -> None:
    gate = Gate(Limits(rpm=600, concurrency=1))
    for _ in range(130):  # more than a fifth of the ceiling
        (permit,) = gate.filled(1, CONVERSATION)
        gate.dispatcher.end(permit, None, gate.clock.monotonic())
    (permit,) = gate.filled(1, TOP)
    arriving = (CONSOLIDATION, SCHEDULED, CONVERSATION, TOP)
    tasks = {rank: await gate.waiting(rank) for rank in arriving}
    for rank in (TOP, SCHEDULED, CONSOLIDATION, CONVERSATION):
        gate.dispatcher.end(permit, None, gate.clock.monotonic())
        await turns()
        assert tasks[rank].done(), rank
        permit = tasks[rank].result()


# ---- overflow


async def test_past_the_depth_who_may_goes_to_the_local_model() -> None:
    gate = Gate(Limits(rpm=60), overflow=Limits(concurrency=1), hint="fast", queue=Queue(overflow_depth=1))
    gate.filled(60, TOP)
    tasks = [await gate.waiting(SCHEDULED), await gate.waiting(SCHEDULED)]
    ticket = gate.ticket(SCHEDULED)
    permit = await gate.admit(ticket)
    assert permit.way.key_id == "l"
    assert ticket.exchange.overflow == "depth"
    second = gate.ticket(SCHEDULED)
    await gate.waiting(ticket=second)
    assert gate.dispatcher.line.depth(("l", "k0")) == 1, "it waits for one of its places"
    gate.dispatcher.end(permit, None, gate.clock.monotonic())
    await turns()
    assert gate.account("l").in_flight == 1
    for task in tasks:
        task.cancel()


async def test_who_must_have_the_model_asked_for_waits() -> None:
    gate = Gate(Limits(rpm=60), overflow=Limits(concurrency=1), queue=Queue(overflow_depth=0))
    gate.filled(60, TOP)
    await gate.waiting(SCHEDULED)
    await gate.waiting(SCHEDULED)
    assert (await gate.admit(gate.ticket(CONSOLIDATION))).way.key_id == "l", "its class says that it may"


# ---- what a ledger is told


async def test_asks_stand_in_the_order_in_which_they_are_to_go() -> None:
    gate = Gate(Limits(tpm=1000))
    gate.filled(1, CONVERSATION, tokens=1000)
    await passes(LATE_S)
    for rank, tokens in ((EVALUATION, 50), (SCHEDULED, 40), (SCHEDULED, 30), (TOP, 20)):
        await gate.waiting(rank, tokens=tokens)
    asks = gate.dispatcher.waiters.asks("k0", 3)
    # Those below their floor go after the top class, by rank; in a lane first come.
    assert [(ask.rank, ask.charge.tokens) for ask in asks] == [(TOP, 20), (SCHEDULED, 40), (SCHEDULED, 30)]
    (rest,) = gate.dispatcher.waiters.demand("k0", asks)
    assert (rest.rank, rest.requests, rest.total.tokens) == (EVALUATION, 1, 50)
    assert (rest.tenant, rest.order) == ("a", asks[0].order), (
        "it has its place, though it is not asked for yet"
    )
    (_, besides) = gate.dispatcher.waiters.demand("k0", asks[:2])
    assert (besides.rank, besides.tenant) == (EVALUATION, "a")
    assert gate.dispatcher.waiters.demand("k0", asks[:2])[0].tenant == "", (
        "who is first of its class is asked for"
    )
    assert gate.dispatcher.waiters.asks("k0", 0) == ()


@pytest.mark.parametrize(("said_s", "blocked_s"), [(5.0, 5.0), (80_000.0, 3600.0), (None, 1.0)])
async def test_a_ceiling_by_the_minute_shuts_a_key_for_an_hour_at_most(
    said_s: float | None, blocked_s: float
) -> None:
    gate = Gate(Limits(rpm=60))
    (permit,) = gate.filled(1)
    gate.lessons.failed(permit, GatewayError(RATE_LIMITED, ""), Verdict("rate", "rpm", said_s), sent=True)
    (usage,) = gate.ledger.usage("k0", gate.time.now())
    assert usage.blocked_ms == blocked_s * 1000
