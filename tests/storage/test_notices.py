"""The generation of the configuration: told by notice, and by looking when no notice comes."""

import asyncio

from storage.database import EVERY_TENANT, Database, connected
from storage.notices import GenerationWatch
from tests.clock import turns
from tests.postgres import Stored


async def _change(database: Database, name: str) -> None:
    async with database.admin.transaction(EVERY_TENANT) as connection:
        await connection.execute("INSERT INTO models (id, targets) VALUES ($1, '{a/b}')", name)


async def _told(heard: list[int], count: int) -> None:
    async with asyncio.timeout(50):
        while len(heard) < count:
            await asyncio.sleep(0.01)


async def _listeners(stored: Stored) -> list[int]:
    query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'listen%'"
    async with connected(stored.superuser) as connection:
        return [row["pid"] for row in await connection.fetch(query)]


async def test_a_notice_tells_at_once_and_looking_tells_when_none_comes(
    stored: Stored, database: Database
) -> None:
    heard: list[int] = []
    watch = GenerationWatch(database, stored.application, heard.append, look_s=1000)
    watch.start()
    await _told(heard, 1)
    async with asyncio.timeout(50):
        while not await _listeners(stored):
            await asyncio.sleep(0.01)
    await _change(database, "one")
    await _told(heard, 2)  # by notice: the next look is far away
    async with connected(stored.superuser) as connection:
        for pid in await _listeners(stored):
            await connection.execute("SELECT pg_terminate_backend($1)", pid)
    await _change(database, "two")
    await watch.look()
    assert heard == [heard[0], heard[0] + 1, heard[0] + 2]
    await watch.look()
    assert len(heard) == 3
    await watch.close()


async def test_without_notices_looking_is_enough(stored: Stored, database: Database) -> None:
    heard: list[int] = []
    watch = GenerationWatch(database, "postgresql://u@/nowhere?host=/nowhere", heard.append, look_s=0.05)
    watch.start()
    await _told(heard, 1)
    await _change(database, "one")
    await _told(heard, 2)
    await watch.close()


async def test_the_first_look_waits_for_the_database_and_for_nothing_else(stored: Stored) -> None:
    heard: list[int] = []
    database = Database(stored.application)
    watch = GenerationWatch(database, "postgresql://u@/nowhere?host=/nowhere", heard.append, look_s=1000)
    watch.start()
    await turns()
    await database.start()
    await _told(heard, 1)
    await watch.close()
    await database.close()
