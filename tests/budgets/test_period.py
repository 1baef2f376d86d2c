"""Days, weeks and months in UTC, on anchor days of their own."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets.period import ALL_TIME, NEVER, overlap, span


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2190, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(tzinfo=UTC).timestamp()
)
KINDS = st.one_of(
    st.tuples(st.just("day"), st.just(1)),
    st.tuples(st.just("week"), st.integers(1, 7)),
    st.tuples(st.just("month"), st.integers(1, 31)),
)


@given(KINDS, MOMENTS)
def test_spans_follow_each_other_without_gap_or_overlap(kind: tuple, moment: float) -> None:
    name, anchor = kind
    here = span(name, moment, anchor)
    assert here.start <= moment < here.end
    assert span(name, here.start, anchor) == span(name, here.end - 1, anchor) == here
    after = span(name, here.end, anchor)
    assert after.start == here.end and after.key > here.key
    assert {"day": 1, "week": 7, "month": 28}[name] <= (here.end - here.start) / 86400 <= 31


@pytest.mark.parametrize(
    ("kind", "anchor", "moment", "key", "until"),
    [
        ("day", 1, "2026-11-21T23:59:59.999", "day:2026-11-21", "2026-11-22"),
        ("week", 1, "2026-11-22T12:00", "week:2026-11-16", "2026-11-23"),
        ("week", 7, "2026-11-22T00:00", "week:2026-11-22", "2026-11-29"),
        ("month", 1, "2026-12-31T23:00", "month:2026-12-01", "2027-01-01"),
        ("month", 15, "2026-01-14T23:00", "month:2025-12-15", "2026-01-15"),
        ("month", 31, "2026-02-28T00:00", "month:2026-02-28", "2026-03-31"),
        ("month", 31, "2026-02-27T23:59", "month:2026-01-31", "2026-02-28"),
        ("month", 30, "2028-02-29T00:00", "month:2028-02-29", "2028-03-30"),
    ],
)
def test_where_spans_begin(kind: str, anchor: int, moment: str, key: str, until: str) -> None:
    found = span(kind, at(moment), anchor)  # type: ignore[arg-type]
    assert found.key == key and found.end == at(until)
    assert found.resets_at == datetime.fromisoformat(until).replace(tzinfo=UTC)


def test_all_time_never_ends() -> None:
    assert span("total", 5.0) == ALL_TIME
    assert ALL_TIME.resets_at is None and ALL_TIME.end == NEVER


@pytest.mark.parametrize(
    ("kind", "anchor"), [("day", 2), ("week", 8), ("month", 0), ("month", 32), ("total", 2)]
)
def test_days_that_there_are_not(kind: str, anchor: int) -> None:
    with pytest.raises(ValueError, match="no day"):
        span(kind, 0, anchor)  # type: ignore[arg-type]


@given(KINDS, KINDS, MOMENTS)
def test_spans_of_one_moment_overlap(one: tuple, other: tuple, moment: float) -> None:
    first, second = span(one[0], moment, one[1]), span(other[0], moment, other[1])
    assert overlap(first.key, second.key) and overlap(second.key, first.key)
    assert overlap(first.key, ALL_TIME.key)


def test_spans_that_follow_each_other_do_not_overlap() -> None:
    for one, other in (
        ("day:2026-11-20", "day:2026-11-21"),
        ("week:2026-11-16", "week:2026-11-23"),
        ("month:2026-10-01", "month:2026-11-01"),
        ("month:2026-10-01", "day:2026-11-01"),
    ):
        assert not overlap(one, other) and not overlap(other, one)
