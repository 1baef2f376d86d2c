"""The spans of time that a budget is for: day, week, month, or all time; in UTC.

A week begins on its anchor day (1 Monday … 7 Sunday), a month on its (1 … 31; in a shorter month on its last day).
What is spent counts in the span in which it was reserved. Pure.
"""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from typing import Literal, NamedTuple

Kind = Literal["day", "week", "month", "total"]
_DAYS_MAX = {"day": 1, "week": 7, "month": 31}
_ANCHOR_MAX = {"day": 1, "week": 7, "month": 31, "total": 1}
#: Later than any clock says.
NEVER = 1 << 62


class Span(NamedTuple):
    """From `start` to before `end`, in seconds since 1970; `key` names it in the books."""

    key: str
    start: int
    end: int

    @property
    def resets_at(self) -> datetime | None:
        """When there is money again; None for what never resets."""
        return None if self.end == NEVER else datetime.fromtimestamp(self.end, UTC)


ALL_TIME = Span("total", -NEVER, NEVER)


def span(kind: Kind, at: float, anchor: int = 1) -> Span:
    """The span that the moment `at` (seconds since 1970) is in. ValueError for an anchor that is no day of it."""
    if not 1 <= anchor <= _ANCHOR_MAX[kind]:
        raise ValueError(f"a {kind} has no day {anchor}")
    if kind == "total":
        return ALL_TIME
    today = datetime.fromtimestamp(at, UTC).date()
    if kind == "day":
        first, after = today, today + timedelta(days=1)
    elif kind == "week":
        first = today - timedelta(days=(today.isoweekday() - anchor) % 7)
        after = first + timedelta(days=7)
    else:
        first = _month_start(today.year, today.month, anchor)
        if first > today:
            first = _month_start(*_month_before(today.year, today.month), anchor)
        after = _month_start(*_month_after(first.year, first.month), anchor)
    return Span(f"{kind}:{first.isoformat()}", _seconds(first), _seconds(after))


def overlap(one: str, other: str) -> bool:
    """Whether a moment can be in both spans, which go by these keys; of months the longest is taken."""
    (from_one, to_one), (from_other, to_other) = _days(one), _days(other)
    return from_one < to_other and from_other < to_one


def _days(key: str) -> tuple[date, date]:
    """The first, and the one after the last at the latest."""
    kind, _, first = key.partition(":")
    if not first:
        return date.min, date.max
    start = date.fromisoformat(first)
    return start, start + timedelta(days=_DAYS_MAX[kind])


def _month_start(year: int, month: int, anchor: int) -> date:
    return date(year, month, min(anchor, monthrange(year, month)[1]))


def _month_before(year: int, month: int) -> tuple[int, int]:
    return (year, month - 1) if month > 1 else (year - 1, 12)


def _month_after(year: int, month: int) -> tuple[int, int]:
    return (year, month + 1) if month < 12 else (year + 1, 1)


def _seconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
