"""What the money costs a worker: each request's part on its loop, and how fast the spool gets into PostgreSQL.

    python -m loadtests.money_cost [REQUESTS]

With an embedded PostgreSQL of its own. Requests go through the treasury one after the other, in three nested
budgets that are far from their caps: reserve, begin (an INTENT), settle (a SETTLE), end. CPU time of the loop's
thread; then the flush: each request is two records, of which the second is posted. Exchanges with the books are
counted, to show that there is none for a request.
"""

import asyncio
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from budgets.leasing import Decided, Waiting
from budgets.price import cost
from budgets.price_spec import read_price
from budgets.price_table import PriceTable
from budgets.reservation import Reservation
from budgets.slices import Levels
from budgets.spool.record import Intent, Settle
from budgets.treasury import Treasury
from budgets.watch import Watch
from loadtests.spool_cost import BUDGETS, USED
from storage.database import Database, connected
from storage.embedded_postgres import EmbeddedPostgres
from storage.migrate import migrate
from storage.partitions import make_ahead
from storage.postgres_cluster import APPLICATION

#: Requests between two turns of the loop, as when many come at once.
_BURST = 32
_LATER = 1e12
#: Slices are as large as what was spent lately; a worker that has just begun asks for them first.
_WARM_S = 4.0
_PACE_S = 0.002


class Cost:
    def __init__(self, spools: Path, database: Database) -> None:
        self._flushes: list[float] = []
        self._asked = self._waited = self._number = 0
        watch = Watch(flushed=lambda seconds, _: self._flushes.append(seconds), asked=self._count)
        self._money = Treasury(
            spools, database, PriceTable(None), time.time, time.monotonic, watch, flush_s=_LATER
        )
        self._levels = Levels(BUDGETS)
        self._price = read_price({"input": 3, "cache_read": "0.3", "output": 15}, "test 1")

    def _count(self, _: float) -> None:
        self._asked += 1

    async def measure(self, requests: int) -> None:
        money = self._money
        await money.start()
        warm = time.monotonic() + _WARM_S
        while time.monotonic() < warm:
            await self._requests(_BURST)
            await asyncio.sleep(_PACE_S)
        await money.flush()
        self._asked = self._waited = 0
        self._flushes.clear()
        each = await self._requests(requests) * 1e6 / requests
        print(f"reserved, begun, settled in {len(BUDGETS)} budgets: {each:.1f} µs a request on the loop")
        print(f"meanwhile: {self._asked} exchanges with the books, {self._waited} requests waited for one")
        count = money.readings().spool_records
        began, began_cpu = time.perf_counter(), time.process_time()
        await money.flush()
        wall, cpu = time.perf_counter() - began, time.process_time() - began_cpu
        print(f"flushed: {count / wall:,.0f} records/s, {cpu / count * 1e6:.1f} µs of the worker's CPU each")
        median = sorted(self._flushes)[len(self._flushes) // 2]
        print(f"a transaction: {median * 1000:.1f} ms (median of {len(self._flushes)})")
        await money.close()

    async def _requests(self, count: int) -> float:
        """Seconds of the loop's CPU."""
        took = 0.0
        for start in range(0, count, _BURST):
            began = time.thread_time()
            burst = [self._reserve() for _ in range(min(_BURST, count - start))]
            took += time.thread_time() - began
            for one in burst:
                if isinstance(one, Waiting):
                    self._waited += 1
                    self._serve(await one.decided())
            await asyncio.sleep(0)
        return took

    def _reserve(self) -> Decided | Waiting:
        self._number += 1
        name = f"0190c1d2-7e5a-7c3b-9d1e-{self._number:012d}"
        decided = self._money.reserve(name, self._levels, 10**7, _LATER)
        if not isinstance(decided, Waiting):
            self._serve(decided)
        return decided

    def _serve(self, held: Decided) -> None:
        if not isinstance(held, Reservation):
            raise TypeError(f"there was to be money: {held}")
        money = self._money
        intent = Intent(
            held.request_id, 1, held.at_ms, held.amount, held.accounts, money.holder, self._price.version,
            "client-a", "web", "openai", "openai-key-1", "gpt-5", "smart", "conversation", "claude-code",
            "fix the tests",
        )  # fmt: skip
        attempt, spent = money.begin(held, intent, self._price), cost(self._price, USED, "default")
        said = Settle(intent, spent, "provider", USED, "default", 200, "ok", money.now_ms(), 2, 900, 300)
        money.settle(attempt, said)
        money.end(held)


async def main() -> None:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 30_000
    with tempfile.TemporaryDirectory(prefix="kz") as name:
        server = EmbeddedPostgres(Path(name) / "pg")
        dsn = await server.start()
        try:
            async with connected(server.owner_dsn) as owner:
                await migrate(owner, APPLICATION)
                await make_ahead(owner, "usage_log", datetime.now(UTC).date())
            database = Database(dsn)
            await database.start()
            await database.answering()
            await Cost(Path(name) / "spools", database).measure(requests)
            await database.close()
        finally:
            await server.stop()


if __name__ == "__main__":
    asyncio.run(main())
