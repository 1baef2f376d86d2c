"""Tenants who wait at several workers of one account share it as if they all waited at one."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from gateway.admission.memory_ledger import LedgerTime, MemoryLedger
from gateway.pipeline.ticket import Permit
from gateway.settings.snapshot import Limits
from tests.clock import LoopClock, passes, turns
from tests.pipeline.admission_parts import SCHEDULED, Gate

RPM = 600
STEP_S = 0.05  # half of what one request has to wait for the next
TOOK_S = 0.5


class Noon(LoopClock):
    """Where in its minute a window stands must not depend on when the test runs."""

    def utc(self) -> datetime:
        return datetime(2026, 11, 21, 12, tzinfo=UTC)


class Office:
    """Workers on one ledger, and how much each tenant was served."""

    def __init__(self, workers: int, **limits: int) -> None:
        clock = Noon()
        ledger = MemoryLedger(LedgerTime(clock))
        self.gates = [Gate(Limits(**limits), shared=ledger, clock=clock) for _ in range(workers)]
        self.served: Counter[str] = Counter()
        self.waits: list[tuple[int, float]] = []  # by worker
        self._under_way: set[asyncio.Task[None]] = set()
        self._waiting: Counter[tuple[int, str]] = Counter()

    async def serves(self, seconds: float, offers: dict[tuple[int, str], int], rank: int = SCHEDULED) -> None:
        """For so long, each (worker, tenant) keeps as many waiting."""
        for _ in range(round(seconds / STEP_S)):
            for (worker, tenant), most in offers.items():
                while self._waiting[worker, tenant] < most:
                    self._waiting[worker, tenant] += 1
                    task = asyncio.create_task(self._one(worker, tenant, rank))
                    self._under_way.add(task)
                    task.add_done_callback(self._under_way.discard)
            await passes(STEP_S)

    async def close(self) -> None:
        for task in self._under_way:
            task.cancel()
        await turns()
        for gate in self.gates:
            gate.dispatcher.close()
            assert gate.leases is not None
            await gate.leases.aclose()

    async def _one(self, worker: int, tenant: str, rank: int) -> None:
        gate = self.gates[worker]
        began = gate.clock.monotonic()
        try:
            permit: Permit = await gate.admit(gate.ticket(rank, tenant=tenant))
        finally:
            self._waiting[worker, tenant] -= 1
        self.served[tenant] += 1
        self.waits.append((worker, gate.clock.monotonic() - began))
        await asyncio.sleep(TOOK_S)
        gate.dispatcher.end(permit, None, gate.clock.monotonic())


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    office = Office(2, rpm=RPM)
    yield office
    await office.close()


async def test_who_waits_at_two_workers_gets_no_more_than_who_waits_at_one(office: Office) -> None:
    offers = {(0, "a"): 4, (0, "b"): 40, (1, "b"): 40}
    await office.serves(70, offers)
    office.served.clear()
    await office.serves(60, offers)
    a, b = office.served["a"], office.served["b"]
    assert a + b >= 0.97 * RPM
    assert abs(a - b) <= 0.05 * (a + b) / 2


async def test_neither_idle_time_nor_having_been_alone_counts(office: Office) -> None:
    await office.serves(90, {(1, "b"): 20})
    office.served.clear()
    await office.serves(30, {(0, "a"): 20, (1, "b"): 20})
    a, b = office.served["a"], office.served["b"]
    assert a + b >= 0.9 * RPM / 2
    assert abs(a - b) <= 0.05 * (a + b) / 2


async def test_one_tenants_requests_go_as_they_came_whichever_worker_has_them(office: Office) -> None:
    await office.serves(70, {(0, "b"): 30})
    office.waits.clear()
    await office.serves(5, {(0, "b"): 30, (1, "b"): 1})
    waited = [seconds for worker, seconds in office.waits if worker == 1]
    assert len(waited) == 1 and waited[0] >= 2.5, "thirty at ten a second had come before"
