"""Workers on one ledger, on the test's time, and callers who keep so many requests waiting at each."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

from gateway.admission.memory_ledger import LedgerTime, MemoryLedger
from gateway.pipeline.ticket import Permit
from gateway.settings.snapshot import Limits
from tests.clock import LoopClock, passes, turns
from tests.pipeline.admission_parts import Gate

STEP_S = 0.05  # half of what one request has to wait for the next at 600 a minute
TOOK_S = 0.5

#: Worker, tenant, class.
Where = tuple[int, str, int]


class Noon(LoopClock):
    """Where in its minute a window stands must not depend on when the test runs."""

    def utc(self) -> datetime:
        return datetime(2026, 11, 21, 12, tzinfo=UTC)


class Office:
    """`served` counts who went, `waits` has how long each took."""

    def __init__(self, workers: int, **limits: int) -> None:
        clock = Noon()
        ledger = MemoryLedger(LedgerTime(clock))
        self.gates = [Gate(Limits(**limits), shared=ledger, clock=clock) for _ in range(workers)]
        self.served: Counter[Where] = Counter()
        self.waits: list[tuple[Where, float]] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._waiting: Counter[Where] = Counter()

    async def serves(self, seconds: float, offers: Mapping[Where, int]) -> None:
        """For so long, as many wait at each place."""
        for _ in range(round(seconds / STEP_S)):
            for where, most in offers.items():
                while self._waiting[where] < most:
                    self._waiting[where] += 1
                    task = asyncio.create_task(self._one(where))
                    self._under_way.add(task)
                    task.add_done_callback(self._under_way.discard)
            await passes(STEP_S)

    def of_tenant(self, tenant: str) -> int:
        """How many of its requests were served."""
        return sum(count for where, count in self.served.items() if where[1] == tenant)

    def of_rank(self, rank: int) -> int:
        """How many of the class were."""
        return sum(count for where, count in self.served.items() if where[2] == rank)

    async def close(self) -> None:
        for task in self._under_way:
            task.cancel()
        await turns()
        for gate in self.gates:
            gate.dispatcher.close()
            assert gate.leases is not None
            await gate.leases.aclose()

    async def _one(self, where: Where) -> None:
        worker, tenant, rank = where
        gate = self.gates[worker]
        began = gate.clock.monotonic()
        try:
            permit: Permit = await gate.admit(gate.ticket(rank, tenant=tenant))
        finally:
            self._waiting[where] -= 1
        self.served[where] += 1
        self.waits.append((where, gate.clock.monotonic() - began))
        await asyncio.sleep(TOOK_S)
        gate.dispatcher.end(permit, None, gate.clock.monotonic())
