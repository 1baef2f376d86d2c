"""Workers are killed at random under load, and PostgreSQL too; then every served attempt is in the usage log, once.

    python -m loadtests.money_kills [--kills 100] [--postgres-kills 20] [--workers 3] [--seed 1]

Exits 1 when anything is lost, doubled, charged differently than it was served, or does not add up.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from budgets.books import Books
from budgets.spool.claim import seats
from loadtests.money_worker import PATHS, served_by, treasury, work
from storage.database import EVERY_TENANT, Database, connected
from storage.embedded_postgres import EmbeddedPostgres
from storage.migrate import migrate
from storage.partitions import make_ahead
from storage.postgres_cluster import APPLICATION

#: What a victim serves before it is killed, at most: from its very first steps to well into its life.
_SERVED_MAX = 150
_LINE_BYTES = 20
_LOOK_S = 0.002
#: More than a machine that stands still for a while takes to end in order.
_END_S = 60.0


class Killing:
    def __init__(self, root: Path, workers: int, seed: int) -> None:
        self._root = root
        self._spools = root / "spools"
        self._spools.mkdir()
        self._server = EmbeddedPostgres(root / "pg")
        self._workers = workers
        self._chance = random.Random(seed)
        self._forks = get_context("forkserver")
        self._forks.set_forkserver_preload(["loadtests.money_worker"])
        self._seed = seed * 1_000_000
        self._dsn = ""

    async def run(self, kills: int, postgres_kills: int) -> dict[str, object]:
        """What was seen; `wrong` is to be empty."""
        began = time.monotonic()
        self._dsn = await self._server.start()
        try:
            async with connected(self._server.owner_dsn) as owner:
                await migrate(owner, APPLICATION)
                await make_ahead(owner, "usage_log", datetime.now(UTC).date())
            alive = [self._start() for _ in range(self._workers)]
            victims = ["worker"] * kills + ["postgres"] * postgres_kills
            self._chance.shuffle(victims)
            for victim in victims:
                seat = self._chance.randrange(len(alive))
                await self._served_more(alive[seat])
                if victim == "postgres":
                    await self._kill_postgres()
                else:
                    alive[seat].kill()
                    await asyncio.to_thread(alive[seat].join)
                    alive[seat] = self._start()
            await self._end(alive)
            seen = await self._judge()
        finally:
            await self._server.stop()
        return {"kills": kills, "postgres_kills": postgres_kills, "seconds": time.monotonic() - began, **seen}

    def _start(self) -> ForkServerProcess:
        self._seed += 1
        process = self._forks.Process(
            target=work, args=(self._spools, self._dsn, self._seed), name=str(self._seed), daemon=True
        )
        process.start()
        return process

    async def _served_more(self, process: ForkServerProcess) -> None:
        """Until it has served some more, however long that takes; now and then at once."""
        path = served_by(self._spools, int(process.name))
        enough = _size(path) + self._chance.choice([0, 1, 10, _SERVED_MAX]) * _LINE_BYTES
        while _size(path) < enough and process.is_alive():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(_LOOK_S)

    async def _kill_postgres(self) -> None:
        """When it answers, so that each time one is killed that was at work."""
        probe = Database(self._dsn)  # one that knows nothing of before
        await probe.start()
        try:
            async with asyncio.timeout(_END_S):
                await probe.answering()
        finally:
            await probe.close()
        if self._server.pid is not None:
            os.kill(self._server.pid, signal.SIGKILL)

    async def _end(self, alive: list[ForkServerProcess]) -> None:
        for process in alive:
            process.terminate()
        for process in alive:
            await asyncio.to_thread(process.join, _END_S)
            if process.exitcode not in (0, -signal.SIGTERM):  # killed by it before it could listen
                raise RuntimeError(f"a worker ended with {process.exitcode}")

    async def _judge(self) -> dict[str, object]:
        database = Database(self._dsn)
        await database.start()
        await database.answering()
        money = treasury(self._spools, database)  # posts what the last ones left
        await money.start()
        await money.recover()
        await money.close()
        async with database.reads.transaction(EVERY_TENANT) as connection:
            rows = await connection.fetch(
                "SELECT request_id, attempt, cost_nusd, reserved_nusd, source FROM usage_log"
            )
            accounts = await connection.fetch("SELECT * FROM budget_balances")
            slices = await connection.fetchval("SELECT count(*) FROM budget_slices")
        wrong = self._compare([tuple(row.values()) for row in rows])
        wrong["differences"] = len(await Books(database.flushes).reconcile())
        wrong["slices left"] = slices
        wrong["records left"] = sum(len(list(path.glob("*.wal"))) for path in seats(self._spools))
        limits = {budget.id: budget for path in PATHS for budget in path}
        wrong["over a hard cap"] = sum(
            row["posted_nusd"] > row["limit_nusd"] for row in accounts if limits[row["account"]].hard
        )
        wrong["leased and not given back"] = sum(row["reserved_nusd"] for row in accounts)
        await database.close()
        spent = {row["account"]: row["posted_nusd"] for row in accounts}
        return {
            "rows": len(rows),
            "sources": dict(Counter(row["source"] for row in rows)),
            "spent_nusd": spent,
            "wrong": {what: count for what, count in wrong.items() if count},
        }

    def _compare(self, rows: list[tuple[object, ...]]) -> Counter[str]:
        """Each attempt that was served with its row; of what was begun and not served there may be one, unknown."""
        posted = {row[:2]: row[2:] for row in rows}
        wrong = Counter({"doubled": len(rows) - len(posted)})
        for path in self._spools.glob("served-*"):
            for line in path.read_text().splitlines():
                request_id, attempt, amount, cost = line.split()
                row = posted.pop((request_id, int(attempt)), None)
                if row is None:
                    wrong["lost"] += 1
                elif row not in (
                    (int(cost), int(amount), "provider"),
                    (int(amount), int(amount), "unknown"),
                ):
                    wrong["charged otherwise"] += 1
        wrong["not served"] = sum(source != "unknown" for _, _, source in posted.values())
        return wrong


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--postgres-kills", type=int, default=20)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kz") as name:
        killing = Killing(Path(name), given.workers, given.seed)
        seen = asyncio.run(killing.run(given.kills, given.postgres_kills))
    print(json.dumps(seen, indent=1))
    return 1 if seen["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
