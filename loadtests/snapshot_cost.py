"""What another configuration costs: 1,000 tenants with 10 keys each and 50 pools, from the database into force.

How long it takes to read, to put together (in a thread) and to swap (on the loop), how long the loop is held up
meanwhile at worst, and how much memory the process takes more. What is judged is what the order asks for: the two
that follow the reading, together, and the memory. The status is 1 when either is missed; no tolerance.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from gateway.app import App
from gateway.clock import SystemClock
from gateway.settings.assemble import Assembled, assemble
from gateway.settings.following import Following
from gateway.settings.load import load
from loadtests.figures import Figure, figure_table
from storage.configuration import StoredConfiguration, read_configuration
from storage.database import connected
from storage.embedded_postgres import EmbeddedPostgres
from storage.migrate import migrate
from storage.postgres_cluster import APPLICATION

_ROWS = """
INSERT INTO tenants (id) SELECT 'tenant-' || t FROM generate_series(1, 1000) t;
INSERT INTO tenant_keys (tenant, id, digest, limits)
    SELECT 'tenant-' || t, 'key-' || k, sha256(('secret' || t || '.' || k)::bytea), '{"rpm": 600, "tpm": 200000}'
    FROM generate_series(1, 1000) t, generate_series(1, 10) k;
INSERT INTO providers (id, dialect, base_url) VALUES ('bench', 'openai', 'https://bench.example/v1');
INSERT INTO pools (id, provider, secret, limits)
    SELECT 'pool-' || p, 'bench', 'env:KAZE_PROVIDER_BENCH', '{"rpm": 4000}' FROM generate_series(1, 50) p;
"""
_TURNS = 5
SWAP_MS, MEMORY_MB = 200.0, 60.0
_MB, _MIB = 10**6, 2**20
_LAG_LOOK_S = 0.001


async def measure(directory: Path) -> dict[str, float]:
    """Milliseconds and MiB."""
    server = EmbeddedPostgres(directory / "postgres")
    dsn = await server.start()
    try:
        async with connected(server.owner_dsn) as connection:
            await migrate(connection, APPLICATION)
        environ = {
            "KAZE_PROVIDER_BENCH": "a-secret-of-this-benchmark",
            "KAZE_ADMIN_KEY": "of-this-benchmark-alone-4f1",
        }
        settings = load(None, environ, {"data_dir": str(directory / "data")})
        app = App(settings, clock=SystemClock(), database_dsn=dsn)
        await app.start()
        try:
            return await _figures(app, dsn)
        finally:
            await app.aclose()
    finally:
        await server.stop()


async def _figures(app: App, dsn: str) -> dict[str, float]:
    following, database = app.following, app.databases.primary
    assert database is not None
    before = _resident_kib()
    async with connected(dsn) as connection, connection.transaction():
        await connection.execute("SELECT set_config('app.tenant', '*', true)")
        await connection.execute(_ROWS)
    while len(following.snapshot.tenant_keys) < 10_000:  # noqa: ASYNC110 - the gateway owes us no event
        await asyncio.sleep(0.01)
    figures = {"memory_mib": (_resident_kib() - before) / 1024}
    lags: list[float] = []
    watching = asyncio.create_task(_watch(lags))
    read, together, swapped = [], [], []
    for _ in range(_TURNS):
        began = time.perf_counter()
        stored = await read_configuration(database)
        read.append(time.perf_counter() - began)
        made, seconds = await asyncio.to_thread(_together, following, stored)
        together.append(seconds)
        began = time.perf_counter()
        app._put_in_force(made.snapshot)
        swapped.append(time.perf_counter() - began)
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    for name, values in (("read", read), ("together", together), ("swap", swapped)):
        figures[f"{name}_ms"] = 1000 * sorted(values)[len(values) // 2]
    figures["worst_lag_ms"] = 1000 * max(lags)
    figures["memory_after_more_mib"] = (_resident_kib() - before) / 1024
    return figures


def _together(following: Following, stored: StoredConfiguration) -> tuple[Assembled, float]:
    began = time.thread_time()  # others on the machine are not to count
    made = assemble(following._settings.declared, stored, following._assembled)
    return made, time.thread_time() - began


def _resident_kib() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


async def _watch(lags: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(_LAG_LOOK_S)
        lags.append(time.perf_counter() - began - _LAG_LOOK_S)


def judged(found: dict[str, float]) -> list[Figure]:
    """What was measured beside what is promised."""
    in_force_ms = found["together_ms"] + found["swap_ms"]
    memory, later = (found[name] * _MIB / _MB for name in ("memory_mib", "memory_after_more_mib"))
    return [
        Figure("put together in a thread, swapped", in_force_ms, "ms", SWAP_MS, tolerance=0),
        Figure("of it on the loop", found["swap_ms"], "ms"),
        Figure("the loop was held up at worst", found["worst_lag_ms"], "ms"),
        Figure("read from the database", found["read_ms"], "ms"),
        Figure("memory for it", memory, "MB", MEMORY_MB, tolerance=0),
        Figure(f"memory after {_TURNS} more like it", later, "MB", MEMORY_MB, tolerance=0),
    ]


def status(figures: list[Figure]) -> int:
    """1 when any that is promised is not kept, or was not measured."""
    return 1 if any(one.verdict not in ("ok", "") for one in figures) else 0


def main(words: list[str] | None = None) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(
        prog="kaze loadtest snapshot-cost",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="kz") as root:
        figures = judged(asyncio.run(measure(Path(root))))
    print(figure_table(figures))
    return status(figures)


if __name__ == "__main__":
    sys.exit(main())
