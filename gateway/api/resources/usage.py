"""`/usage`: what was used and what it cost, in groups; `/usage/export`: every record, as CSV or NDJSON.

Read where reports may be a little behind. Fields are chosen from lists; nothing of a query is ever SQL. An export
is read in steps of their own, so that a slow reader holds no transaction open; when a step fails the connection is
cut, and what came is known to be incomplete.
"""

import base64
import binascii
import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from gateway.api.rest.answer import Answer, Problem, Row
from gateway.api.rest.ask import Ask
from gateway.api.rest.json_text import dumps, loads
from gateway.api.rest.operation import PAGING, Operation, Parameter
from gateway.api.rest.principal import READS
from gateway.api.rest.reading import database_for
from gateway.api.rest.schemas import WHOLE, fields, listed
from storage.connection import Connection
from storage.database import EVERY_TENANT, Database
from storage.reads import Read, ReadRouter

#: What it may be grouped and chosen by.
FIELDS = (
    "month", "day", "tenant", "key", "agent", "task", "route", "model", "provider", "pool", "tier", "price_version",
)  # fmt: skip
_CHOSEN = tuple(name for name in FIELDS if name not in ("month", "day"))
SUMS = ("requests", "input_tokens", "output_tokens", "cost_nusd")
#: Of a record, in the order of an export.
RECORD = (
    "day", "request_id", "attempt", "number", "tenant", "key", "agent", "task", "route", "model", "provider",
    "pool", "priority", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_5m_tokens",
    "cache_write_1h_tokens", "audio_input_tokens", "image_input_tokens", "reasoning_tokens",
    "audio_output_tokens", "image_output_tokens", "searches", "cost_nusd", "price_version", "price_known",
    "source", "tier", "status", "outcome", "started_at", "queue_ms", "upstream_ms", "first_token_ms",
    "overflow",
)  # fmt: skip
_STEP_ROWS = 1000
_DAYS_MAX = 3700
_DAY = {"type": "string", "format": "date"}
_TEXT = {"type": "string", "maxLength": 256}
_SPAN = (
    Parameter("from", _DAY, "The first day, in UTC; by default the first of this month."),
    Parameter("to", _DAY, "The day after the last; by default tomorrow."),
)
_CHOICE = tuple(Parameter(name, _TEXT, f"Only of this {name}.") for name in _CHOSEN)
_GROUPS = Parameter("group_by", _TEXT, f"One or more of {', '.join(FIELDS)}, with commas; by default tenant.")
_FORMAT = Parameter("format", {"enum": ["csv", "ndjson"]}, "By default ndjson.")
#: With what a spreadsheet takes a cell for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Usage:
    def __init__(self, reads: ReadRouter | None, now: Callable[[], datetime]) -> None:
        self._reads = reads
        self._now = now

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="GET", path="/admin/v1/usage", name="usage.list", summary="What was used, in groups.",
                roles=READS, read=self._grouped, answer=listed(fields(dict.fromkeys(SUMS, WHOLE))),
                parameters=(*PAGING, _GROUPS, *_SPAN, *_CHOICE),
            ),
            Operation(
                method="GET", path="/admin/v1/usage/export", name="usage.export", summary="Every usage record.",
                roles=READS, read=self._export, parameters=(_FORMAT, *_SPAN, *_CHOICE),
                media_types=("text/csv", "application/x-ndjson"),
            ),
        ]  # fmt: skip

    @property
    def _database(self) -> Database:
        return database_for(self._reads, Read.USAGE_REPORT)

    async def _grouped(self, ask: Ask) -> Answer:
        limit, after = ask.page()
        groups = _groups(ask.query.get("group_by", "tenant"))
        where, values = _where(ask.query, *self._span(ask.query))
        if after:
            marks = ", ".join(f"${len(values) + place}" for place in range(1, len(groups) + 1))
            where += f" AND ({', '.join(_as_text(name) for name in groups)}) > ({marks})"
            values += _cursor(after, len(groups))
        named = ", ".join(f"{_as_text(name)} AS {name}" for name in groups)
        ordered = ", ".join(str(place) for place in range(1, len(groups) + 1))
        sums = ", ".join(f"coalesce(sum({name}), 0)::bigint AS {name}" for name in SUMS[1:])
        query = (
            f"SELECT {named}, count(*) FILTER (WHERE number = 0) AS requests, {sums}"  # noqa: S608
            f" FROM usage_log WHERE {where}"
            f" GROUP BY {ordered} ORDER BY {ordered} LIMIT {limit + 1}"
        )
        async with self._database.admin.transaction(EVERY_TENANT, readonly=True) as connection:
            rows = [dict(row) for row in await connection.fetch(query, *values)]
        last = [rows[limit - 1][name] for name in groups] if len(rows) > limit else None
        return Answer({"data": rows[:limit], "next": None if last is None else _packed(last)})

    async def _export(self, ask: Ask) -> Answer:
        where, values = _where(ask.query, *self._span(ask.query))
        steps = _steps(self._database, where, values)
        first = await anext(steps)  # what can be refused is refused before the answer begins
        kind = ask.query.get("format", "ndjson")
        if kind == "csv":
            headers = {"content-disposition": 'attachment; filename="usage.csv"'}
            return Answer(_csv(first, steps), headers=headers, media_type="text/csv")
        if kind == "ndjson":
            return Answer(_ndjson(first, steps), media_type="application/x-ndjson")
        raise Problem(400, "format: csv or ndjson")

    def _span(self, query: Mapping[str, str]) -> tuple[date, date]:
        today = self._now().astimezone(UTC).date()
        first = _day("from", query.get("from"), today.replace(day=1))
        after = _day("to", query.get("to"), today + timedelta(days=1))
        if not 0 <= (after - first).days <= _DAYS_MAX:
            raise Problem(400, f"from and to: at most {_DAYS_MAX} days, in this order")
        return first, after


def _day(name: str, text: str | None, default: date) -> date:
    try:
        return default if text is None else date.fromisoformat(text)
    except ValueError:
        raise Problem(400, f"{name}: a day, such as 2026-11-21") from None


def _groups(text: str) -> list[str]:
    groups = text.split(",")
    if not set(groups) <= set(FIELDS) or len(set(groups)) != len(groups):
        raise Problem(400, f"group_by: some of {', '.join(FIELDS)}, each once")
    return groups


def _where(query: Mapping[str, str], first: date, after: date) -> tuple[str, list[object]]:
    """The months too, so that partitions of others are not looked at."""
    values: list[object] = [first.replace(day=1), after, first]
    where = "month >= $1 AND month <= $2 AND day >= $3 AND day < $2"
    for name in _CHOSEN:
        if name in query:
            values.append(query[name])
            where += f" AND {name} = ${len(values)}"
    return where, values


def _as_text(name: str) -> str:
    return f"{name}::text" if name in ("month", "day") else f'{name} COLLATE "C"'


def _packed(values: list[Any]) -> str:
    return base64.urlsafe_b64encode(dumps(values)).decode()


def _cursor(after: str, length: int) -> list[str]:
    try:
        values = loads(base64.urlsafe_b64decode(after))
        if isinstance(values, list) and len(values) == length and all(type(one) is str for one in values):
            return values
    except (ValueError, binascii.Error):
        pass
    raise Problem(400, "after: the `next` of the page before, of the same groups")


async def _steps(database: Database, where: str, values: list[object]) -> AsyncIterator[list[Row]]:
    """The records in the order of their unique key, some at a time; the first even when there are none."""
    place = len(values)
    last: tuple[object, ...] = (date.min, "", 0, 0)
    while True:
        async with database.admin.transaction(EVERY_TENANT, readonly=True) as connection:
            rows = await _step(connection, where, place, [*values, *last])
        yield [{name: row[name] for name in RECORD} for row in rows]
        if len(rows) < _STEP_ROWS:
            return
        end = rows[-1]
        last = (end["month"], end["request_id"], end["attempt"], end["number"])


async def _step(connection: Connection, where: str, place: int, values: list[object]) -> list[Row]:
    query = (
        f"SELECT month, {', '.join(RECORD)} FROM usage_log WHERE {where}"  # noqa: S608
        f" AND (month, request_id, attempt, number)"
        f" > (${place + 1}, ${place + 2}, ${place + 3}, ${place + 4})"
        f" ORDER BY month, request_id, attempt, number LIMIT {_STEP_ROWS}"
    )
    return [dict(row) for row in await connection.fetch(query, *values)]


async def _ndjson(first: list[Row], steps: AsyncIterator[list[Row]]) -> AsyncIterator[bytes]:
    yield b"".join(dumps(row) + b"\n" for row in first)
    async for rows in steps:
        yield b"".join(dumps(row) + b"\n" for row in rows)


async def _csv(first: list[Row], steps: AsyncIterator[list[Row]]) -> AsyncIterator[bytes]:
    yield _lines([RECORD, *map(_cells, first)])
    async for rows in steps:
        yield _lines(map(_cells, rows))


def _cells(row: Row) -> list[object]:
    return [_cell(row[name]) for name in RECORD]


def _cell(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    # Agents and tasks are callers' own words, and a spreadsheet would carry them out.
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _lines(rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
