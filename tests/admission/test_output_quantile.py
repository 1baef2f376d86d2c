"""The learned p90 of answers, against sorted samples."""

import random
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.output_quantile import OutputQuantile, OutputQuantiles

KIND = ("tenant", "route", "model")


def lognormal(chance: random.Random, median: float, sigma: float) -> int:
    return max(1, int(median * exp(sigma * chance.gauss(0, 1))))


def p90(samples: list[int]) -> float:
    return float(sorted(samples)[int(0.9 * len(samples))])


@pytest.mark.parametrize(("median", "sigma"), [(20, 0.5), (200, 0.3), (200, 0.8), (3000, 1.0), (50_000, 0.6)])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_near_the_true_quantile(median: float, sigma: float, seed: int) -> None:
    chance = random.Random(seed)
    samples = [lognormal(chance, median, sigma) for _ in range(4000)]
    made = OutputQuantile(1024)
    for tokens in samples:
        made.learn(tokens)
    assert made.p90 == pytest.approx(p90(samples), rel=0.15)


def test_uniform_and_two_humped_answers() -> None:
    chance, made = random.Random(1), OutputQuantile(1024)
    for _ in range(4000):
        made.learn(chance.randrange(1, 1000))
    assert made.p90 == pytest.approx(900, rel=0.15)
    made = OutputQuantile(1024)
    for _ in range(4000):
        made.learn(10 if chance.random() < 0.7 else lognormal(chance, 2000, 0.2))
    assert made.p90 == pytest.approx(2000 * exp(0.2 * 0.4307), rel=0.15)  # its own 2/3 quantile


@pytest.mark.parametrize(("before", "after"), [(100, 2000), (2000, 100)])
def test_it_adapts_to_a_shift(before: int, after: int) -> None:
    chance, made = random.Random(2), OutputQuantile(1024)
    for _ in range(2000):
        made.learn(lognormal(chance, before, 0.5))
    samples = [lognormal(chance, after, 0.5) for _ in range(2000)]
    for tokens in samples:
        made.learn(tokens)
    assert made.p90 == pytest.approx(p90(samples), rel=0.15)


def test_a_rise_is_seen_soon() -> None:
    made = OutputQuantile(1024)
    for _ in range(2000):
        made.learn(100)
    for _ in range(60):
        made.learn(4000)
    assert made.p90 > 2000


def test_the_prior_gives_way_within_a_few_answers() -> None:
    made = OutputQuantile(1024)
    assert made.p90 == 1024
    for _ in range(20):
        made.learn(50)
    assert made.p90 < 70
    made = OutputQuantile(1024)
    made.learn(8000)
    assert made.p90 > 4000  # too little is the worse mistake


@given(st.lists(st.one_of(st.integers(0, 10**9), st.floats(0, 1e9)), max_size=200))
def test_it_stays_within_what_was_seen(samples: list[float]) -> None:
    made = OutputQuantile(100)
    for tokens in samples:
        made.learn(tokens)
        assert 0 <= made.p90 <= max(100, *samples) * 2**0.5
    if len(samples) > 20:
        assert made.p90 >= min(samples) / 2**0.5 - 1


def test_weights_are_scaled_back_without_a_trace() -> None:
    made = OutputQuantile(1024)
    for _ in range(30_000):  # weights grow e^120-fold meanwhile
        made.learn(500)
    assert made.p90 == pytest.approx(500, rel=0.2)
    for _ in range(3000):
        made.learn(5)
    assert made.p90 == pytest.approx(5, rel=0.25)


def test_kinds_are_apart_and_bounded() -> None:
    known = OutputQuantiles(kinds_max=20)
    for number in range(500):
        known.learn(("t", "r", f"m{number}"), 10, 1024)
        known.learn(KIND, 4000, 1024)
    assert known.p90(KIND, 1024)[0] == pytest.approx(4000, rel=0.2)
    assert known.p90(("t", "r", "m0"), 1024) == (1024, True)
    assert known.p90(("another", "route", "model"), 77) == (77, True)
    assert len(known._kinds) <= 20
