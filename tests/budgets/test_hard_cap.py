"""Two hundred callers on four workers, and money for some: exactly those get it, to the nano-dollar."""

import asyncio
import json
from multiprocessing import get_context
from pathlib import Path

import pytest

from budgets.books import Books
from storage.database import EVERY_TENANT, Database
from tests.budgets.cap_worker import AMOUNT, LIMIT, work
from tests.postgres import Stored

WORKERS, CALLERS = 4, 50


@pytest.mark.timeout(200)
@pytest.mark.parametrize(
    ("cost", "admitted"),
    [
        (AMOUNT, LIMIT // AMOUNT),
        (40, (LIMIT - AMOUNT) // 40 + 1),  # what they reserve and do not spend is the others'
    ],
)
async def test_the_cap_holds_and_nothing_below_it_is_refused(
    stored: Stored, database: Database, tmp_path: Path, cost: int, admitted: int
) -> None:
    forks = get_context("forkserver")
    forks.set_forkserver_preload(["tests.budgets.cap_worker"])
    workers = [
        forks.Process(target=work, args=(tmp_path, stored.application, f"w{seat}", CALLERS, cost))
        for seat in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    committed = [0]
    while any(worker.is_alive() for worker in workers):
        async with database.reads.transaction(EVERY_TENANT) as connection:
            committed += [
                row["committed_nusd"]
                for row in await connection.fetch("SELECT * FROM budget_accounts WHERE account = 'all'")
            ]
        await asyncio.sleep(0.01)
    assert [worker.exitcode for worker in workers] == [0] * WORKERS
    said = [one for seat in range(WORKERS) for one in json.loads((tmp_path / f"w{seat}.json").read_text())]
    assert max(committed) <= LIMIT
    assert (said.count("admitted"), said.count("exhausted")) == (admitted, WORKERS * CALLERS - admitted)
    async with database.reads.transaction(EVERY_TENANT) as connection:
        balances = await connection.fetch("SELECT account, posted_nusd, reserved_nusd FROM budget_balances")
        assert {tuple(row.values()) for row in balances} == {
            (name, admitted * cost, 0) for name in ("all", "tenant:a", "key:a/web")
        }
    assert await Books(database.flushes).reconcile() == []
