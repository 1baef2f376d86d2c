"""A ledger that several replicas share, and the way to it: slow, losing calls and answers, saying things twice."""

import asyncio
from collections.abc import Sequence
from random import Random

from gateway.admission.ledger import Answer, Batch, LedgerUnavailableError
from gateway.admission.memory_ledger import LedgerTime, MemoryLedger

#: After so long without an answer there is none.
TIMEOUT_S = 0.15


class SharedLedger:
    """The truth of all replicas. It forgets everything when it comes back from being away."""

    def __init__(self, time: LedgerTime, away: Sequence[tuple[float, float]]) -> None:
        self._time, self._away = time, away
        self.ledger = MemoryLedger(time)
        self._forgot = 0  # how often
        self.calls: list[float] = []  # when each came

    def is_away(self, now: float) -> bool:
        """Whether nobody reaches it; what it knew is gone by then."""
        begun = sum(begin <= now for begin, _ in self._away)
        if begun > self._forgot:
            self._forgot, self.ledger = begun, MemoryLedger(self._time)
        return any(begin <= now < end for begin, end in self._away)


class Link:
    """One replica's way to the shared ledger."""

    def __init__(
        self, shared: SharedLedger, chance: Random, way_s: tuple[float, float], loses: float
    ) -> None:
        self._shared, self._chance, self._way_s, self._loses = shared, chance, way_s, loses
        self.cut = False  # for good: the replica has died

    async def exchange(self, batch: Batch) -> Answer:
        chance, loop = self._chance, asyncio.get_running_loop()
        await asyncio.sleep(chance.uniform(*self._way_s))
        if self.cut or self._shared.is_away(loop.time()) or chance.random() < self._loses:
            await self._unheard()
        self._shared.calls.append(loop.time())
        answer = await self._shared.ledger.exchange(batch)
        if chance.random() < self._loses:
            await self._shared.ledger.exchange(batch)  # it came twice
        if chance.random() < self._loses:
            await self._unheard()
        await asyncio.sleep(chance.uniform(*self._way_s))
        if self.cut:
            await self._unheard()
        return answer

    async def aclose(self) -> None:
        """There is nothing to close."""

    async def _unheard(self) -> None:
        await asyncio.sleep(TIMEOUT_S)
        raise LedgerUnavailableError("no answer in time")
