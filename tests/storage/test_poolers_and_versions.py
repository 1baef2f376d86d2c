"""Through a real PgBouncer in transaction mode, and on the oldest PostgreSQL that is promised.

PgBouncer: named by KAZE_TEST_PGBOUNCER, on the PATH, or Debian's, which is fetched (`debian.py`). PostgreSQL 15:
where Debian puts it, or fetched. Only where there is no Debian to ask are they left out; in CI that is a failure.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.audit import Deed, append, verify_stored
from storage.database import EVERY_TENANT, Database, DatabaseAwayError, connected
from storage.isolation import weaknesses
from storage.migrate import load, migrate, pending
from storage.partitions import make_ahead
from storage.postgres_binaries import RunAs
from storage.postgres_cluster import APPLICATION, OWNER
from tests.postgres import Stored
from tests.storage.debian import libraries, unpacked
from tests.storage.rows import TODAY, usage_row, write_usage
from tests.storage.servers import PlainServer, RunningPostgres

INSTALLED = os.environ.get("KAZE_TEST_PGBOUNCER") or shutil.which("pgbouncer")
OLDEST = Path("/usr/lib/postgresql/15/bin")
AT = datetime(2026, 11, 21, tzinfo=UTC)


async def _use(database: Database) -> None:
    """Something of everything: tenants apart, a flush twice, the audit trail."""
    async with database.admin.transaction(EVERY_TENANT) as connection:
        for tenant in ("a", "b"):
            await connection.execute("INSERT INTO tenants (id) VALUES ($1)", tenant)
            await append(connection, Deed("system", "test", "tenant.create", tenant, tenant=tenant), AT)
    for _ in range(2):
        async with database.flushes.transaction(EVERY_TENANT) as connection:
            await write_usage(connection, [usage_row("one"), usage_row("two", tenant="b")])

    async def look(tenant: str | None) -> list[str]:
        async with database.reads.transaction(tenant) as connection:
            await connection.execute("SELECT pg_sleep(0.001)")
            rows = await connection.fetch(
                "SELECT id FROM tenants UNION SELECT tenant FROM usage_log ORDER BY 1"
            )
            return [row[0] for row in rows]

    expected = {None: [], "a": ["a"], "b": ["b"], EVERY_TENANT: ["a", "b"]}
    asked = list(expected) * 15
    for tenant, seen in zip(asked, await asyncio.gather(*map(look, asked)), strict=True):
        assert seen == expected[tenant]
    async with database.reads.transaction("a") as connection:
        assert [finding async for finding in verify_stored(connection, "a")] == []
        assert await connection.fetchval("SELECT sum(cost_nusd)::bigint FROM usage_log") == 7


class PgBouncer:
    """In transaction mode, with fewer server connections than there are clients."""

    def __init__(self, program: str, directory: Path, dsns: list[str]) -> None:
        accounts = [dsn.removeprefix("postgresql://").partition("@")[0].split(":") for dsn in dsns]
        run_as = RunAs.here()
        directory.mkdir()
        run_as.let_pass(directory.parent)
        run_as.give(directory)
        upstream = dsns[0].partition("?host=")[2].replace("%2F", "/")
        (directory / "users").write_text("".join(f'"{name}" "{password}"\n' for name, password in accounts))
        (directory / "ini").write_text(
            f"[databases]\n* = host={upstream}\n[pgbouncer]\nlisten_addr =\nunix_socket_dir = {directory}\n"
            f"listen_port = 6432\nauth_type = scram-sha-256\nauth_file = {directory}/users\n"
            "pool_mode = transaction\ndefault_pool_size = 2\nmax_client_conn = 50\n"
        )
        run_as.give(directory / "users")
        self._dsn_end = f"host={directory}&port=6432"
        user = run_as.user
        self._process = subprocess.Popen(
            [program, str(directory / "ini")], stderr=subprocess.DEVNULL, user=user, group=user,
            extra_groups=None if user is None else [],
        )  # fmt: skip

    def dsn(self, direct: str) -> str:
        return f"{direct.partition('?')[0]}?{self._dsn_end}"

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


def fetched(package: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it is unpacked, its libraries found by whatever is started from now on."""
    found = unpacked(package, directory)
    if found is None:
        assert "CI" not in os.environ, f"{package} could not be fetched"
        pytest.skip(f"no {package} here, and none to fetch")
    RunAs.here().let_pass(directory.parent)
    monkeypatch.setenv("LD_LIBRARY_PATH", libraries(found))
    return found


@pytest.fixture
def bouncer(directory: Path, empty: Stored, monkeypatch: pytest.MonkeyPatch) -> Iterator[PgBouncer]:
    program = INSTALLED
    if program is None:
        program = str(fetched("pgbouncer", directory.with_name("deb"), monkeypatch) / "usr/sbin/pgbouncer")
    started = PgBouncer(program, directory, [empty.application, empty.owner])
    yield started
    started.stop()


@pytest.mark.timeout(400)  # the first time it is fetched
async def test_through_pgbouncer_in_transaction_mode(
    postgres: RunningPostgres, empty: Stored, bouncer: PgBouncer
) -> None:
    database = Database(bouncer.dsn(empty.application), prepared_statements=False)
    await database.start()
    await database.answering()
    async with connected(bouncer.dsn(empty.owner)) as owner:
        assert len(await migrate(owner, APPLICATION)) == len(load())
        assert await pending(owner) == []
    async with connected(empty.owner) as owner:
        await make_ahead(owner, "usage_log", TODAY)
    await _use(database)
    async with database.reads.transaction() as connection:
        assert await connection.fetchval("SHOW statement_timeout") == "2s"
    # Nothing of ours stays on the server's connections, which others get next.
    async with connected(bouncer.dsn(empty.application)) as connection:
        for _ in range(10):
            async with connection.transaction():
                assert not await connection.fetchval("SELECT current_setting('app.tenant', true)")
                assert await connection.fetchval("SHOW statement_timeout") == "0"
    await database.close()
    # Without asking for it, it cannot work: what is set at the beginning of a session is refused.
    keeping = Database(bouncer.dsn(empty.application))
    await keeping.start()
    await keeping.answering()
    with pytest.raises(DatabaseAwayError, match="startup parameter"):
        async with keeping.reads.transaction():
            pass
    await keeping.close()


@pytest.mark.timeout(400)
async def test_on_postgresql_15_as_an_operator_gives_it(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    RunAs.here().let_pass(directory.parent)
    programs = OLDEST
    if not (OLDEST / "postgres").exists():
        place = await asyncio.to_thread(fetched, "postgresql-15", directory.with_name("deb"), monkeypatch)
        programs = place / OLDEST.relative_to("/")
    server = PlainServer(programs, directory)
    await asyncio.to_thread(
        server.call, "initdb", "-D", str(server.data), "-U", "dba", "-A", "trust", "-E", "UTF8", "-N"
    )
    server.start()
    try:
        await _answers(server.dsn("dba", "", "postgres"))
        async with connected(server.dsn("dba", "", "postgres")) as dba:
            for role in (OWNER, APPLICATION, "one"):
                await dba.execute(f"CREATE ROLE {role} LOGIN")
            await dba.execute(f"CREATE DATABASE two_roles OWNER {OWNER}")
            await dba.execute("CREATE DATABASE one_role OWNER one")
        for name, owner, application in (("two_roles", OWNER, APPLICATION), ("one_role", "one", "one")):
            async with connected(server.dsn(owner, "", name)) as connection:
                await migrate(connection, application)
                await make_ahead(connection, "usage_log", TODAY)
            database = Database(server.dsn(application, "", name))
            await database.start()
            await database.answering()
            await _use(database)
            async with database.admin.transaction() as connection:
                found = await weaknesses(connection)
            assert bool(found) is (application == owner)  # with one role for all it is told so
            await database.close()
    finally:
        server.end()


async def _answers(dsn: str) -> None:
    database = Database(dsn)
    await database.start()
    async with asyncio.timeout(50):
        await database.answering()
    await database.close()
