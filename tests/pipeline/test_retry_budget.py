"""Retries stay a fixed share of requests, whatever the order of events and wherever one looks."""

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.retry_budget import RetryBudget

_CREDIT = 20  # what may have been saved up, at most


@given(
    events=st.lists(st.sampled_from(["request", "retry"]), max_size=1500),
    ratio=st.sampled_from([1.0, 1.05, 1.2, 2.0]),
)
def test_attempts_in_any_stretch_of_time_are_bounded(events: list[str], ratio: float) -> None:
    budget = RetryBudget(ratio)
    surplus = [0.0]  # retries made, less the share that requests paid for
    for event in events:
        if event == "request":
            budget.deposit()
            surplus.append(surplus[-1] - (ratio - 1.0))
        else:
            surplus.append(surplus[-1] + budget.withdraw())
    lowest = accumulate(surplus, min)
    assert max(now - low for now, low in zip(surplus, lowest, strict=True)) <= _CREDIT + 1e-6


def test_a_quiet_gateway_may_retry_and_an_outage_exhausts_it() -> None:
    budget = RetryBudget(1.2)
    assert budget.withdraw()
    attempts = 0
    for _ in range(10_000):  # every request fails everywhere
        budget.deposit()
        attempts += 1
        while budget.withdraw():
            attempts += 1
    assert 11_990 <= attempts <= 12_010
