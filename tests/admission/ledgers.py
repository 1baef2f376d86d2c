"""Both ledgers behind one face: a clock to be moved, and the loss of all they know."""

import itertools
import pickle
from collections.abc import Sequence
from typing import Protocol

from redis.asyncio import Redis

from gateway.admission.dimension import AccountTerms, Dimension
from gateway.admission.ledger import Answer, Ask, Batch
from gateway.admission.memory_ledger import LedgerTime, MemoryLedger
from gateway.admission.redis_connection import Waits
from gateway.admission.redis_ledger import RedisLedger
from gateway.charge import Charge
from gateway.clock import SystemClock

START = 1_790_000_000_000
_SERIAL = itertools.count()
_PATIENT = Waits(10.0, 10.0, 30.0, 20.0)  # with a machine that may be busy


def terms(*dimensions: Dimension, paced: bool = True, set_aside_permille: int = 0) -> AccountTerms:
    """An account that no other test knows."""
    return AccountTerms(f"account-{next(_SERIAL)}{{x}}", dimensions, paced, set_aside_permille)


def asks(count: int, rank: int = 0, charge: Charge = Charge(1)) -> tuple[Ask, ...]:  # noqa: B008 (immutable)
    return tuple(Ask(charge, rank, order) for order in range(count))


def granted(answer: Answer) -> int:
    return sum(one.granted for one in answer.verdicts)


class LedgerUnderTest(Protocol):
    now: int

    async def exchange(self, batch: Batch) -> Answer: ...

    async def forget(self) -> None: ...

    async def keep(self) -> None:
        """What it knows now is what it comes back with."""
        ...

    async def go_back(self) -> None:
        """It knows what it knew when that was kept: a snapshot, or a replica that lagged."""
        ...

    async def aclose(self) -> None: ...


class ManualTime(LedgerTime):
    """The ledger's time as the test has it."""

    def __init__(self, of: "MemoryUnderTest") -> None:
        self._of = of

    def now(self) -> int:
        return self._of.now


class MemoryUnderTest:
    def __init__(self) -> None:
        self.now = START
        self._kept = b""
        self._ledger = MemoryLedger(ManualTime(self))

    async def exchange(self, batch: Batch) -> Answer:
        return await self._ledger.exchange(batch)

    async def forget(self) -> None:
        self._ledger = MemoryLedger(ManualTime(self))

    async def keep(self) -> None:
        self._kept = pickle.dumps((self._ledger._books, self._ledger._allotments))

    async def go_back(self) -> None:
        self._ledger._books, self._ledger._allotments = pickle.loads(self._kept)

    async def aclose(self) -> None:
        """Nothing to close."""


class RedisUnderTest:
    """`nodes` are the URLs of what the ledger's URL stands for, where that is not one server."""

    def __init__(self, url: str, nodes: Sequence[str] = ()) -> None:
        self.now = START
        self._nodes = [Redis.from_url(node) for node in nodes or (url,)]
        self._kept: list[dict[bytes, bytes]] = []
        self._ledger = RedisLedger(url, SystemClock(), server_time=lambda: self.now, waits=_PATIENT)

    async def exchange(self, batch: Batch) -> Answer:
        return await self._ledger.exchange(batch)

    async def forget(self) -> None:
        for node in self._nodes:
            await node.flushall()

    async def keep(self) -> None:
        self._kept = [{key: await node.dump(key) for key in await node.keys()} for node in self._nodes]

    async def go_back(self) -> None:
        await self.forget()
        for node, kept in zip(self._nodes, self._kept, strict=True):
            for key, value in kept.items():
                await node.restore(key, 0, value)

    async def aclose(self) -> None:
        await self._ledger.aclose()
        for node in self._nodes:
            await node.aclose()
