"""Line and paced account together: what each class waits and gets. A port of `reference/pacing_sim.py`."""

from statistics import median

import pytest

from gateway.admission.classes import CLASSES
from tests.admission.simulation import Outcome, simulate

LIMIT = 1200


@pytest.fixture(scope="module", params=[1, 2])
def doubled(request: pytest.FixtureRequest) -> Outcome:
    """Twice the load that fits, once the burst of the start is forgotten; four windows of it."""
    return simulate(LIMIT, lambda _: 2 * LIMIT / 60, 480.0, 240.0, depth_max=200, seed=request.param)


def test_the_ceiling_is_used(doubled: Outcome) -> None:
    assert doubled.served >= 0.98 * LIMIT * doubled.seconds / 60


def test_the_top_class_hardly_waits(doubled: Outcome) -> None:
    assert doubled.percentile(0, 0.95) <= 0.050
    assert doubled.percentile(0, 0.99) <= 0.250


def test_floors_are_kept(doubled: Outcome) -> None:
    """But for the request or two that leave the window and are not yet replaced."""
    for rank, row in enumerate(CLASSES):
        per_minute = len(doubled.waits[rank]) * 60 / doubled.seconds
        assert per_minute >= row.floor * LIMIT - 2.0, row.name


def test_more_urgent_classes_wait_less(doubled: Outcome) -> None:
    medians = [doubled.percentile(rank, 0.5) for rank in range(5)]
    assert medians == sorted(medians)


def test_nobody_waits_where_there_is_room() -> None:
    light = simulate(LIMIT, lambda _: 0.5 * LIMIT / 60, 150.0, 60.0)
    assert all(light.percentile(rank, 0.99) <= 0.050 for rank in range(5))
    assert not light.reasons


def test_waits_are_as_expected(doubled: Outcome) -> None:
    """Median error at most 30 % of the wait, of all who were told to expect a wait worth telling."""
    pairs = [pair for rank in doubled.forecasts for pair in rank if pair[0] >= 0.25]
    assert median(abs(expected - came) / came for expected, came in pairs) <= 0.30
    assert len(pairs) > 1000
