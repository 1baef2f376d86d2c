"""Rows of a table as documents and back: SQL that is made of names in the code, and values beside it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.api.rest.answer import Row
from gateway.api.rest.json_text import dumps, loads
from storage.connection import Connection

_READ: Mapping[str, Callable[[Any], Any]] = {
    "jsonb": loads,
    "timestamptz": datetime.isoformat,
    "cidr[]": lambda networks: [str(network) for network in networks],
    "text[]": list,
}
_WRITTEN: Mapping[str, Callable[[Any], Any]] = {
    "jsonb": lambda value: dumps(value).decode(),
    "timestamptz": lambda value: datetime.fromisoformat(value) if isinstance(value, str) else value,
    "text[]": list,
}


@dataclass(frozen=True, slots=True)
class Column:
    """`kind` is PostgreSQL's."""

    name: str
    kind: str = "text"
    #: Whether a change may write it; else it is the database's or an operation's own.
    settable: bool = True


STAMPS = (
    Column("version", "bigint", settable=False),
    Column("created_at", "timestamptz", settable=False),
    Column("updated_at", "timestamptz", settable=False),
)


class Table:
    """Rows are known by the columns `key`, the first of which a list goes by."""

    def __init__(self, name: str, columns: Sequence[Column], key: Sequence[str] = ("id",)) -> None:
        self._name = name
        self._columns = {column.name: column for column in (*columns, *STAMPS)}
        self._key = tuple(key)
        self._selected = ", ".join(self._columns)

    @property
    def settable(self) -> list[str]:
        return [column.name for column in self._columns.values() if column.settable]

    async def page(
        self, connection: Connection, limit: int, after: str, where: str = "true", *values: object
    ) -> list[Row]:
        """By the last column of the key, those that come after `after`; `where` has values from $3 on."""
        by = self._key[-1]
        rows = await connection.fetch(
            f"SELECT {self._selected} FROM {self._name} WHERE {by}::text COLLATE \"C\" > $1 AND {where}"  # noqa: S608
            f' ORDER BY {by}::text COLLATE "C" LIMIT $2',
            after, limit, *values,
        )  # fmt: skip
        return [self._read(row) for row in rows]

    async def one(self, connection: Connection, *key: str, lock: bool = False) -> Row | None:
        """With `lock` nobody else changes it until the transaction ends."""
        row = await connection.fetchrow(
            f"SELECT {self._selected} FROM {self._name} WHERE {self._at(1)}{' FOR UPDATE' if lock else ''}",  # noqa: S608
            *key,
        )
        return None if row is None else self._read(row)

    async def add(self, connection: Connection, values: Row) -> Row | None:
        """None when there is one of that key, or with what must be unique."""
        names = [name for name in values if name in self._columns]
        places = ", ".join(f"${at}::{self._columns[name].kind}" for at, name in enumerate(names, 1))
        row = await connection.fetchrow(
            f"INSERT INTO {self._name} ({', '.join(names)}) VALUES ({places})"  # noqa: S608
            f" ON CONFLICT DO NOTHING RETURNING {self._selected}",
            *(self._written(name, values[name]) for name in names),
        )
        return None if row is None else self._read(row)

    async def put(self, connection: Connection, key: Sequence[str], values: Row) -> Row:
        """`values` into the row, which is there: its next version."""
        first = len(key) + 1
        names = [name for name in values if name in self._columns and name not in self._key]
        sets = [f"{name} = ${at}::{self._columns[name].kind}" for at, name in enumerate(names, first)]
        sets += ["version = version + 1", "updated_at = now()"]
        row = await connection.fetchrow(
            f"UPDATE {self._name} SET {', '.join(sets)} WHERE {self._at(1)} RETURNING {self._selected}",  # noqa: S608
            *key, *(self._written(name, values[name]) for name in names),
        )  # fmt: skip
        assert row is not None
        return self._read(row)

    async def remove(self, connection: Connection, *key: str) -> None:
        await connection.execute(f"DELETE FROM {self._name} WHERE {self._at(1)}", *key)  # noqa: S608

    def _at(self, first: int) -> str:
        return " AND ".join(f"{name} = ${place}" for place, name in enumerate(self._key, first))

    def _read(self, row: Mapping[Any, Any]) -> Row:
        made: Row = {"source": "database"}
        for name, column in self._columns.items():
            value = row[name]
            read = _READ.get(column.kind)
            made[name] = value if value is None or read is None else read(value)
        return made

    def _written(self, name: str, value: Any) -> Any:
        written = _WRITTEN.get(self._columns[name].kind)
        return value if value is None or written is None else written(value)
