"""Rows of the usage log, and a flush that is just long enough for them; the real one is budgets/flush.sql."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

from storage.connection import Connection

TODAY = date(2026, 11, 21)
#: In the order of the statement below.
COLUMNS = {
    "month": "date", "day": "date", "request_id": "text", "attempt": "int", "holder": "text",
    "tenant": "text", "key": "text", "model": "text", "provider": "text", "pool": "text",
    "input_tokens": "bigint", "cost_nusd": "bigint", "price_version": "text", "source": "text",
    "started_at": "timestamptz", "account": "text", "period": "text",
}  # fmt: skip

Row = dict[str, object]


def usage_row(
    request_id: str, *, tenant: str = "a", day: date = TODAY, cost: int = 7, worker: str = "w"
) -> Row:
    return {
        "month": day.replace(day=1), "day": day, "request_id": request_id, "attempt": 1, "holder": f"{worker}/1",
        "tenant": tenant, "key": "web", "model": "m", "provider": "p", "pool": "k",
        "input_tokens": 3, "cost_nusd": cost, "price_version": "1",
        "source": "provider", "started_at": datetime(2026, 11, 21, tzinfo=UTC),
        "account": f"of-{tenant}", "period": "2026-11",
    }  # fmt: skip


_PLAIN = [name for name in COLUMNS if name not in ("account", "period")]
_ARRAYS = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(COLUMNS.values(), start=1))
_FLUSH = f"""
WITH given AS (SELECT * FROM unnest({_ARRAYS}) AS t ({", ".join(COLUMNS)})),
inserted AS (
    INSERT INTO usage_log ({", ".join(_PLAIN)}, accounts)
    SELECT {", ".join(_PLAIN)}, jsonb_build_array(jsonb_build_array(account, period)) FROM given
    ON CONFLICT (month, request_id, attempt, number) DO NOTHING
    RETURNING holder, accounts, cost_nusd)
INSERT INTO budget_posted (account, period, worker, posted_nusd)
SELECT one ->> 0, one ->> 1, split_part(holder, '/', 1), sum(cost_nusd)
FROM inserted, jsonb_array_elements(accounts) AS one
GROUP BY 1, 2, 3 ORDER BY 1, 2
ON CONFLICT (account, period, worker) DO UPDATE SET posted_nusd = budget_posted.posted_nusd + excluded.posted_nusd
"""


async def write_usage(connection: Connection, rows: Sequence[Row]) -> None:
    """One flush: sums come only from the rows that were inserted."""
    await connection.execute(_FLUSH, *([row[name] for row in rows] for name in COLUMNS))
