"""The lines of several workers as one listing: depths add up, and requests are listed together by id.

Each worker keeps a line of its own, so a request's position and expected wait are those at its worker. Of a line
over the same accounts and model the longest expected wait is shown.
"""

from collections.abc import Iterable, Sequence
from typing import Any

Row = dict[str, Any]


def merge_queue(pages: Sequence[Row], limit: int) -> Row:
    """`pages` are the workers' answers for one and the same `limit` and `after`."""
    rows = sorted((row for page in pages for row in page["data"]), key=lambda row: row["request_id"])
    more = len(rows) > limit or any(page["next"] is not None for page in pages)
    rows = rows[:limit]
    return {
        "depth": sum(page["depth"] for page in pages),
        "bytes": sum(page["bytes"] for page in pages),
        "classes": _merged((one for page in pages for one in page["classes"]), "priority"),
        "tenants": _deepest_first(_merged((one for page in pages for one in page["tenants"]), "tenant")),
        "lines": _deepest_first(_lines(pages)),
        "data": rows,
        "next": rows[-1]["request_id"] if more and rows else None,
    }


def _lines(pages: Iterable[Row]) -> list[Row]:
    alike: dict[tuple[str, ...], Row] = {}  # by the model and the accounts
    for page in pages:
        for line in page["lines"]:
            which = (line["model"], *line["accounts"])
            one = alike.setdefault(which, {**line, "depth": 0, "classes": []})
            one["depth"] += line["depth"]
            one["classes"] = _merged([*one["classes"], *line["classes"]], "priority")
    return list(alike.values())


def _merged(rows: Iterable[Row], name: str) -> list[Row]:
    """One of each name."""
    found: dict[str, Row] = {}
    for row in rows:
        known = found.get(row[name])
        found[row[name]] = row if known is None else _both(known, row)
    return list(found.values())


def _both(one: Row, other: Row) -> Row:
    """Depths and bytes add up, the longest wait counts (null: nobody can tell), and what is shut at one is shut."""
    both = {**one, "depth": one["depth"] + other["depth"]}
    if "bytes" in one:
        both["bytes"] = one["bytes"] + other["bytes"]
    if "shut" in one:
        both["shut"] = one["shut"] or other["shut"]
    if "expected_wait_ms" in one:
        waits = (one["expected_wait_ms"], other["expected_wait_ms"])
        both["expected_wait_ms"] = None if None in waits else max(waits)
    return both


def _deepest_first(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: -row["depth"])
