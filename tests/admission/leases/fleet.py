"""Workers that share one ledger, on the test's time: each with its leases and with those who wait there."""

import asyncio
import random
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any, cast

from gateway.admission.classes import CLASSES, RANKS
from gateway.admission.dimension import AccountTerms
from gateway.admission.grantor import Grant
from gateway.admission.leases import Leases
from gateway.admission.ledger import Answer, Ask, Batch, Demand, Ledger, LedgerUnavailableError
from gateway.admission.memory_ledger import LedgerTime, MemoryLedger
from gateway.charge import Charge
from tests.clock import LoopClock, StillLoop, turns

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
        self.under_way: list[Grant] = []
        self.took_s = 0.0
        self._time = time
        self._soon = False
        self._timer: asyncio.TimerHandle | None = None
        leases.watch(self)

    def arrive(self, charge: Charge = ONE, rank: int = 1) -> None:
        now = self._time.now()
        if any(self.waiting[: rank + 1]) or not self._send(charge, rank, now, now):
            self.waiting[rank].append((now, charge))
            self._within(self.leases.next_free_in(self.account, charge, rank, now))

    def asks(self, account: str, most: int) -> tuple[Ask, ...]:
        found = [
            Ask(charge, rank, at) for rank in self._ranks() for at, charge in islice(self.waiting[rank], most)
        ]
        return tuple(found[:most])

    def demand(self, account: str, asked: int) -> tuple[Demand, ...]:
        return ()

    def room(self, account: str) -> None:
        if not self._soon and any(self.waiting):
            self._soon = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def end(self, grant: Grant, charged: Charge | None = None) -> None:
        self.under_way.remove(grant)
        self.leases.settle(grant, grant.charge if charged is None else charged, self._time.now())
        self.room(self.account)

    def _ranks(self) -> list[int]:
        """The top class, those that got less than their floor, then the others."""
        served = self.leases.served(self.account, self._time.now())
        below = [rank for rank in RANKS[1:] if served[rank] < CLASSES[rank].floor_permille]
        return list(dict.fromkeys((0, *below, *RANKS)))

    def _first(self) -> int | None:
        return next((rank for rank in self._ranks() if self.waiting[rank]), None)

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
        self.sent.append((now, charge))
        self.waited.append(now - arrived)
        self.under_way.append(grant)
        asyncio.get_running_loop().call_later(self.took_s, self._end, grant)
        return True

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
        self.loses: Iterator[str] = iter(())
        self.batches: list[Batch] = []

    async def exchange(self, batch: Batch) -> Answer:
        fate = next(self.loses, "answered")
        await asyncio.sleep(self.seconds)
        if self.cut or fate == "never arrived":
            raise LedgerUnavailableError("cut")
        self.batches.append(batch)
        answer = await self.ledger.exchange(batch)
        if fate == "twice":
            answer = await self.ledger.exchange(batch)
        await asyncio.sleep(self.seconds)
        if self.cut or fate == "answer lost":
            raise LedgerUnavailableError("lost")
        return answer

    async def aclose(self) -> None:
        """Nothing to close."""


class Fleet:
    """`size` workers on one account of one ledger."""

    def __init__(self, terms: AccountTerms, size: int, ledger: Ledger | None = None, **more: Any) -> None:
        self.clock = LoopClock()
        self.time = LedgerTime(self.clock)
        self.terms = terms
        self.ledger = MemoryLedger(self.time) if ledger is None else ledger
        self.sent: list[tuple[int, Charge]] = []
        self.roads: list[Road] = []
        self.lines: list[Line] = []
        self.more = {"workers": size} | more
        for _ in range(size):
            self.add()

    def add(self) -> Line:
        road = Road(self.ledger)
        leases = Leases(
            road, self.time, f"w{len(self.lines)}", jitter=random.Random(len(self.lines)).random, **self.more
        )
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
            await turns(4)
            timers = [one.when() for one in loop._scheduled if not one.cancelled()]  # type: ignore[attr-defined]
            soonest = min(timers, default=end)
            if soonest >= end:
                break
            loop.move(max(0.0, soonest - loop.time()))
        loop.move(max(0.0, end - loop.time()))
        await turns(8)

    async def aclose(self) -> None:
        closing = [asyncio.create_task(line.leases.aclose()) for line in self.lines]
        while not all(one.done() for one in closing):
            await self.passes(0.01)
        await asyncio.gather(*closing)

    @property
    def calls(self) -> int:
        return sum(line.leases.calls for line in self.lines)
