"""What the database needs from time to time, done by whoever runs beside it."""

from dataclasses import replace
from datetime import date
from pathlib import Path

from gateway.serving.database import DatabaseBeside
from gateway.settings.server import DatabaseStore
from keys.secret import Secret
from storage.archive import archives
from storage.database import EVERY_TENANT, Database, connected
from storage.partitions import KEPT_MONTHS, Month, detached, make_ahead, partition_name
from tests.clock import LoopClock, passes, until
from tests.postgres import Stored
from tests.settings.loading import VALID, load_text
from tests.storage.rows import usage_row, write_usage


async def test_old_months_are_archived_by_a_gateway_that_runs_for_a_quarter_of_an_hour(
    stored: Stored, database: Database, tmp_path: Path
) -> None:
    clock = LoopClock()
    old = Month.of(clock.utc().date()).plus(-4)
    async with connected(stored.owner) as connection:
        await make_ahead(connection, "usage_log", old.first, ahead=0)
    async with database.flushes.transaction(EVERY_TENANT) as connection:
        await write_usage(connection, [usage_row("old", day=date(old.year, old.number, 9))])
    settings = load_text(VALID, tmp_path)
    store = DatabaseStore("postgresql", Secret(stored.application), owner=Secret(stored.owner))
    beside = DatabaseBeside(replace(settings, database=store), clock)
    await beside.start()
    [table] = KEPT_MONTHS
    await passes(60)
    assert archives(settings.data_dir / "archive", table) == []
    await passes(900)
    await until(lambda: archives(settings.data_dir / "archive", table))
    [archive] = archives(settings.data_dir / "archive", table)
    assert (archive.month, [row["request_id"] for row in archive.rows()]) == (old, ["old"])
    await beside.stop()


async def test_an_archive_that_cannot_be_made_whole_does_not_end_the_upkeep(
    stored: Stored, database: Database, tmp_path: Path
) -> None:
    clock = LoopClock()
    months = [Month.of(clock.utc().date()).plus(back) for back in (-5, -4)]
    async with connected(stored.owner) as connection:
        for month in months:
            await make_ahead(connection, "usage_log", month.first, ahead=0)
    async with database.flushes.transaction(EVERY_TENANT) as connection:
        rows = [usage_row(str(month), day=date(month.year, month.number, 9)) for month in months]
        await write_usage(connection, rows)
    name = partition_name("usage_log", months[0])
    await changed(
        stored, f"UPDATE {name} SET task = repeat('x', 17 * 1024 * 1024)"
    )  # longer than a line may be
    settings = load_text(VALID, tmp_path)
    store = DatabaseStore("postgresql", Secret(stored.application), owner=Secret(stored.owner))
    beside = DatabaseBeside(replace(settings, database=store), clock)
    await beside.start()
    await passes(900)
    directory = settings.data_dir / "archive"

    async def left() -> list[Month]:
        async with connected(stored.owner) as connection:
            return await detached(connection, "usage_log")

    while await left() != months[:1]:  # the other one is archived all the same
        pass
    await changed(stored, f"UPDATE {name} SET task = ''")
    while await left():
        await passes(90_000)  # a day and an hour
    assert [archive.verify().rows for archive in archives(directory, "usage_log")] == [1, 1]
    await beside.stop()


async def changed(stored: Stored, statement: str) -> None:
    async with connected(stored.owner) as connection, connection.transaction():
        await connection.execute("SELECT set_config('app.tenant', '*', true)")
        await connection.execute(statement)
