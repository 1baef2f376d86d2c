"""Months of the usage log: made ahead, taken off, archived, read again, dropped only when the archive is whole."""

import gzip
import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.archive import Archive, ArchiveError, archive_detached, archives, drop_archived, write
from storage.connection import Connection
from storage.database import EVERY_TENANT, Database, connected
from storage.partitions import Month, attached, detach_expired, detached, make_ahead
from tests.postgres import Stored
from tests.storage.rows import TODAY, usage_row, write_usage

TABLE = "usage_log"
OLD = date(2026, 7, 9)


@given(st.dates(date(2000, 1, 1), date(2100, 12, 31)), st.integers(-200, 200))
def test_months_add_up(day: date, months: int) -> None:
    month = Month.of(day)
    assert month.plus(months).plus(-months) == month
    assert (month.plus(months) > month) is (months > 0)
    assert month.first <= day < month.plus(1).first


async def _whole(connection: Connection) -> int:
    async with connection.transaction():
        await connection.execute("SELECT set_config('app.tenant', '*', true)")
        return int(await connection.fetchval("SELECT coalesce(sum(cost_nusd), 0) FROM usage_log"))


async def test_made_ahead_once_and_over_the_turn_of_the_year(stored: Stored) -> None:
    async with connected(stored.owner) as connection:
        assert await make_ahead(connection, TABLE, TODAY) == [
            Month(2026, 11),
            Month(2026, 12),
            Month(2027, 1),
        ]
        assert await make_ahead(connection, TABLE, TODAY) == []
        assert await make_ahead(connection, TABLE, date(2026, 12, 1)) == [Month(2027, 2)]
        assert await attached(connection, TABLE) == [Month(2026, 11).plus(more) for more in range(4)]


async def test_rows_that_came_before_their_partition_move_into_it(stored: Stored, database: Database) -> None:
    async with database.flushes.transaction(EVERY_TENANT) as connection:
        await write_usage(connection, [usage_row("early"), usage_row("later", day=date(2026, 12, 1))])
    async with connected(stored.owner) as owner:
        await make_ahead(owner, TABLE, TODAY)
        async with owner.transaction():
            await owner.execute("SELECT set_config('app.tenant', '*', true)")
            rows = await owner.fetch("SELECT tableoid::regclass::text AS place, request_id FROM usage_log")
    places = {row["request_id"]: row["place"] for row in rows}
    assert places == {"early": "usage_log_2026_11", "later": "usage_log_2026_12"}
    async with database.flushes.transaction(EVERY_TENANT) as connection:  # a replay still finds them
        await write_usage(connection, [usage_row("early")])
        assert await connection.fetchval("SELECT count(*) FROM usage_log") == 2
        assert await connection.fetchval("SELECT sum(posted_nusd) FROM budget_posted") == 14


async def test_a_flush_that_is_repeated_adds_nothing(database: Database) -> None:
    rows = [usage_row(f"r{number}", cost=number, tenant="ab"[number % 2]) for number in range(100)]
    for some in (rows, rows[:50], [*rows[30:], usage_row("new", cost=1)]):
        async with database.flushes.transaction(EVERY_TENANT) as connection:
            await write_usage(connection, some)
    async with database.reads.transaction(EVERY_TENANT) as connection:
        assert await connection.fetchval("SELECT sum(cost_nusd) FROM usage_log") == sum(range(100)) + 1
        assert await connection.fetchval("SELECT sum(posted_nusd) FROM budget_posted") == sum(range(100)) + 1


async def _with_old_rows(stored: Stored, database: Database, count: int = 2500) -> int:
    """Partitions from July to January, with rows in July and November; the rows' cost."""
    async with connected(stored.owner) as connection:
        await make_ahead(connection, TABLE, OLD, ahead=6)
    rows = [
        usage_row(f"ü{number}\n", day=OLD, cost=2**40 + number, tenant="ab"[number % 2])
        for number in range(count)
    ]
    async with database.flushes.transaction(EVERY_TENANT) as connection:
        await write_usage(connection, [*rows, usage_row("now")])
    return sum(int(str(row["cost_nusd"])) for row in rows)


async def test_what_is_old_goes_to_a_file_that_can_be_read(
    stored: Stored, database: Database, tmp_path: Path
) -> None:
    cost = await _with_old_rows(stored, database)
    async with connected(stored.owner) as connection:
        assert await _whole(connection) == cost + 7
        assert await detach_expired(connection, TABLE, TODAY) == [Month(2026, 7)]
        assert await detached(connection, TABLE) == [Month(2026, 7)]
        assert await detach_expired(connection, TABLE, TODAY) == []
        assert await _whole(connection) == 7
        [archive] = await archive_detached(connection, TABLE, tmp_path / "archive")
        assert await detached(connection, TABLE) == []
        assert await archive_detached(connection, TABLE, tmp_path / "archive") == []
    assert archives(tmp_path / "archive", TABLE) == [archive]
    manifest = archive.verify()
    rows = list(archive.rows())
    assert manifest.rows == len(rows) == 2500 and manifest.columns["cost_nusd"] == "bigint"
    assert sum(row["cost_nusd"] for row in rows) == cost
    assert {row["request_id"] for row in rows} == {f"ü{number}\n" for number in range(2500)}
    assert archive.path.stat().st_mode & 0o077 == 0
    async with database.flushes.transaction(EVERY_TENANT) as connection:  # a very late row has a place
        await write_usage(connection, [usage_row("late", day=OLD)])
        assert await connection.fetchval("SELECT count(*) FROM usage_log") == 2


async def test_nothing_is_dropped_that_is_not_in_a_whole_archive(
    stored: Stored, database: Database, tmp_path: Path
) -> None:
    await _with_old_rows(stored, database, count=10)
    archive = Archive(tmp_path, TABLE, Month(2026, 7))
    async with connected(stored.owner) as connection:
        await detach_expired(connection, TABLE, TODAY)
        with pytest.raises(ArchiveError, match="cannot be read"):
            await drop_archived(connection, archive)
        await write(connection, archive)
        whole, manifest = archive.path.read_bytes(), archive.manifest_path.read_text()
        lines = gzip.decompress(whole).splitlines(keepends=True)
        said = json.loads(manifest)
        fewer = gzip.compress(b"".join(lines[:-1]))
        spoilt = {
            "cut off": (whole[:-20], said),
            "a byte changed": (whole[:50] + bytes([whole[50] ^ 1]) + whole[51:], said),
            "a row gone, its checksum put right": (fewer, said),
            "of another month": (whole, said | {"month": "2026-06"}),
            "no manifest": (whole, None),
        }
        for case, (data, claimed) in spoilt.items():
            archive.path.write_bytes(data)
            archive.manifest_path.write_text("" if claimed is None else json.dumps(claimed))
            with pytest.raises(ArchiveError):
                await drop_archived(connection, archive)
            assert await detached(connection, TABLE) == [Month(2026, 7)], case
        archive.path.write_bytes(whole)
        archive.manifest_path.write_text(manifest)
        await connection.execute("DELETE FROM usage_log_2026_07 WHERE false")
        async with connection.transaction():
            await connection.execute("SELECT set_config('app.tenant', '*', true)")
            await connection.execute(
                'INSERT INTO usage_log_2026_07 SELECT (jsonb_populate_record(t, \'{"request_id": "x"}\')).*'
                " FROM usage_log_2026_07 t LIMIT 1"
            )
        with pytest.raises(ArchiveError, match="has 11 rows and its archive 10"):
            await drop_archived(connection, archive)
        [again] = await archive_detached(connection, TABLE, tmp_path)
        assert again.verify().rows == 11


async def test_only_known_tables_become_part_of_statements(stored: Stored) -> None:
    async with connected(stored.owner) as connection:
        with pytest.raises(ValueError, match="not cut by month"):
            await make_ahead(connection, "tenants; DROP TABLE tenants", TODAY)
