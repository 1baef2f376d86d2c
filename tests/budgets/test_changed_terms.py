"""Budgets whose terms change while requests are under way, and what keeps a worker asking; on a real PostgreSQL."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from budgets.books import standings
from budgets.leasing import Waiting
from budgets.reservation import Reservation, Unavailable
from budgets.slice import Budget
from budgets.slices import Exhausted, Levels
from budgets.watch import Watch
from storage.database import EVERY_TENANT, Database
from tests.budgets.money_world import PATIENCE_S, begin, held, open_treasury, reserve, settle

KEY = Budget("key:a/web", 1000, "day", tenant="a")
SOFT = Budget("tenant:a", 100, "month", hard=False, tenant="a")


async def test_a_budget_that_becomes_soft_serves_who_waits_for_it_and_hard_again_holds(
    database: Database, tmp_path: Path
) -> None:
    soft = replace(KEY, hard=False)
    async with open_treasury(tmp_path, database) as opened:
        first = await held(opened, "r1", (KEY,), 800)
        waiting = opened.reserve("r2", Levels((KEY,)), 800, asyncio.get_running_loop().time() + 600)
        assert isinstance(waiting, Waiting)
        opened.follow({KEY.id: soft}.get)
        second = await waiting.decided()
        assert isinstance(second, Reservation)
        assert settle(opened, begin(opened, first), 500) + settle(opened, begin(opened, second), 400) == 900
        opened.follow({KEY.id: KEY}.get)
        third = await held(opened, "r3", (KEY,), 100)
        assert isinstance(await reserve(opened, "r4", (KEY,), 101), Exhausted)
        opened.end(third)
    assert list((await standings(database.reads, third.accounts)).values()) == [(900, 0)]


async def test_a_cap_lowered_while_the_books_are_away_holds_at_once_and_who_is_under_way_goes_on(
    database: Database, tmp_path: Path
) -> None:
    wide = replace(KEY, limit=1_000_000)
    async with open_treasury(tmp_path, database) as opened:
        first = await held(opened, "r1", (wide,), 100)
        async with asyncio.timeout(PATIENCE_S):
            while opened.balances([wide])[0].free < 200:
                await asyncio.sleep(0.01)
        async with database.admin.transaction(EVERY_TENANT) as connection:
            await connection.execute("LOCK TABLE budget_accounts")
            opened.follow({wide.id: replace(wide, limit=200)}.get)
            refused = await reserve(opened, "r2", (wide,), 50)
            assert isinstance(refused, Unavailable) and refused.reason == "away"
            assert settle(opened, begin(opened, first), 80) == 80
            assert isinstance(await reserve(opened, "r3", (wide,), 10), Unavailable)  # nor what that one left
        opened.end(await held(opened, "r4", (wide,), 120))
        assert isinstance(await reserve(opened, "r5", (wide,), 121), Exhausted)


async def test_a_fault_of_our_own_ends_no_exchange_with_the_books(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Who waits is told; it is logged and shown; and the next is served."""
    told: list[bool] = []
    async with open_treasury(tmp_path, database, Watch(held=told.append)) as opened:
        waiting = opened.reserve("r1", Levels((KEY,)), 100, asyncio.get_running_loop().time() + 600)
        assert isinstance(waiting, Waiting)
        # The fault: it holds something already, so that it cannot be decided about.
        opened._slices.reserve(waiting.held, Levels((SOFT,)), 1, time.time(), 1e12)
        refused = await waiting.decided()
        assert isinstance(refused, Unavailable) and refused.reason == "away" and told == [True]
        opened._slices.release(waiting.held)
        opened.end(await held(opened, "r2", (KEY,), 100))
        assert told == [True, False]
    assert "reserved twice" in caplog.text
