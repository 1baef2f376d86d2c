"""A budget's limit and kind change again and again while requests of two workers hold it and wait for it."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from budgets.books import Books
from budgets.leasing import Waiting
from budgets.reservation import Reservation
from budgets.slice import Budget
from budgets.slices import Exhausted, Levels
from budgets.treasury import Balance, Treasury
from budgets.watch import Watch
from storage.database import Database
from tests.budgets.money_world import begin, held, reserve, settle, treasury

ROUNDS, CHANGES, CALLERS = 3, 6, 6
AMOUNT_MAX = 40
#: What each worker has in stock when the cap is lowered to less than that above what is spent.
STOCKED = 1_500
BUDGET = Budget("key:a/web", 20_000, "total", tenant="a")
#: A request waits no longer than this; who waits longer was forgotten.
PATIENCE_S = 30.0


class Callers:
    """Of one worker; each keeps what its request was authenticated under for a while."""

    def __init__(self, opened: Treasury, seed: int) -> None:
        self.opened = opened
        self.terms = BUDGET
        self.spent = self.refused = self.wronged = self.passed = 0
        # What is left for all: once everybody has the last terms; once they know what others spent, too.
        self.cap: Callable[[], int] | None = None
        self.left: Callable[[], int] | None = None
        self.exchanges = 0
        self._chance = random.Random(seed)
        self._numbers = count()
        self._tasks: list[asyncio.Task[None]] = []

    def follow(self, terms: Budget) -> None:
        self.terms = terms
        self.opened.follow({terms.id: terms}.get)

    def balance(self) -> Balance:
        return self.opened.balances([BUDGET])[0]

    @asynccontextmanager
    async def calling(self) -> AsyncIterator[None]:
        ending = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for _ in range(CALLERS):
                group.create_task(self._call(ending))
            yield
            ending.set()

    async def _call(self, ending: asyncio.Event) -> None:
        levels = Levels((self.terms,))
        while not ending.is_set():
            if self._chance.random() < 0.1:
                levels = Levels((self.terms,))
            await self._request(levels, self._chance.randrange(1, AMOUNT_MAX))
            await asyncio.sleep(self._chance.random() * 0.004)

    async def _request(self, levels: Levels, amount: int) -> None:
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        name = f"{self.opened.holder}-{next(self._numbers)}"
        decided = self.opened.reserve(name, levels, amount, deadline)
        if isinstance(decided, Waiting):
            decided = await decided.decided()
        if not isinstance(decided, Reservation):
            self.refused += isinstance(decided, Exhausted)
            self.wronged += isinstance(decided, Exhausted) and self.left is not None and amount <= self.left()
            return
        self.passed += self.cap is not None and self.cap() < 0
        attempt = begin(self.opened, decided)
        await asyncio.sleep(self._chance.random() * 0.02)
        self.spent += settle(self.opened, attempt, self._chance.randrange(amount + 1))


@pytest.mark.timeout(200)
@pytest.mark.parametrize("seed", [1, 2])
async def test_no_cap_is_passed_nothing_below_it_is_refused_and_the_workers_go_on(
    database: Database, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    both: list[Callers] = []
    for number in range(2):
        counted = Watch(asked=lambda _, number=number: _asked(both[number]))
        both.append(Callers(treasury(tmp_path, database, counted), seed + number))
        await both[-1].opened.start()
    for _ in range(ROUNDS):
        for one in both:
            one.cap = one.left = None
        async with both[0].calling(), both[1].calling():
            for _ in range(CHANGES):
                limit = chance.randrange(_in_all(both) + 5_000)
                terms = replace(BUDGET, limit=limit, hard=chance.random() < 0.5)
                for one in chance.sample(both, 2):
                    one.follow(terms)
                    await asyncio.sleep(chance.random() * 0.1)
            wide = replace(BUDGET, limit=_in_all(both) + 40_000)
            for one in both:
                one.follow(wide)
            await _until(lambda: all(one.balance().free > STOCKED for one in both))
            last = replace(BUDGET, limit=_in_all(both) + chance.randrange(STOCKED))
            for one in both:
                await asyncio.sleep(chance.random() * 0.02)
                one.follow(last)
            known = _in_all(both)
            for one in both:
                one.cap = lambda: max(last.limit, known) - _in_all(both)  # noqa: B023 - over by the next round
            await _known(both)
            for one in both:
                one.refused, one.left = 0, lambda: last.limit - _in_all(both)  # noqa: B023 - the same
            await _until(lambda: all(one.refused for one in both))
        assert not any(one.passed for one in both)
        assert not any(one.wronged for one in both)
        left = max(0, last.limit - _in_all(both))
        for one in both:
            await one.opened.flush()
        await _known(both)
        for number, one in enumerate(both):  # what is left is had, by whoever asks, and not more
            name = f"last-{seed}-{last.limit}-{number}"
            refused = await reserve(one.opened, name, (last,), left + 1)
            assert isinstance(refused, Exhausted) and refused.left == left
            if left:
                one.opened.end(await held(one.opened, name, (last,), left))
    for one in both:
        assert not any(task.done() for task in one.opened._tasks)
        await one.opened.close()
    assert await Books(database.flushes).reconcile() == []


def _asked(one: Callers) -> None:
    one.exchanges += 1


def _in_all(both: list[Callers]) -> int:
    return sum(one.spent + one.balance().reserved for one in both)


async def _known(both: list[Callers]) -> None:
    """Each has told the books what it spent, and has heard what the others did."""
    goals = [one.exchanges + 3 for one in both]
    await _until(lambda: all(one.exchanges >= goal for one, goal in zip(both, goals, strict=True)))


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await asyncio.sleep(0.01)
