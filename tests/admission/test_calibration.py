"""Tokens per byte: what is learned is right, bounds cover what they say, and lies move little."""

import random
from math import exp, isfinite

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.admission.calibration import IMAGE, PRIORS, Z_CEILING, Calibration, Calibrations
from gateway.admission.text_kind import CJK, CODE, MIXED, PROSE

TEXTS = (PROSE, CODE, MIXED, CJK)


def taught(kind: int, median: float, sigma: float, samples: int, seed: int) -> tuple[Calibration, float]:
    """A calibration after lognormal ratios, and the share of what came after the warm-up that it covered."""
    chance, made = random.Random(seed), Calibration(PRIORS[kind])
    covered = 0
    for number in range(samples + 100):
        size = chance.randrange(300, 50_000)
        found = min(1.0, median * exp(sigma * chance.gauss(0, 1)))
        covered += number >= 100 and size * found <= made.upper * size
        made.learn(size, size * found)
    return made, covered / samples


def test_the_priors_are_the_reference_s() -> None:
    assert [PRIORS[kind].ratio for kind in TEXTS] == [0.27, 0.33, 0.35, 0.40]


@given(st.sampled_from(TEXTS), st.floats(0.05, 0.8))
def test_it_converges_to_a_stationary_ratio(kind: int, ratio: float) -> None:
    made = Calibration(PRIORS[kind])
    for _ in range(200):
        made.learn(2000, 2000 * ratio)
    assert made.ratio == pytest.approx(ratio, rel=0.05)
    assert made.upper >= ratio


@pytest.mark.parametrize("sigma", [0.03, 0.1, 0.2])
@pytest.mark.parametrize("seed", range(4))
def test_the_bound_covers_a_lognormal_population(sigma: float, seed: int) -> None:
    made, covered = taught(PROSE, 0.22, sigma, 5000, seed)
    assert covered >= 0.97
    assert made.ratio == pytest.approx(0.22 * exp(sigma**2 / 2), rel=0.05 + sigma / 2)


def test_the_mean_over_time_is_the_population_s() -> None:
    chance, made, seen = random.Random(5), Calibration(PRIORS[CODE]), []
    for _ in range(3000):
        made.learn(4000, 4000 * 0.25 * exp(0.15 * chance.gauss(0, 1)))
        seen.append(made.ratio)
    assert sum(seen[100:]) / len(seen[100:]) == pytest.approx(0.25 * exp(0.15**2 / 2), rel=0.02)


@example(3, 10**6, 0)
@given(st.integers(0, len(PRIORS) - 1), st.sampled_from([1, 10**6, 10**9, 10**15]), st.integers(0, 300))
def test_one_absurd_report_does_not_poison_the_mean(kind: int, tokens: int, before: int) -> None:
    chance, made = random.Random(before), Calibration(PRIORS[kind])
    for _ in range(before):
        made.learn(3000, 3000 * PRIORS[kind].ratio * exp(0.05 * chance.gauss(0, 1)))
    ratio = made.ratio
    made.learn(3000, tokens)
    assert made.ratio == pytest.approx(ratio, rel=0.1 if before < 30 else 0.05)


def test_a_real_change_is_followed() -> None:
    made = Calibration(PRIORS[PROSE])
    for _ in range(300):
        made.learn(3000, 3000 * 0.2)
    for _ in range(60):
        made.learn(3000, 3000 * 0.5)
    assert made.ratio == pytest.approx(0.5, rel=0.1)


def test_short_texts_say_little() -> None:
    made = Calibration(PRIORS[PROSE])
    for _ in range(10):
        made.learn(4, 4)
    assert made.ratio == pytest.approx(0.27, rel=0.05)


_REPORTS = st.lists(
    st.tuples(st.floats(1, 1e8), st.one_of(st.integers(-(10**9), 10**9), st.sampled_from([0, 1, -1]))),
    max_size=60,
)


@given(st.integers(0, len(PRIORS) - 1), _REPORTS, st.floats(1, 1e8), st.floats(1, 1e8))
def test_bounds_stay_in_order_whatever_is_reported(
    kind: int, reports: list[tuple[float, int]], one: float, other: float
) -> None:
    made = Calibration(PRIORS[kind])
    for size, tokens in reports:
        made.learn(size, tokens)
    assert (
        0
        < made.ratio
        <= made.bound(Z_CEILING)
        == made.upper
        <= made.bound(Z_CEILING + 1)
        <= PRIORS[kind].limit
    )
    assert isfinite(made.upper)
    less, more = sorted((one, other))
    assert made.ratio * less <= made.ratio * more
    assert made.upper * less <= made.upper * more


def test_a_ratio_never_vanishes() -> None:
    made = Calibration(PRIORS[PROSE])
    for _ in range(50_000):
        made.learn(10_000, 0)
    assert made.ratio == pytest.approx(PRIORS[PROSE].ratio / 100)
    assert made.upper > made.ratio


def test_the_largest_part_answers_for_the_difference() -> None:
    known = Calibrations()
    for _ in range(200):
        known.learn("m", ((IMAGE, 2), (PROSE, 400)), 2 * 1500 + 108)
    assert known.of("m")[IMAGE].ratio == pytest.approx(1500, rel=0.05)
    assert known.of("m")[PROSE].ratio == PRIORS[PROSE].ratio
    assert known.of("other")[IMAGE].ratio == PRIORS[IMAGE].ratio


def test_where_no_part_stands_out_nothing_is_learned() -> None:
    known = Calibrations()
    known.learn("m", ((PROSE, 1000), (IMAGE, 0.35), (MIXED, 771)), 5000)
    known.learn("m", (), 5000)
    assert [kind.ratio for kind in known.of("m")] == [prior.ratio for prior in PRIORS]


def test_models_are_bounded_and_those_in_use_stay() -> None:
    known = Calibrations(models_max=20)
    for number in range(1000):
        known.learn(f"made-up-{number}", ((PROSE, 1000),), 100)
        known.learn("used", ((PROSE, 1000),), 100)
    assert len(known._models) <= 20
    assert known.of("used")[PROSE].ratio == pytest.approx(0.1, rel=0.05)
