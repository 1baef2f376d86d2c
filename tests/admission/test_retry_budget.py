"""Retries stay a fixed share of requests over any minute, whatever the order and the times of events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.retry_budget import RetryBudget

MINUTE = 60.0
GAPS = st.one_of(
    st.just(0.0), st.floats(0.0, 0.3), st.floats(0.0, 30.0), st.sampled_from([1.0, 59.0, 60.0, 61.0])
)
EVENTS = st.lists(st.tuples(GAPS, st.sampled_from(["request", "request", "retry", "burst"])), max_size=120)


def times_of(
    events: list[tuple[float, str]], ratio: float, start: float
) -> tuple[list[float], list[float], RetryBudget]:
    """When requests came and when retries were made."""
    budget, now = RetryBudget(ratio), start
    requests: list[float] = []
    retries: list[float] = []
    for gap, event in events:
        now += gap
        if event == "retry":
            retries += [now for _ in range(8) if budget.withdraw(now)]
        else:
            for _ in range(1 if event == "request" else 17):
                budget.deposit(now)
                requests.append(now)
    return requests, retries, budget


def within(times: list[float], start: float, end: float) -> int:
    """How many are in a minute: after its start, up to its end."""
    return sum(start < one <= end for one in times)


@given(events=EVENTS, ratio=st.sampled_from([1.0, 1.05, 1.2, 2.0]), start=st.floats(0.0, 1e6))
def test_attempts_over_any_minute_are_bounded(
    events: list[tuple[float, str]], ratio: float, start: float
) -> None:
    requests, retries, _ = times_of(events, ratio, start)
    quiet = 1 if ratio > 1.0 else 0
    for last in retries:  # a minute that ends with a retry
        paid = (ratio - 1.0) * within(requests, last - MINUTE, last)
        assert within(retries, last - MINUTE, last) <= max(quiet, paid + 1e-6)
    for begin in (*requests, *retries):  # any other: by the requests of the minute up to its last retry
        last = max((one for one in retries if begin < one <= begin + MINUTE), default=None)
        if last is not None:
            paid = (ratio - 1.0) * within(requests, last - MINUTE, last)
            assert within(retries, begin, begin + MINUTE) <= max(quiet, paid + 1e-6)


@pytest.mark.parametrize("requests_a_second", [1, 7, 100])
def test_an_outage_of_everything_costs_a_fifth_more(requests_a_second: int) -> None:
    budget = RetryBudget(1.2)
    attempts: list[list[float]] = [[], []]
    for tick in range(300 * requests_a_second):
        now = 5.5 + tick / requests_a_second
        budget.deposit(now)
        attempts[0].append(now)
        while budget.withdraw(now):
            attempts[1].append(now)
    for end in range(66, 300, 13):
        requests, retries = (within(one, end - MINUTE, end) for one in attempts)
        assert retries <= 0.2 * requests + 1e-9
        assert retries >= 0.17 * requests - 1, "the budget is there to be used"


def test_a_quiet_gateway_may_retry_once_a_minute() -> None:
    budget = RetryBudget(1.2)
    budget.deposit(100.0)
    assert budget.withdraw(100.0)
    assert not budget.withdraw(101.0)
    budget.deposit(159.0)
    assert not budget.withdraw(159.9)
    assert budget.withdraw(161.0)


def test_what_was_not_used_is_not_saved_up() -> None:
    budget = RetryBudget(1.2)
    for _ in range(1000):
        budget.deposit(0.0)
    for _ in range(10):
        budget.deposit(100.0)
    assert [budget.withdraw(100.0) for _ in range(4)] == [True, True, False, False]


def test_a_ratio_of_one_retries_nothing() -> None:
    budget = RetryBudget(1.0)
    for _ in range(100):
        budget.deposit(1.0)
    assert not budget.withdraw(1.0)
