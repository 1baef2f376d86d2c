"""Who waits for the books, for which budgets, and what becomes of who shares some of them; on a real PostgreSQL."""

import asyncio
from pathlib import Path

from budgets.leasing import Waiting
from budgets.reservation import Reservation, Unavailable
from budgets.slice import Budget
from budgets.slices import Levels
from budgets.treasury import Treasury
from storage.database import EVERY_TENANT, Database
from tests.budgets.money_world import DEADLINE_S, held, open_treasury

ALL = Budget("*:month", 10**6, "month")
MINE = Budget("a:day", 10**5, "day", tenant="a")
THEIRS = Budget("b:day", 1000, "day", tenant="b")


def asked(opened: Treasury, request_id: str, budgets: tuple[Budget, ...], amount: int) -> object:
    """What is said at once."""
    return opened.reserve(request_id, Levels(budgets), amount, asyncio.get_running_loop().time() + DEADLINE_S)


async def stocked(opened: Treasury, budgets: tuple[Budget, ...], amount: int) -> None:
    """There is so much of these here for requests to come."""
    while any(balance.free < amount for balance in opened.balances(budgets)):
        opened.end(await held(opened, "warm", budgets, 100))
        await asyncio.sleep(0.05)


async def test_who_waits_for_a_budget_of_its_own_holds_up_nobody_who_shares_another(
    database: Database, tmp_path: Path
) -> None:
    async with open_treasury(tmp_path, database) as opened:
        await stocked(opened, (ALL, MINE), 300)
        first = await held(opened, "b1", (ALL, THEIRS), 800)
        waiting = asked(opened, "b2", (ALL, THEIRS), 800)
        assert isinstance(waiting, Waiting)
        while waiting.lacking != (THEIRS,):
            await asyncio.sleep(0.01)
        await stocked(opened, (ALL, MINE), 300)
        async with database.admin.transaction(EVERY_TENANT) as connection:
            await connection.execute("LOCK TABLE budget_accounts")
            passing = asked(opened, "a1", (ALL, MINE), 100)
            assert isinstance(passing, Reservation)
            behind = asked(opened, "b3", (ALL, THEIRS), 10)
            assert isinstance(behind, Waiting) and behind.lacking == (THEIRS,)
            told = await asyncio.gather(waiting.decided(), behind.decided())
            assert [isinstance(one, Unavailable) and one.budget for one in told] == [THEIRS, THEIRS]
            spending = asked(opened, "a2", (ALL, MINE), 100)
            assert isinstance(spending, Reservation)
        for one in (first, passing, spending):
            opened.end(one)


async def test_who_waited_behind_another_spends_what_there_is_when_the_books_are_away(
    database: Database, tmp_path: Path
) -> None:
    async with open_treasury(tmp_path, database) as opened:
        await stocked(opened, (ALL,), 300)
        async with database.admin.transaction(EVERY_TENANT) as connection:
            await connection.execute("LOCK TABLE budget_accounts")
            large = asked(opened, "r1", (ALL,), 10 * opened.balances([ALL])[0].free)
            small = asked(opened, "r2", (ALL,), 100)  # nobody overtakes who came before
            assert isinstance(large, Waiting) and isinstance(small, Waiting)
            refused, paid = await asyncio.gather(large.decided(), small.decided())
            assert isinstance(refused, Unavailable) and refused.reason == "away"
            assert isinstance(paid, Reservation)
        opened.end(paid)
