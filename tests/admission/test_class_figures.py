"""Line and ledger together: what each class waits, gets, and is told. The load of `reference/pacing_sim.py`."""

import pytest

from gateway.admission.classes import CLASSES
from gateway.admission.item import OVERLOAD, TENANT_FULL
from tests.admission.simulation import MIX, Outcome, error, simulate

LIMIT = 1200
#: Twice the load that fits, by class: as in the reference, and with more of the top two than fits.
URGENT_MIX = (0.2, 0.5, 0.1, 0.1, 0.1)
#: How far from what was told is no error: nobody would have come back any sooner, or noticed.
TELLING_S = 0.25


def doubled(seed: int, tenants: int, mix: tuple[float, ...], depth_max: int = 1000) -> Outcome:
    """Four windows, once the burst of the start is forgotten."""
    load = 2 * LIMIT / 60
    return simulate(
        LIMIT, lambda _: load, 480.0, 240.0, depth_max=depth_max, seed=seed, tenants=tenants, mix=mix
    )


@pytest.fixture(scope="module", params=[(1, 3), (2, 1)], ids=["three tenants", "one"])
def usual(request: pytest.FixtureRequest) -> Outcome:
    return doubled(*request.param, MIX)


@pytest.fixture(scope="module")
def urgent() -> Outcome:
    return doubled(3, 3, URGENT_MIX)


def check_floors(outcome: Outcome) -> None:
    """But for the request or two that leave the window and are not yet replaced."""
    assert outcome.served >= 0.98 * LIMIT * outcome.seconds / 60
    for rank, row in enumerate(CLASSES):
        per_minute = len(outcome.waits[rank]) * 60 / outcome.seconds
        assert per_minute >= row.floor * LIMIT - 2.0, row.name


def test_the_top_class_hardly_waits(usual: Outcome) -> None:
    assert usual.percentile(0, 0.95) <= 0.050
    assert usual.percentile(0, 0.99) <= 0.250


def test_the_ceiling_is_used_and_floors_are_kept(usual: Outcome, urgent: Outcome) -> None:
    check_floors(usual)
    check_floors(urgent)


def test_floors_are_kept_with_a_short_line() -> None:
    """What a class keeps is two or three requests then."""
    check_floors(doubled(4, 3, MIX, depth_max=200))


def test_nobody_is_turned_away_above_a_class_with_more_than_it_keeps(usual: Outcome, urgent: Outcome) -> None:
    """The simulation held refusals and victims against the rules; and these are the classes they fell on."""
    assert not any(usual.reasons[0] or usual.reasons[1]) and usual.victims[:2] == [0, 0]
    assert all(usual.reasons[rank] for rank in (2, 3, 4)) and usual.victims[3] and usual.victims[4]
    assert OVERLOAD in urgent.reasons[4], "conversations are held up: lower classes are shut"
    assert OVERLOAD not in urgent.reasons[1] and TENANT_FULL not in urgent.reasons[0]


def test_nobody_waits_where_there_is_room() -> None:
    light = simulate(LIMIT, lambda _: 0.5 * LIMIT / 60, 150.0, 60.0)
    assert all(light.percentile(rank, 0.99) <= 0.050 for rank in range(5))
    assert not any(light.reasons)


def test_waits_are_as_expected(usual: Outcome, urgent: Outcome) -> None:
    """Invariant 14, for every class: of those who went, and of those told when to come back."""
    for outcome in (usual, urgent):
        for rank, row in enumerate(CLASSES):
            assert error(outcome.forecasts[rank], TELLING_S) <= 0.30, row.name
            if outcome.retries[rank]:
                assert error(outcome.retries[rank], TELLING_S) <= 0.30, row.name
        assert sum(map(len, outcome.retries)) > 1000
