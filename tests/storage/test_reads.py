"""Reads go to a real streaming replica while it is close enough, and to the primary otherwise."""

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.connection import Connection
from storage.database import Database, connected
from storage.embedded_postgres import EmbeddedPostgres
from storage.postgres_cluster import SUPERUSER
from storage.reads import (
    POLICY,
    NoReplicaError,
    Policy,
    Read,
    ReadRouter,
    Replica,
    check_replica,
    database_identity,
)
from storage.replication_lag import NOTES_MAX, PrimaryPositions
from tests.storage.servers import PlainServer


@dataclass
class Replicated:
    """A primary with one replica, and the router between them, whose time is the test's."""

    primary: EmbeddedPostgres
    primary_database: Database
    server: PlainServer
    replica: Replica
    now: float = 0.0

    def __post_init__(self) -> None:
        self.router = ReadRouter(self.primary_database, [self.replica], lambda: self.now)

    def replica_dsn(self) -> str:
        return self.server.dsn(SUPERUSER, self.primary._passwords[SUPERUSER], "kaze")

    def start_replica(self) -> None:
        place, password = self.primary.socket_directory, self.primary._passwords[SUPERUSER]
        source = f"host={place} user={SUPERUSER} password={password}"
        # A replica must have as much room for sessions and workers as its primary.
        self.server.start(primary_conninfo=source, max_connections="200", max_worker_processes="8")

    async def close_enough(self) -> None:
        async with asyncio.timeout(50):
            while True:
                await self.router.measure()
                if self.router.database_for(Read.VECTOR_SEARCH) is self.replica.database:
                    return
                await asyncio.sleep(0.02)


@pytest.fixture
async def replicated(made: Path) -> AsyncIterator[Replicated]:
    primary = EmbeddedPostgres(made)
    dsn = await primary.start()
    server = PlainServer(primary.programs, made / "replica")
    source = primary.dsn_of(SUPERUSER)
    backup = ["-D", str(server.data), "-d", source, "-R", "-X", "stream", "-c", "fast", "--no-sync"]
    await asyncio.to_thread(server.call, "pg_basebackup", *backup)
    databases = Database(dsn), Database(dsn.replace(dsn.partition("?")[2], f"host={server.run}"))
    made = Replicated(primary, databases[0], server, Replica("r", databases[1]))
    made.start_replica()
    for database in databases:
        await database.start()
        await database.answering()
    yield made
    for database in databases:
        await database.close()
    server.end()
    await primary.stop()


async def _until(connection: Connection, query: str) -> None:
    async with asyncio.timeout(50):
        while not await connection.fetchval(query):
            await asyncio.sleep(0.01)


async def test_reads_follow_the_replicas_state(replicated: Replicated) -> None:
    router, primary, replica = replicated.router, replicated.primary_database, replicated.replica.database
    assert all(router.database_for(read) is primary for read in Read)  # not measured yet

    replicated.now += 1
    await replicated.close_enough()
    for read in Read:
        assert router.database_for(read) is (primary if POLICY[read] is Policy.PRIMARY else replica)
    async with router.database_for(Read.VECTOR_SEARCH).reads.transaction() as connection:
        assert await connection.fetchval("SELECT pg_is_in_recovery()")

    # Behind: it still serves what tolerates some lag, until that is too much.
    async with (
        connected(replicated.replica_dsn()) as standby,
        connected(replicated.primary.owner_dsn) as owner,
    ):
        await standby.execute("SELECT pg_wal_replay_pause()")
        await _until(standby, "SELECT pg_get_wal_replay_pause_state() = 'paused'")
        await owner.execute("CREATE TABLE written AS SELECT 1 AS n; GRANT SELECT ON written TO kaze_app")
        replicated.now += 3
        await router.measure()
        assert replicated.replica.lag_s == 3
        assert router.database_for(Read.VECTOR_SEARCH) is replica
        replicated.now += 3
        await router.measure()
        assert replicated.replica.lag_s == 6
        assert all(router.database_for(read) is primary for read in Read)
        async with router.database_for(Read.VECTOR_SEARCH).reads.transaction() as connection:
            assert await connection.fetchval("SELECT n FROM written") == 1
        await standby.execute("SELECT pg_wal_replay_resume()")
    await replicated.close_enough()
    async with router.database_for(Read.VECTOR_SEARCH).reads.transaction() as connection:
        assert await connection.fetchval("SELECT n FROM written") == 1

    # Dead, and back.
    replicated.server.end()
    await router.measure()
    assert replicated.replica.lag_s == math.inf
    assert all(router.database_for(read) is primary for read in Read)
    replicated.start_replica()
    await replicated.close_enough()

    # Without a primary the replica serves until nobody knows any more how old it is.
    await replicated.primary.stop()
    replicated.now += 3
    await router.measure()
    assert router.database_for(Read.VECTOR_SEARCH) is replica
    assert router.database_for(Read.ADMIN) is primary
    replicated.now += 3
    await router.measure()
    assert router.database_for(Read.VECTOR_SEARCH) is primary


async def test_what_is_a_replica_of_the_database_is_told_from_what_is_none(replicated: Replicated) -> None:
    async with (
        connected(replicated.replica_dsn()) as standby,
        connected(replicated.primary.owner_dsn) as primary,
    ):
        identity = await database_identity(primary)
        await check_replica(standby, identity)
        with pytest.raises(NoReplicaError, match="takes writes"):
            await check_replica(primary, identity)
        async with connected(replicated.primary.dsn_of(SUPERUSER).replace("/kaze?", "/postgres?")) as other:
            assert await database_identity(other) != identity
            with pytest.raises(NoReplicaError, match="of another database"):
                await check_replica(standby, await database_identity(other))


async def test_without_replicas_nothing_is_measured() -> None:
    primary = Database("postgresql://nobody@/nowhere?host=/nowhere")
    router = ReadRouter(primary, [], lambda: 0.0)
    router.start()
    assert all(router.database_for(read) is primary for read in Read)
    await router.close()


def test_every_kind_of_read_has_its_policy() -> None:
    assert set(POLICY) == set(Read)
    as_it_is_now = {Read.CONFIGURATION, Read.TENANT_KEY, Read.ADMIN, Read.AUDIT_VERIFY, Read.IDEMPOTENCY}
    assert {read for read in Read if POLICY[read] is Policy.PRIMARY} == as_it_is_now
    own = {read for read in Read if POLICY[read] is Policy.AFTER_OWN_WRITES}
    assert own == {Read.ADMIN_LIST, Read.AUDIT}


async def test_who_wrote_reads_it_wherever_it_is_read(replicated: Replicated) -> None:
    """Others may see it a little later; nothing is asked of the primary but where it is."""
    router, primary, replica = replicated.router, replicated.primary_database, replicated.replica.database
    replicated.now += 1
    await replicated.close_enough()
    assert router.database_for(Read.ADMIN_LIST) is replica
    async with connected(replicated.replica_dsn()) as standby:
        await standby.execute("SELECT pg_wal_replay_pause()")
        await _until(standby, "SELECT pg_get_wal_replay_pause_state() = 'paused'")
        async with connected(replicated.primary.owner_dsn) as owner:
            await owner.execute("CREATE TABLE written AS SELECT 1 AS n; GRANT SELECT ON written TO kaze_app")
        router.written()
        assert router.database_for(Read.ADMIN_LIST) is primary
        for _ in range(2):  # the replica is measured, and has not got it
            replicated.now += 1
            await router.measure()
            assert router.database_for(Read.ADMIN_LIST) is primary
            assert router.database_for(Read.USAGE_REPORT) is replica
        await standby.execute("SELECT pg_wal_replay_resume()")
    async with asyncio.timeout(50):
        while router.database_for(Read.ADMIN_LIST) is primary:
            await router.measure()
            await asyncio.sleep(0.02)
    async with router.database_for(Read.ADMIN_LIST).reads.transaction() as connection:
        assert await connection.fetchval("SELECT n FROM written") == 1


async def test_what_is_written_while_it_is_measured_is_not_taken_for_older(replicated: Replicated) -> None:
    """The position that comes back may be from before."""
    router, primary = replicated.router, replicated.primary_database
    replicated.now += 1
    await replicated.close_enough()
    measuring = asyncio.create_task(router.measure())
    await asyncio.sleep(0)  # it has asked
    replicated.now += 1
    router.written()
    replicated.now += 1
    await measuring
    assert router.database_for(Read.ADMIN_LIST) is primary


def test_lag_is_the_age_of_what_was_reached() -> None:
    positions = PrimaryPositions()
    assert positions.age(0, 100) == math.inf
    positions.note(0, 100)
    positions.note(10, 200)
    assert positions.age(11, 99) == math.inf
    assert positions.age(11, 100) == 11
    assert positions.age(11, 199) == 11
    assert positions.age(11, 200) == 1
    assert positions.age(11, None) == math.inf
    positions.note(20, 200)  # idle: whoever is there is up to date
    assert positions.age(20, 200) == 0
    positions.note(21, 50)  # a failover to one that had less
    assert positions.age(21, 200) == 0
    assert positions.age(21, 49) == math.inf


@given(st.lists(st.integers(0, 3), max_size=3 * NOTES_MAX), st.integers(0, 400))
def test_lag_is_never_less_than_it_is(steps: list[int], applied: int) -> None:
    """At second `n` the primary is at the sum of the first `n` steps; the true lag is known."""
    positions, position, reached = PrimaryPositions(), 0, -1
    for second, step in enumerate(steps):
        position += step
        positions.note(second, position)
        if position <= applied:
            reached = second
    if steps:
        assert positions.age(len(steps) - 1, applied) >= len(steps) - 1 - reached
