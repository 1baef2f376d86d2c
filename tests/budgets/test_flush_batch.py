"""Entries as columns: every row whole, every key once, charges joined by key."""

from dataclasses import fields
from datetime import UTC, date, datetime
from typing import Any

from budgets.flush_batch import CORRECTED, Rows, flush_batch
from budgets.spool.record import Correct, Settle
from budgets.spool.replay import UNKNOWN, unknown
from budgets.usage import Tokens
from tests.budgets.entries import intent, settle


def row(rows: Rows, which: int) -> dict[str, Any]:
    return {each.name: getattr(rows, each.name)[which] for each in fields(rows)}


def test_every_field_is_in_its_column() -> None:
    entry = Settle(
        intent(1),
        77,
        "provider",
        Tokens(*range(100, 111)),
        "flex",
        200,
        "ok",
        1_700_000_001_500,
        3,
        900,
        40,
        price_known=False,
    )
    batch = flush_batch([entry])
    assert row(batch.rows, 0) == {
        "day": date(2023, 11, 14), "request_id": "request-1", "attempt": 1, "number": 0,
        "at": datetime(2023, 11, 14, 22, 13, 20, 1000, UTC),
        "settled_at": datetime(2023, 11, 14, 22, 13, 21, 500_000, UTC), "holder": "spool-1/1", "tenant": "a",
        "key": "web", "agent": None, "task": None, "route": "smart", "model": "model-1", "provider": "sim",
        "pool": "sim-1", "priority": "conversation", "input": 100, "output": 101, "cache_read": 102,
        "cache_write_5m": 103, "cache_write_1h": 104, "audio_in": 105, "image_in": 106, "reasoning": 107,
        "audio_out": 108, "image_out": 109, "searches": 110, "reserved_nusd": 1000, "cost_nusd": 77,
        "price_version": "prices 1", "price_known": False, "source": "provider", "tier": "flex", "status": 200,
        "outcome": "ok", "queue_ms": 3, "upstream_ms": 900, "first_token_ms": 40,
    }  # fmt: skip
    assert list(zip(*batch.charges.columns(), strict=True)) == [
        ("request-1", 1, 0, "all", "month:2026-11-01", "spool-1/1"),
        ("request-1", 1, 0, "tenant:a", "month:2026-11-01", "spool-1/1"),
        ("request-1", 1, 0, "key:web", "day:2026-11-21", "spool-1/1"),
    ]


def test_a_key_stands_once_whatever_is_repeated() -> None:
    entries = [settle(intent(1)), settle(intent(2)), unknown(intent(1)), settle(intent(1, attempt=2))]
    batch = flush_batch([*entries, *entries])
    assert list(zip(batch.rows.request_id, batch.rows.attempt, strict=True)) == [
        ("request-1", 1), ("request-2", 1), ("request-1", 2),
    ]  # fmt: skip
    assert batch.rows.source[0] == "provider"
    assert len(batch.charges.budget) == 9
    assert len({len(column) for column in batch.rows.columns()}) == 1


def test_corrections_are_rows_of_their_own() -> None:
    batch = flush_batch(
        [unknown(intent(1)), Correct(intent(1), 1, -300, "bill"), Correct(intent(1), 2, 5, "bill")]
    )
    assert batch.rows.number == [0, 1, 2]
    assert batch.rows.cost_nusd == [1000, -300, 5]
    assert batch.rows.source == [UNKNOWN, CORRECTED, CORRECTED]
    assert batch.charges.number == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_nothing() -> None:
    batch = flush_batch([])
    assert not any(batch.rows.columns()) and not any(batch.charges.columns())
