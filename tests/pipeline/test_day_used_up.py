"""A key that has only a count of requests a day: what is left goes, nobody waits for a day they will not see."""

import asyncio
from datetime import UTC, datetime

import pytest

from gateway.admission.dimension import AccountTerms, Dimension
from gateway.admission.leases import Leases
from gateway.admission.memory_ledger import LedgerTime, MemoryLedger
from gateway.charge import Charge
from gateway.errors import DEADLINE_UNREACHABLE
from gateway.pipeline.ticket import Permit
from gateway.settings.snapshot import Limits
from tests.clock import LoopClock, passes, until
from tests.pipeline.admission_parts import CONVERSATION, SCHEDULED, TOP, Gate, left_with

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
FIVE_TO_MIDNIGHT = datetime(2026, 5, 4, 23, 55, tzinfo=UTC)
HOUR_S = 3600.0


class DatedClock(LoopClock):
    """It is that date and time when the test begins."""

    def __init__(self, began: datetime) -> None:
        super().__init__()
        self._began = began

    def utc(self) -> datetime:
        return self._began


def gate(kind: str, began: datetime, *limits: Limits) -> Gate:
    clock = DatedClock(began)
    return Gate(*limits, clock=clock, shared=MemoryLedger(LedgerTime(clock)) if kind == "leases" else None)


@pytest.fixture(params=["memory", "leases"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def ended(gate: Gate, rank: int, count: int = 1) -> list[asyncio.Task[Permit]]:
    """So many requests, once each has a permit or an error; no time passes for it but for the ledger."""
    tasks = [asyncio.create_task(gate.admit(gate.ticket(rank))) for _ in range(count)]
    for _ in range(150):  # a new worker waits a moment before it asks
        if all(task.done() for task in tasks):
            return tasks
        await passes(0.01)
    raise AssertionError("they still wait")


async def closed(gate: Gate) -> None:
    gate.dispatcher.close()
    if gate.leases is not None:
        await gate.leases.aclose()


async def test_what_is_left_of_the_day_goes_and_the_rest_is_refused_at_once(kind: str) -> None:
    desk = gate(kind, NOON, Limits(rpd=5))
    tasks = await ended(desk, SCHEDULED, 8)
    assert sum(task.exception() is None for task in tasks) == 5
    for task in [task for task in tasks if task.exception()] + await ended(desk, TOP):
        error = left_with(task, DEADLINE_UNREACHABLE)
        assert error.retry_after_s == pytest.approx(12 * HOUR_S, abs=2.0)
        assert "day's requests" in error.message
    assert len(desk.dispatcher.line) == 0
    await closed(desk)


async def test_who_has_the_patience_waits_for_midnight(kind: str) -> None:
    desk = gate(kind, FIVE_TO_MIDNIGHT, Limits(rpd=1))
    await ended(desk, TOP)
    patient = asyncio.create_task(desk.admit(desk.ticket(SCHEDULED)))
    left_with((await ended(desk, CONVERSATION))[0], DEADLINE_UNREACHABLE)
    await passes(290.0)
    assert not patient.done()
    for _ in range(60):
        await passes(0.25)
    assert patient.result().way.key_id == "k0"
    await closed(desk)


async def test_another_key_with_requests_left_is_waited_for(kind: str) -> None:
    desk = gate(kind, NOON, Limits(rpd=1), Limits(concurrency=1))
    first = [task.result() for task in await ended(desk, TOP, 2)]
    waiting = asyncio.create_task(desk.admit(desk.ticket(TOP)))
    await passes(1.0)
    assert not waiting.done()
    busy = next(permit for permit in first if permit.way.key_id == "k1")
    desk.dispatcher.end(busy, None, desk.clock.monotonic())
    for _ in range(50):
        await passes(0.01)
    assert waiting.result().way.key_id == "k1"
    await closed(desk)


async def test_a_days_end_is_where_the_provider_has_it() -> None:
    clock = DatedClock(NOON)
    time = LedgerTime(clock)
    leases = Leases(MemoryLedger(time), time, "w")
    leases.open_account(AccountTerms("a", (Dimension("rpd", 1, zone="America/Los_Angeles"),)), time.now())
    task = asyncio.create_task(leases.obtain("a", Charge(1), 0))
    await until(task.done)
    free_in = leases.next_free_in("a", Charge(1), 0, time.now())
    assert free_in == pytest.approx(19 * HOUR_S * 1000, abs=2_000), "of five in the morning there"
    await leases.aclose()
