"""Order statistics by nearest rank."""

from __future__ import annotations

import pytest

from loadtests.percentiles import median, percentile


@pytest.mark.parametrize(
    ("share", "expected"), [(0, 1), (1, 1), (50, 50), (50.1, 51), (99, 99), (99.5, 100), (100, 100)]
)
def test_percentile_of_one_to_a_hundred(share: float, expected: float) -> None:
    assert percentile(range(1, 101), share) == expected


def test_percentile_is_always_a_measured_figure() -> None:
    assert percentile([1.0, 100.0], 50) == 1.0
    assert percentile([7.0], 99) == 7.0
    assert percentile([], 99) == 0.0


def test_median_needs_no_order() -> None:
    assert median([9, 1, 5]) == 5
    assert median([9, 1]) == 5
    assert median([]) == 0.0
