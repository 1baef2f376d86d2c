"""Claims and answers as rows: one of many twins gets the claim, and what was lost cannot be ended."""

import asyncio

from storage import idempotent_answers as rows
from storage.database import EVERY_TENANT, Database
from storage.idempotent_answers import Answered, Claim, Kept, Name

NAME: Name = ("a", "web", "order-1")
ONE, OTHER = b"1" * 32, b"2" * 32
HEADERS = [("content-type", "application/json"), ("x-odd", "\xfc")]
BODY = b'{"text": "\x00\xff"}'


async def claim(database: Database, holder: str, digest: bytes = ONE, name: Name = NAME) -> Kept | None:
    async with database.reads.transaction(name[0]) as connection:
        return await rows.claim_or_find(connection, Claim(name, holder), digest, 30)


async def keep(database: Database, holder: str) -> None:
    async with database.flushes.transaction(EVERY_TENANT) as connection:
        await rows.keep(connection, [Answered(Claim(NAME, holder), 200, HEADERS, BODY)], 60)


async def release(database: Database, holder: str) -> None:
    async with database.flushes.transaction(EVERY_TENANT) as connection:
        await rows.release(connection, [Claim(NAME, holder)])


async def lapse(database: Database) -> None:
    async with database.flushes.transaction(EVERY_TENANT) as connection:
        await connection.execute("UPDATE idempotent_answers SET expires_at = now()")


async def count(database: Database) -> int:
    async with database.reads.transaction(EVERY_TENANT) as connection:
        found: int = await connection.fetchval("SELECT count(*) FROM idempotent_answers")
        return found


async def test_one_of_many_twins_gets_the_claim(database: Database) -> None:
    found = await asyncio.gather(*(claim(database, f"w:{number}") for number in range(20)))
    assert found.count(None) == 1
    assert all(one == Kept(ONE, None, [], b"") for one in found if one is not None)


async def test_an_answer_comes_back_as_it_was(database: Database) -> None:
    assert await claim(database, "w:1") is None
    await keep(database, "w:1")
    assert await claim(database, "w:2") == Kept(ONE, 200, HEADERS, BODY)
    found = await claim(database, "w:2", OTHER)
    assert found is not None and found.digest == ONE


async def test_what_was_released_or_has_lapsed_is_claimed_anew(database: Database) -> None:
    assert await claim(database, "w:1") is None
    await release(database, "w:1")
    assert await claim(database, "w:2", OTHER) is None
    await lapse(database)
    assert await claim(database, "w:3") is None
    await keep(database, "w:3")
    await lapse(database)
    assert await claim(database, "w:4", OTHER) is None
    found = await claim(database, "w:5")
    assert found is not None and found[:2] == (OTHER, None)  # nothing of the old answer is left


async def test_a_lost_claim_can_neither_be_ended_nor_renewed(database: Database) -> None:
    assert await claim(database, "w:1") is None
    await lapse(database)
    assert await claim(database, "w:2") is None
    await keep(database, "w:1")
    await release(database, "w:1")
    found = await claim(database, "w:3")
    assert found is not None and found.status is None
    await lapse(database)
    async with database.flushes.transaction(EVERY_TENANT) as connection:
        await rows.renew(connection, [Claim(NAME, "w:1")], 30)
    assert await claim(database, "w:3") is None


async def test_a_lapsed_claim_that_nobody_took_is_still_ended(database: Database) -> None:
    """Its worker stood still, or the database was away."""
    assert await claim(database, "w:1") is None
    await lapse(database)
    await keep(database, "w:1")
    found = await claim(database, "w:2")
    assert found is not None and found.status == 200


async def test_who_renews_keeps_it(database: Database) -> None:
    assert await claim(database, "w:1") is None
    await lapse(database)
    async with database.flushes.transaction(EVERY_TENANT) as connection:
        await rows.renew(connection, [Claim(NAME, "w:1")], 30)
    assert await claim(database, "w:2") is not None


async def test_names_are_apart(database: Database) -> None:
    for name in (NAME, ("b", "web", "order-1"), ("a", "cli", "order-1"), ("a", "web", "order-2")):
        assert await claim(database, "w:1", name=name) is None


async def test_only_what_has_expired_is_swept_and_so_much_at_once(database: Database) -> None:
    for number in range(5):
        await claim(database, "w:1", name=("a", "web", f"old-{number}"))
    await lapse(database)
    await claim(database, "w:1")
    swept = []
    for _ in range(4):
        async with database.flushes.transaction(EVERY_TENANT) as connection:
            swept.append(await rows.sweep(connection, 2))
    assert (swept, await count(database)) == ([2, 2, 1, 0], 1)
