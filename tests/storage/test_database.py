"""The pools: limits on every statement, apart from each other, away and back again."""

import asyncio
import os
import signal
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from storage.database import (
    EVERY_TENANT,
    Database,
    DatabaseAwayError,
    DatabaseBusyError,
    Lane,
    connect_options,
    connected,
)
from storage.embedded_postgres import EmbeddedPostgres
from tests.clock import LIMIT_S, passes, standing
from tests.cut_proxy import CutProxy
from tests.postgres import Stored


async def test_limits_hold_in_every_lane(stored: Stored) -> None:
    lanes = tuple(
        Lane(name, 2, statement_s=1.5, lock_s=0.5, idle_in_transaction_s=2.5) for name in ("a", "b", "c")
    )
    for prepared in (True, False):
        database = Database(stored.application, prepared_statements=prepared, lanes=lanes)  # type: ignore[arg-type]
        await database.start()
        await database.answering()
        for pool in (database.reads, database.flushes, database.admin):
            async with pool.transaction() as connection:
                limits = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
                shown = [await connection.fetchval(f"SHOW {limit}") for limit in limits]
                assert shown == ["1500ms", "500ms", "2500ms"]
        await database.close()


async def test_slow_locked_and_crowded_are_busy_and_not_away(stored: Stored) -> None:
    lane = Lane("short", 2, statement_s=0.3, lock_s=0.1, idle_in_transaction_s=30)
    database = Database(stored.application, lanes=(lane, lane, lane))
    await database.start()
    await database.answering()
    with pytest.raises(DatabaseBusyError, match="statement timeout"):
        async with database.reads.transaction() as connection:
            await connection.execute("SELECT pg_sleep(30)")
    async with database.flushes.transaction(EVERY_TENANT) as connection:
        await connection.execute("LOCK TABLE tenants IN SHARE ROW EXCLUSIVE MODE")
        with pytest.raises(DatabaseBusyError, match="lock timeout"):
            async with database.admin.transaction(EVERY_TENANT) as other:
                await other.execute("LOCK TABLE tenants IN SHARE ROW EXCLUSIVE MODE")
    assert database.degraded is None
    async with database.reads.transaction() as one, database.reads.transaction():
        waiting = asyncio.create_task(_value(database, "SELECT 1"))
        async with database.flushes.transaction():  # lanes do not wait for each other
            await passes(10)
        with pytest.raises(DatabaseBusyError, match="no free connection"):
            await waiting
        assert await one.fetchval("SELECT 1") == 1
    assert database.degraded is None
    await database.close()


async def _value(database: Database, query: str) -> object:
    async with database.reads.transaction() as connection:
        return await connection.fetchval(query)


async def test_what_the_body_raises_passes_and_rolls_back(database: Database) -> None:
    for error in (KeyError("mine"), OSError("a file")):
        with pytest.raises(type(error)):
            async with database.admin.transaction(EVERY_TENANT) as connection:
                await connection.execute("INSERT INTO tenants (id) VALUES ('undone')")
                raise error
    async with database.reads.transaction(EVERY_TENANT) as connection:
        assert await connection.fetchval("SELECT count(*) FROM tenants") == 0
    assert database.degraded is None


async def test_absent_at_start_then_there_then_killed_then_there(made: Path) -> None:
    server = EmbeddedPostgres(made)
    dsn = await server.start()
    await server.stop()
    database = Database(dsn)
    await database.start()
    with pytest.raises(DatabaseAwayError):
        await _value(database, "SELECT 1")
    assert database.degraded
    await server.start()
    await database.answering()
    assert await _value(database, "SELECT 1") == 1
    assert server.pid is not None
    with pytest.raises(DatabaseAwayError):
        async with database.flushes.transaction() as idle:
            with pytest.raises(DatabaseAwayError):
                async with database.reads.transaction() as other:
                    os.kill(server.pid, signal.SIGKILL)
                    while True:  # until the connection ends
                        await other.fetchval("SELECT 1")
            while True:
                await idle.fetchval("SELECT 1")
    async with asyncio.timeout(50):
        await database.answering()
    assert await _value(database, "SELECT 1") == 1
    assert database.degraded is None
    await database.close()
    await server.stop()


@pytest.fixture
async def distant(through: str) -> AsyncIterator[Database]:
    """The application's pools, by a way that can be cut."""
    opened = Database(through)
    await opened.start()
    await opened.answering()
    yield opened
    await opened.close()


async def test_while_it_is_away_nobody_waits_for_it(distant: Database, proxy: CutProxy) -> None:
    assert await _value(distant, "SELECT 1") == 1
    await proxy.cut()
    with pytest.raises(DatabaseAwayError):
        await _value(distant, "SELECT 1")
    with standing():  # no time passes: it fails without a try
        for _ in range(100):
            with pytest.raises(DatabaseAwayError):
                await _value(distant, "SELECT 1")
    await proxy.mend()
    await distant.answering()
    assert await _value(distant, "SELECT 1") == 1


async def test_who_is_cancelled_ends_also_where_the_connection_does(
    distant: Database, proxy: CutProxy, stored: Stored
) -> None:
    """The rollback fails, and its caller is not told that instead: a task that goes on after that never ends."""
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE query = $1 AND state = 'active'"
    async with connected(stored.superuser) as watching:
        for number in range(5):
            query = f"SELECT pg_sleep(100), {number}"
            working = asyncio.create_task(_value(distant, query))
            while not await watching.fetchval(asleep, query):
                await asyncio.sleep(0.001)
            working.cancel()
            await proxy.cut()
            with pytest.raises(asyncio.CancelledError):
                await working
            await proxy.mend()
            with suppress(DatabaseAwayError):
                await _value(distant, "SELECT 1")
            await distant.answering()
        await watching.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ '^SELECT pg_sl'"
        )


def message(kind: bytes, **fields: str) -> bytes:
    """An error as PostgreSQL says it."""
    said = b"".join(name.encode() + value.encode() + b"\x00" for name, value in fields.items()) + b"\x00"
    return kind + struct.pack("!i", len(said) + 4) + said


async def test_a_server_that_ends_while_it_is_looked_for_is_looked_for_again(
    through: str, proxy: CutProxy
) -> None:
    """It says so to whoever has just connected; the session can do nothing any more, not even be closed."""
    proxy.farewell = message(b"E", S="FATAL", V="FATAL", C="57P02", M="the server ends")
    database = Database(through)
    await database.start()
    while not proxy.farewells:
        await asyncio.sleep(0.001)
    assert database.degraded is not None
    proxy.farewell = b""
    async with asyncio.timeout(LIMIT_S):
        await database.answering()
    proxy.farewell = message(b"E", S="FATAL", V="FATAL", C="57P02", M="the server ends")
    for _ in range(5):
        with pytest.raises(DatabaseAwayError):
            await _value(database, "SELECT 1")
    proxy.farewell = b""
    async with asyncio.timeout(LIMIT_S):
        await database.answering()
    assert await _value(database, "SELECT 1") == 1
    await database.close()


async def test_a_commit_that_was_cut_off_can_be_repeated(
    distant: Database, proxy: CutProxy, stored: Stored
) -> None:
    """D61: whether the commit or only its answer was lost, the caller knows that it must repeat, and may."""
    insert = "INSERT INTO models (id, targets) VALUES ($1, '{a/b}') ON CONFLICT DO NOTHING"
    async with connected(stored.owner) as watching:

        async def write(name: str, spoil: str = "") -> None:
            async with distant.flushes.transaction() as connection:
                await connection.execute(insert, name)
                if spoil == "commit":
                    await proxy.cut()
                proxy.mute = spoil == "answer"

        for number in range(20):
            name, spoil = f"model-{number}", ("commit", "answer")[number % 2]
            writing = asyncio.create_task(write(name, spoil))
            if spoil == "answer":
                while not await watching.fetchval("SELECT count(*) FROM models WHERE id = $1", name):
                    await asyncio.sleep(0.005)
                await proxy.cut()
            with pytest.raises(DatabaseAwayError):
                await writing
            proxy.mute = False
            await proxy.mend()
            await distant.answering()
            await write(name)
        assert await watching.fetchval("SELECT count(*) FROM models") == 20


async def test_settings_of_a_transaction_end_with_it(database: Database) -> None:
    async with database.reads.transaction("a") as connection:
        assert await connection.fetchval("SELECT current_setting('app.tenant')") == "a"
    for _ in range(5):
        async with database.reads.transaction() as connection:
            assert await connection.fetchval("SELECT current_setting('app.tenant')") == ""


async def test_close_leaves_no_connection(stored: Stored) -> None:
    database = Database(stored.application)
    await database.start()
    await database.answering()
    for pool in (database.reads, database.flushes, database.admin):
        async with pool.transaction() as connection:
            await connection.execute("SELECT 1")
    await database.close()
    with pytest.raises(DatabaseAwayError, match="closed"):
        await _value(database, "SELECT 1")
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'kaze_app' AND datname = current_database()"
    )
    async with connected(stored.superuser) as connection:
        async with asyncio.timeout(50):
            while await connection.fetchval(query):
                await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("dsn", "ssl"),
    [
        ("postgresql://u:p@/d?host=/run/pg", False),
        ("postgresql://u:p@/d?host=%2Frun%2Fpg", False),
        ("postgresql://u:p@%2Frun%2Fpg/d", False),
        ("postgresql://u:p@db.example/d?sslmode=verify-full", None),
        ("postgresql://u:p@10.0.0.1:5432/d", None),
    ],
)
def test_no_tls_is_looked_for_on_a_unix_socket(dsn: str, ssl: bool | None) -> None:
    assert connect_options(dsn).get("ssl") is ssl
