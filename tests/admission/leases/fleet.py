"""Workers that share one ledger, on the test's time: each with its leases and with those who wait there."""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, cast

from gateway.admission.classes import in_order
from gateway.admission.dimension import AccountTerms
from gateway.admission.grantor import Grant
from gateway.admission.leases import Leases
from gateway.admission.ledger import (
    Answer,
    Ask,
    Batch,
    Demand,
    Ledger,
    LedgerUnavailableError,
    Queued,
    Served,
)
from gateway.admission.memory_ledger import LedgerTime, MemoryLedger
from gateway.admission.relearning import ROUND_MS
from gateway.charge import Charge
from tests.clock import LoopClock, StillLoop

ONE = Charge(1)


class Line:
    """A dispatcher as leases see it: classes in the ledger's order, within one first come, first served."""

    def __init__(
        self, leases: Leases, account: str, time: LedgerTime, sent: list[tuple[int, Charge]]
    ) -> None:
        self.leases = leases
        self.account = account
        self.sent = sent  # by the provider's record: when, what
        self.waiting: list[deque[tuple[int, Charge]]] = [deque() for _ in range(5)]
        self.waited: list[int] = []
        self.connecting: list[Grant] = []
        self.under_way: dict[Grant, int] = {}  # with their places in `sent`
        self.took_s: float | None = 0.0  # None: it ends when the test says so
        self.connecting_s = 0.0  # between being let go and leaving
        self._time = time
        self._soon = False
        self._timer: asyncio.TimerHandle | None = None
        leases.watch(self)

    def arrive(self, charge: Charge = ONE, rank: int = 1) -> None:
        now = self._time.now()
        if any(self.waiting[: rank + 1]) or not self._send(charge, rank, now, now):
            self.waiting[rank].append((now, charge))
            self._within(self.leases.next_free_in(self.account, charge, rank, now))

    def waits(self, account: str) -> bool:
        return any(self.waiting)

    def asks(self, account: str, most: int) -> tuple[Ask, ...]:
        if account != self.account:
            return ()
        found = [
            Ask(charge, rank, at) for rank in self._ranks() for at, charge in islice(self.waiting[rank], most)
        ]
        return tuple(found[:most])

    def demand(self, account: str, asked: tuple[Ask, ...]) -> tuple[Demand, ...]:
        return ()

    def queued(self, account: str) -> tuple[Queued, ...]:
        return ()

    def served(self, account: str) -> tuple[Served, ...]:
        return ()

    def learn(self, batch: Batch, answer: Answer) -> None:
        """It has no tenants."""

    def room(self, account: str) -> None:
        if not self._soon and any(self.waiting):
            self._soon = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def end(self, grant: Grant, charged: Charge | None = None) -> None:
        place = self.under_way.pop(grant)
        if charged is not None:  # the provider has counted no more than this
            self.sent[place] = self.sent[place][0], charged
        self.leases.settle(grant, grant.charge if charged is None else charged, self._time.now())
        self.room(self.account)

    def _ranks(self) -> list[int]:
        """As dispatching tries them: a rank named twice is tried once."""
        return list(dict.fromkeys(in_order(self.leases.served(self.account, self._time.now()))))

    def _first(self) -> int | None:
        return next((rank for rank in self._ranks() if self.waiting[rank]), None)

    def give_back(self, grant: Grant) -> None:
        self.connecting.remove(grant)
        self.leases.give_back(grant, self._time.now())
        self.room(self.account)

    def crash(self) -> None:
        """Who connects does not any more; what was sent stays sent."""
        self.connecting.clear()
        self.under_way.clear()
        for line in self.waiting:
            line.clear()

    def _dispatch(self) -> None:
        self._soon = False
        now = self._time.now()
        while (rank := self._first()) is not None:
            at, charge = self.waiting[rank][0]
            if not self._send(charge, rank, at, now):
                self._within(self.leases.next_free_in(self.account, charge, rank, now))
                return
            self.waiting[rank].popleft()

    def _send(self, charge: Charge, rank: int, arrived: int, now: int) -> bool:
        grant = self.leases.take(self.account, charge, rank, now)
        if grant is None:
            return False
        self.waited.append(now - arrived)
        if self.connecting_s:
            self.connecting.append(grant)
            asyncio.get_running_loop().call_later(self.connecting_s, self._connected, grant)
        else:
            self._left(grant, now)
        return True

    def _connected(self, grant: Grant) -> None:
        if grant in self.connecting:
            self.connecting.remove(grant)
            now = self._time.now()
            self.leases.sent(grant, now)
            self._left(grant, now)

    def _left(self, grant: Grant, now: int) -> None:
        self.under_way[grant] = len(self.sent)
        self.sent.append((now, grant.charge))
        if self.took_s is not None:
            asyncio.get_running_loop().call_later(self.took_s, self._end, grant)

    def _end(self, grant: Grant) -> None:
        if grant in self.under_way:
            self.end(grant)

    def _within(self, wait_ms: int | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if wait_ms is not None:
            self._timer = asyncio.get_running_loop().call_later(wait_ms / 1000, self.room, self.account)


class Road:
    """The way to a ledger: `seconds` long each way, and it may be cut, or lose answers."""

    def __init__(self, ledger: Ledger, seconds: float = 0.0005) -> None:
        self.ledger = ledger
        self.seconds = seconds
        self.cut = False
        self.busy = False
        self.loses: Iterator[str] = iter(())
        self.batches: list[Batch] = []

    async def exchange(self, batch: Batch) -> Answer:
        fate = next(self.loses, "answered")
        await asyncio.sleep(self.seconds)
        if self.cut or fate == "never arrived":
            raise LedgerUnavailableError("cut")
        self.batches.append(batch)
        self.busy = True
        try:
            answer = await self.ledger.exchange(batch)
            if fate == "twice":
                answer = await self.ledger.exchange(batch)
        finally:
            self.busy = False
        await asyncio.sleep(self.seconds)
        if self.cut or fate == "answer lost":
            raise LedgerUnavailableError("lost")
        return answer

    async def aclose(self) -> None:
        """Nothing to close."""


class Fleet:
    """`size` workers on one account of one ledger."""

    def __init__(
        self,
        terms: AccountTerms,
        size: int,
        ledger: Callable[[LedgerTime], Ledger] = MemoryLedger,
        **more: Any,
    ) -> None:
        self.clock = LoopClock()
        self.time = LedgerTime(self.clock)
        self.terms = terms
        self.ledger = ledger(self.time)
        if isinstance(self.ledger, MemoryLedger):  # known for so long that new workers need not wait
            self.ledger.open_account(terms, self.time.now() - ROUND_MS)
        self.sent: list[tuple[int, Charge]] = []
        self.roads: list[Road] = []
        self.lines: list[Line] = []
        self._made = 0
        self._graves: list[Line] = []
        self.more = {"workers": size} | more
        for _ in range(size):
            self.add()

    def add(self) -> Line:
        road = Road(self.ledger)
        self._made += 1
        jitter = random.Random(self._made).random
        leases = Leases(road, self.time, f"w{self._made}", jitter=jitter, **self.more)
        leases.open_account(self.terms, self.time.now())
        line = Line(leases, self.terms.id, self.time, self.sent)
        self.roads.append(road)
        self.lines.append(line)
        return line

    async def passes(self, seconds: float) -> None:
        """Time goes from one timer to the next, so that each runs at its moment."""
        loop = cast(StillLoop, asyncio.get_running_loop())
        end = loop.time() + seconds
        while True:
            await self._stillness(loop)
            soonest = min(_timers(loop), default=end)
            if soonest >= end:
                break
            loop.move(max(0.0, soonest - loop.time()))
        loop.move(max(0.0, end - loop.time()))
        await self._stillness(loop)

    async def until(self, done: Callable[[], bool]) -> None:
        """The same, up to the moment at which `done` says so."""
        loop = cast(StillLoop, asyncio.get_running_loop())
        await self._stillness(loop)
        while not done():
            loop.move(max(0.0, min(_timers(loop)) - loop.time()))
            await self._stillness(loop)

    async def _stillness(self, loop: StillLoop) -> None:
        """Everything that can be done without time passing. A real server takes its time, and none of ours."""
        while True:
            await asyncio.sleep(0)
            if not loop._ready and not any(road.busy for road in self.roads):  # type: ignore[attr-defined]
                return

    async def aclose(self) -> None:
        closing = [asyncio.create_task(line.leases.aclose()) for line in self.lines + self._graves]
        while not all(one.done() for one in closing):
            await self.passes(0.01)
        await asyncio.gather(*closing)

    def crash(self, line: Line) -> None:
        """Its process is gone: nothing of it reaches anybody any more."""
        place = self.lines.index(line)
        line.crash()
        self.roads[place].cut = True
        self._graves.append(line)
        del self.lines[place], self.roads[place]

    @property
    def calls(self) -> int:
        return sum(line.leases.calls for line in self.lines)


def _timers(loop: StillLoop) -> list[float]:
    """When the loop has something to do, as far as it knows."""
    return [one.when() for one in loop._scheduled if not one.cancelled()]  # type: ignore[attr-defined]
