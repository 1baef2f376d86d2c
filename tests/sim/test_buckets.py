"""Ceilings hold under any sequence of takes, and waiting as long as told is enough."""

import math

from hypothesis import given
from hypothesis import strategies as st

from provider_sim.buckets import FixedWindow, Meter, Ramp, Slice, SlidingWindow, TokenBucket

Moves = list[tuple[float, int]]
moves = st.lists(st.tuples(st.floats(0, 40), st.integers(1, 30)), min_size=1, max_size=80)


def admitted(meter: Meter, steps: Moves) -> list[tuple[float, int]]:
    """What the meter lets through when every step waits `delay` and then asks."""
    now, taken = 0.0, []
    for delay, amount in steps:
        now += delay
        if meter.wait(amount, now) == 0:
            meter.take(amount, now)
            taken.append((now, amount))
    return taken


@given(moves)
def test_sliding_window_holds_in_every_window(steps: Moves) -> None:
    taken = admitted(SlidingWindow(50, 60), steps)
    for start, _ in taken:
        # Entries are merged within a thousandth of the window, so that much may leave early.
        assert sum(amount for at, amount in taken if start <= at < start + 60 - 0.06) <= 50


@given(moves)
def test_bucket_lets_through_its_burst_and_its_rate(steps: Moves) -> None:
    taken = admitted(TokenBucket(60, 60, 10, 0.0), steps)
    largest = max((amount for _, amount in taken), default=0)
    for i, (start, _) in enumerate(taken):
        for end, _ in taken[i:]:
            total = sum(amount for at, amount in taken if start <= at <= end)
            assert total <= max(10, largest) + (end - start) + 10 + 1e-6


@given(moves)
def test_fixed_window_holds_in_each_period(steps: Moves) -> None:
    taken = admitted(FixedWindow(50, 60, 0.0), steps)
    for period in {int(at // 60) for at, _ in taken}:
        assert sum(amount for at, amount in taken if at // 60 == period) <= 50


@given(moves, st.sampled_from(["bucket", "window", "fixed", "slice"]), st.integers(1, 40))
def test_waiting_as_told_is_enough(steps: Moves, kind: str, amount: int) -> None:
    meters: dict[str, Meter] = {
        "bucket": TokenBucket(40, 60, 20, 0.0),
        "window": SlidingWindow(40, 60),
        "fixed": FixedWindow(40, 60, 0.0),
        "slice": Slice(40, 10),
    }
    meter = meters[kind]
    taken = admitted(meter, steps)
    now = sum(delay for delay, _ in steps)
    wait = meter.wait(amount, now)
    assert wait < math.inf
    assert meter.wait(amount, now + wait + 1e-6) == 0
    assert not taken or meter.reset(now) >= 0


def test_more_than_the_limit_never_fits() -> None:
    for meter in (TokenBucket(10, 60, 60, 0.0), SlidingWindow(10, 60), FixedWindow(10, 60, 0.0)):
        assert meter.wait(11, 0.0) == math.inf


def test_debt_is_worked_off() -> None:
    bucket = TokenBucket(60, 60, 60, 0.0)
    bucket.take(90, 0.0)
    assert bucket.room(0.0) == -30
    assert bucket.wait(1, 0.0) == 31
    assert bucket.room(31.0) == 1


def test_ramp_allows_growth_by_its_factor_only() -> None:
    ramp = Ramp(2.0, 10.0, 4, 0.0)
    assert [ramp.wait(1.0) == 0 for _ in range(5)] == [True] * 4 + [False]
    assert [ramp.wait(11.0) == 0 for _ in range(9)] == [True] * 8 + [False]
    assert ramp.wait(12.0) == 8.0
    # A silent period starts the ramp again.
    assert [ramp.wait(45.0) == 0 for _ in range(5)] == [True] * 4 + [False]
