"""Spool entries as the columns of one flush: a list for each array parameter of its statement.

Sums are made in SQL, and only of the rows that were inserted (`INSERT … ON CONFLICT DO NOTHING RETURNING`), joined
with `Charges` by the row's key; so a batch that is flushed again changes nothing. One key stands once in a batch:
twice, its charges would meet the inserted row twice. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from typing import Any

from budgets.spool.record import Correct, Intent, Settle
from budgets.usage import NOTHING

CORRECTED = "corrected"


@dataclass(slots=True)
class Rows:
    """Of the usage log; (day, request_id, attempt, number) is their key, `number` 0 but for corrections."""

    day: list[date] = field(default_factory=list)
    request_id: list[str] = field(default_factory=list)
    attempt: list[int] = field(default_factory=list)
    number: list[int] = field(default_factory=list)
    at: list[datetime] = field(default_factory=list)
    settled_at: list[datetime | None] = field(default_factory=list)
    holder: list[str] = field(default_factory=list)
    tenant: list[str] = field(default_factory=list)
    key: list[str] = field(default_factory=list)
    agent: list[str | None] = field(default_factory=list)
    task: list[str | None] = field(default_factory=list)
    route: list[str] = field(default_factory=list)
    model: list[str] = field(default_factory=list)
    provider: list[str] = field(default_factory=list)
    pool: list[str] = field(default_factory=list)
    priority: list[str] = field(default_factory=list)
    input: list[int] = field(default_factory=list)
    output: list[int] = field(default_factory=list)
    cache_read: list[int] = field(default_factory=list)
    cache_write_5m: list[int] = field(default_factory=list)
    cache_write_1h: list[int] = field(default_factory=list)
    audio_in: list[int] = field(default_factory=list)
    image_in: list[int] = field(default_factory=list)
    reasoning: list[int] = field(default_factory=list)
    audio_out: list[int] = field(default_factory=list)
    image_out: list[int] = field(default_factory=list)
    searches: list[int] = field(default_factory=list)
    reserved_nusd: list[int] = field(default_factory=list)
    cost_nusd: list[int] = field(default_factory=list)
    price_version: list[str] = field(default_factory=list)
    price_known: list[bool] = field(default_factory=list)
    source: list[str] = field(default_factory=list)  # provider | estimated | none | unknown | corrected
    tier: list[str] = field(default_factory=list)
    status: list[int] = field(default_factory=list)
    outcome: list[str] = field(default_factory=list)  # of a correction, its reason
    queue_ms: list[int] = field(default_factory=list)
    upstream_ms: list[int] = field(default_factory=list)
    first_token_ms: list[int] = field(default_factory=list)

    def append(self, row: tuple[Any, ...]) -> None:
        for column, value in zip(self.columns(), row, strict=True):
            column.append(value)

    def columns(self) -> list[list[Any]]:
        """In the order of the fields, for the statement's parameters."""
        return [getattr(self, each.name) for each in fields(self)]


@dataclass(slots=True)
class Charges:
    """Which budgets a row is charged to, and out of whose slices."""

    request_id: list[str] = field(default_factory=list)
    attempt: list[int] = field(default_factory=list)
    number: list[int] = field(default_factory=list)
    budget: list[str] = field(default_factory=list)
    period: list[str] = field(default_factory=list)
    holder: list[str] = field(default_factory=list)

    def append(self, row: tuple[str, int, int, str, str, str]) -> None:
        for column, value in zip(self.columns(), row, strict=True):
            column.append(value)

    def columns(self) -> list[list[Any]]:
        return [getattr(self, each.name) for each in fields(self)]


@dataclass(slots=True)
class FlushBatch:
    rows: Rows
    charges: Charges


def flush_batch(entries: Iterable[Settle | Correct]) -> FlushBatch:
    """Of several entries with one key the first counts."""
    batch = FlushBatch(Rows(), Charges())
    seen: set[tuple[str, int, int]] = set()
    for entry in entries:
        intent, number = entry.intent, entry.number if isinstance(entry, Correct) else 0
        key = intent.request_id, intent.attempt, number
        if key in seen:
            continue
        seen.add(key)
        said = _settled(entry) if isinstance(entry, Settle) else _corrected(entry)
        batch.rows.append((*_begun(intent, number, said[0]), *said[1:]))
        for budget, period in intent.accounts:
            batch.charges.append((*key, budget, period, intent.holder))
    return batch


def _begun(intent: Intent, number: int, settled_at: datetime | None) -> tuple[Any, ...]:
    at = _moment(intent.at_ms)
    return (
        at.date(), intent.request_id, intent.attempt, number, at, settled_at, intent.holder, intent.tenant,
        intent.key, intent.agent, intent.task, intent.route, intent.model, intent.provider, intent.pool,
        intent.priority,
    )  # fmt: skip


def _settled(entry: Settle) -> tuple[Any, ...]:
    intent = entry.intent
    return (
        _moment(entry.settled_ms) if entry.settled_ms else None, *entry.tokens, intent.reserved, entry.cost,
        intent.price_version, entry.price_known, entry.source, entry.tier, entry.status, entry.outcome,
        entry.queue_ms, entry.upstream_ms, entry.first_token_ms,
    )  # fmt: skip


def _corrected(entry: Correct) -> tuple[Any, ...]:
    version = entry.intent.price_version
    return (None, *NOTHING, 0, entry.delta, version, True, CORRECTED, "", 0, entry.reason, 0, 0, 0)


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
