"""Flushes whose COMMIT or its answer is cut off: made again, each row and nano-dollar is there once (D56, D61)."""

import asyncio
from random import Random

import pytest

from budgets.books import Books
from budgets.flush_batch import flush_batch
from budgets.holder import Holder
from budgets.period import span
from budgets.slice import Budget, Want
from budgets.spool.record import Intent, Settle
from budgets.usage import Tokens
from storage.connection import Connection
from storage.database import EVERY_TENANT, Database, DatabaseAwayError, connected
from tests.cut_proxy import CutProxy
from tests.postgres import Stored

CUTS, BATCH, COST = 100, 5, 7
TODAY = span("day", 1_795_000_000.0)
BUDGET = Budget("tenant:a", 10**9, "day", tenant="a")
HOLDER = Holder("one", 1)


def batch(number: int) -> list[Settle]:
    return [
        Settle(
            Intent(
                f"request-{number}-{one}", 1, TODAY.start * 1000 + 5, 9, ((BUDGET.id, TODAY.key),), str(HOLDER),
                tenant="a", key="web", provider="p", pool="k", model="m",
            ),
            COST, "provider", Tokens(1, 1), "", 200, "ok", TODAY.start * 1000 + 9,
        )
        for one in range(BATCH)
    ]  # fmt: skip


@pytest.mark.timeout(120)
async def test_a_flush_that_was_cut_off_anywhere_is_made_again(
    stored: Stored, through: str, proxy: CutProxy
) -> None:
    """Cut before, while and after it commits, and three times the same when nothing was cut."""
    chance = Random(61)
    database = Database(through)
    await database.start()
    await database.answering()
    books = Books(database.flushes)
    want = Want(BUDGET.id, TODAY.key, 10**6, 10**6, 0, 1, BUDGET)
    assert await books.exchange(HOLDER, [want])
    cut = 0
    async with connected(stored.superuser) as watching:
        for number in range(CUTS):
            if number % 3 == 0:  # only the answer is lost, for certain
                proxy.mute_at = b"COMMIT;"
            flushing = asyncio.create_task(books.flush(flush_batch(batch(number))))
            if number % 3 == 0:
                while not flushing.done() and not await _is_there(watching, number):
                    await asyncio.sleep(0.001)
            else:
                await asyncio.sleep(chance.uniform(0, 0.01))
            await proxy.cut()
            proxy.mute, proxy.mute_at = False, b""
            try:
                await flushing
            except DatabaseAwayError:
                cut += 1
            await proxy.mend()
            await database.answering()
            for _ in range(chance.randint(1, 3)):
                await _again(books, number)
    assert cut > CUTS // 4
    async with database.reads.transaction(EVERY_TENANT) as connection:
        assert await connection.fetchval("SELECT count(*) FROM usage_log") == CUTS * BATCH
        posted = await connection.fetchval("SELECT sum(posted_nusd)::bigint FROM budget_posted")
    assert posted == CUTS * BATCH * COST and await books.reconcile() == []
    await database.close()


async def _is_there(watching: Connection, number: int) -> bool:
    query = "SELECT count(*) FROM usage_log WHERE request_id = $1"
    return bool(await watching.fetchval(query, f"request-{number}-0"))


async def _again(books: Books, number: int) -> None:
    """Until it is taken: a connection of the pool may be one that was cut and nobody has noticed."""
    while True:
        try:
            await books.flush(flush_batch(batch(number)))
        except DatabaseAwayError:
            await asyncio.sleep(0.02)
        else:
            return
