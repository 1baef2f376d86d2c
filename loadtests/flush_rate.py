"""How fast one worker posts what is in its spool to an embedded PostgreSQL of its own: records a second.

    python -m loadtests.flush_rate [REQUESTS]

Each request is two records, an INTENT and a SETTLE, of which the second is posted; three budgets are charged. CPU
time is the worker's process alone, wall time all of it, the server's part included.
"""

import asyncio
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from budgets.books import Books
from budgets.flusher import Flusher, Posting
from budgets.holder import Holder
from budgets.spool.journal import Journal
from budgets.spool.record import Settle
from budgets.spool.tail import Tail
from budgets.spool.writer import SpoolWriter
from budgets.watch import Watch
from loadtests.spool_cost import USED, intent
from storage.database import Database, connected
from storage.embedded_postgres import EmbeddedPostgres
from storage.migrate import migrate
from storage.partitions import make_ahead
from storage.postgres_cluster import APPLICATION

_HOLDER = Holder("4f1c2a9be07d6318", 12)


async def flush(spool: Path, database: Database, requests: int) -> None:
    writer = SpoolWriter(spool, Journal(spool, _HOLDER.epoch))
    for number in range(requests):
        begun = intent(number)
        writer.begin(begun)
        writer.resolve(Settle(begun, 1234, "provider", USED, "default", 200, "ok", begun.at_ms, 2, 900, 300))
        if number % 64 == 0:
            await asyncio.sleep(0)
    took: list[float] = []
    watch = Watch(flushed=lambda seconds, _: took.append(seconds))
    posting = Posting(Books(database.flushes), spool / "refused", watch, time.perf_counter)
    flusher = Flusher(Tail(spool, _HOLDER.epoch), writer, posting, _HOLDER, watch)
    began, began_cpu = time.perf_counter(), time.process_time()
    await flusher.flush()
    wall, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    await writer.close()
    print(f"posted: {requests / wall:,.0f} requests/s, which are {2 * requests / wall:,.0f} records/s")
    print(f"worker: {cpu / requests * 1e6:.1f} µs of CPU a request, read back, sent and let go")
    print(f"a transaction: {sorted(took)[len(took) // 2] * 1000:.1f} ms (median) of {len(took)}")


async def main() -> None:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
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
            spool = Path(name) / "spool"
            spool.mkdir()
            await flush(spool, database, requests)
            await database.close()
        finally:
            await server.stop()


if __name__ == "__main__":
    asyncio.run(main())
