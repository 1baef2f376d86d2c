"""What the database needs from time to time, done by whoever runs beside it."""

from dataclasses import replace
from datetime import date
from pathlib import Path

from gateway.serving.database import DatabaseBeside
from gateway.settings.server import DatabaseStore
from keys.secret import Secret
from storage.archive import archives
from storage.database import EVERY_TENANT, Database, connected
from storage.partitions import KEPT_MONTHS, Month, make_ahead
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
