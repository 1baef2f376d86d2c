"""Time to first token: bad news at once, forgotten slowly, unknown when old; and the quantile beside it."""

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.latency import DECAY_S, SIZES, UNKNOWN_AFTER_S, FirstTokenTimes, size_of
from gateway.admission.recent_quantile import RecentQuantile

NOW = 1000.0


def test_a_spike_counts_in_full_and_decays() -> None:
    times = FirstTokenTimes()
    for second in range(100):
        times.observe(0, 1.0, NOW + second)
    times.observe(0, 20.0, NOW + 100)
    assert times.expected(0, NOW + 100) == 20.0
    mean = 1.0 + 0.1 * 19.0
    assert math.isclose(times.expected(0, NOW + 100 + DECAY_S), mean + (20 - mean) / math.e)
    assert math.isclose(times.expected(0, NOW + 200), mean, rel_tol=0.01), "to what is usual, not to nothing"


def test_sizes_are_apart_and_what_is_old_is_unknown() -> None:
    times = FirstTokenTimes()
    times.observe(3, 9.0, NOW)
    assert times.expected(0, NOW) == 0.0
    assert times.expected(3, NOW + UNKNOWN_AFTER_S - 1) == 9.0
    assert times.expected(3, NOW + UNKNOWN_AFTER_S) == 0.0
    times.observe(3, 2.0, NOW + 1000)
    assert times.expected(3, NOW + 1000) == 2.0


def test_sizes() -> None:
    assert [size_of(tokens) for tokens in (0, 999, 1000, 16_000, 1_000_000)] == [0, 0, 1, 3, SIZES - 1]


@given(
    st.lists(
        st.tuples(st.floats(0, 60), st.floats(0.001, 600), st.integers(0, SIZES - 1)), min_size=1, max_size=80
    )
)
def test_what_is_expected_is_within_what_was_seen(seen: list[tuple[float, float, int]]) -> None:
    times, now = FirstTokenTimes(), NOW
    for gap, seconds, size in seen:
        now += gap
        times.observe(size, seconds, now)
        assert times.expected(size, now) >= seconds * (1 - 1e-9)  # never better than the last news
        mine = [one for _, one, other in seen if other == size]
        for later in (0.0, 5.0, 100.0):
            assert min(mine) * (1 - 1e-9) <= times.expected(size, now + later) <= max(mine) * (1 + 1e-9)


@given(seed=st.integers(0, 1000), share=st.sampled_from([0.5, 0.9, 0.95]))
def test_a_quantile_is_within_a_tenth(seed: int, share: float) -> None:
    chance, quantile = random.Random(seed), RecentQuantile(share)
    seen = [chance.lognormvariate(0.0, 1.0) for _ in range(400)]
    for one in seen:
        quantile.add(one)
    value = quantile.value()
    assert value is not None
    true = sorted(seen)[math.ceil(share * len(seen)) - 1]
    assert true * 0.999 <= value <= true * 1.101


def test_a_quantile_says_nothing_of_few_and_follows_a_change() -> None:
    quantile = RecentQuantile(0.95)
    for _ in range(19):
        quantile.add(1.0)
    assert quantile.value() is None
    for _ in range(1000):
        quantile.add(1.0)
    for _ in range(100):
        quantile.add(8.0)
    assert 8.0 <= (quantile.value() or 0) <= 8.81
    quantile.add(0.0)
    quantile.add(1e9)
