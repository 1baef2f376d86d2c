"""Monthly partitions: made ahead, and taken off when their time is over.

By the owner's connection. When the database is away nothing is done and the next round does it; rows of a month
without a partition go to the default one and are moved when theirs is made. Every step is repeatable.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date

from storage.connection import Connection

#: Tables that are cut by month, and how many whole months before this one stay in them.
KEPT_MONTHS = {"usage_log": 3}
AHEAD_MONTHS = 2
_LOCK_S = 5
_LOCK = 0x6B617A65_0002


@dataclass(frozen=True, slots=True, order=True)
class Month:
    year: int
    number: int

    @classmethod
    def of(cls, day: date) -> "Month":
        return cls(day.year, day.month)

    @property
    def first(self) -> date:
        return date(self.year, self.number, 1)

    def plus(self, months: int) -> "Month":
        year, number = divmod(self.year * 12 + self.number - 1 + months, 12)
        return Month(year, number + 1)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"


def partition_name(table: str, month: Month) -> str:
    return f"{_known(table)}_{month.year:04}_{month.number:02}"


async def make_ahead(
    connection: Connection, table: str, today: date, ahead: int = AHEAD_MONTHS
) -> list[Month]:
    """The partitions of this month and the next ones; returns those that were missing."""
    made = []
    for offset in range(ahead + 1):
        month = Month.of(today).plus(offset)
        async with _exclusively(connection):
            if await connection.fetchval("SELECT to_regclass($1)", partition_name(table, month)) is None:
                await _make(connection, table, month)
                made.append(month)
    return made


async def detach_expired(
    connection: Connection, table: str, today: date, kept: int | None = None
) -> list[Month]:
    """Takes off what is older than the `kept` months before this one; their rows are then in no query."""
    oldest = Month.of(today).plus(-(KEPT_MONTHS[table] if kept is None else kept))
    expired = [month for month in await attached(connection, table) if month < oldest]
    for month in expired:
        async with _exclusively(connection):
            if month in await attached(connection, table):
                await connection.execute(
                    f"ALTER TABLE {_known(table)} DETACH PARTITION {partition_name(table, month)}"
                )
    return expired


async def attached(connection: Connection, table: str) -> list[Month]:
    """The months whose rows are in `table`."""
    return await _months(connection, table, attached=True)


async def detached(connection: Connection, table: str) -> list[Month]:
    """The months that were taken off and not yet dropped: to be archived."""
    return await _months(connection, table, attached=False)


async def _months(connection: Connection, table: str, attached: bool) -> list[Month]:
    rows = await connection.fetch(
        "SELECT c.relname, i.inhparent IS NOT NULL AS attached FROM pg_class c"
        " LEFT JOIN pg_inherits i ON i.inhrelid = c.oid"
        " WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace"
        " AND c.relname ~ ('^' || $1 || '_[0-9]{4}_[0-9]{2}$') ORDER BY c.relname",
        _known(table),
    )
    names = [row["relname"] for row in rows if row["attached"] is attached]
    return [Month(int(name[-7:-3]), int(name[-2:])) for name in names]


async def _make(connection: Connection, table: str, month: Month) -> None:
    """Made beside the table and attached, which others hardly notice; rows that came too early move into it."""
    name, following = partition_name(table, month), month.plus(1)
    await connection.execute("SELECT set_config('app.tenant', '*', true)")
    await connection.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)")
    await connection.execute(f"LOCK TABLE {table}_default IN SHARE ROW EXCLUSIVE MODE")
    await connection.execute(
        f"WITH moved AS (DELETE FROM {table}_default WHERE month = $1 RETURNING *)"  # noqa: S608
        f" INSERT INTO {name} SELECT * FROM moved",
        month.first,
    )
    await connection.execute(
        f"ALTER TABLE {table} ATTACH PARTITION {name}"
        f" FOR VALUES FROM ('{month.first}') TO ('{following.first}')"
    )
    # Nobody but the owner may ask the partition itself, and the owner is bound as well.
    await connection.execute("SELECT protect($1::text::regclass, 'tenant', '')", name)


@asynccontextmanager
async def _exclusively(connection: Connection) -> AsyncIterator[None]:
    """A transaction that waits briefly for locks, and runs beside no other worker's maintenance."""
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_S}s'")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        yield


def _known(table: str) -> str:
    """`table`, whose name becomes part of statements."""
    if table not in KEPT_MONTHS:
        raise ValueError(f"{table!r} is not cut by month")
    return table
