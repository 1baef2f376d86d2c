"""What does not fit and whether others may pass it."""

from math import inf

import pytest

from gateway.admission.hold import HOLDS_ALL, HOLDS_BELOW, PASSES, hold
from gateway.admission.item import Item
from tests.admission.parts import IN_ORDER, Plenty, item, line, offered

BOTH = ("a", "b")


@pytest.mark.parametrize(
    ("signature", "waits", "held"),
    [
        (("a",), {"a": 0.5}, HOLDS_ALL),
        (("a",), {"a": 5.0}, HOLDS_BELOW),
        (("a",), {"a": 21.0}, PASSES),  # nobody will wait for it that long
        (("a",), {"a": inf}, PASSES),
        (BOTH, {"a": 5.0, "b": 4.0}, PASSES),  # the other one has room sooner
        (BOTH, {"a": 5.0, "b": 6.0}, HOLDS_BELOW),
        (BOTH, {"a": 5.0, "b": 5.0}, HOLDS_BELOW),  # the first of equals
        (("b", "a"), {"a": 5.0, "b": 5.0}, PASSES),
        (BOTH, {"a": 5.0, "b": inf}, HOLDS_BELOW),
    ],
)
def test_hold(signature: tuple[str, ...], waits: dict[str, float], held: int) -> None:
    one = item("1", 1, signature=signature)
    one.expires_at = 20.0
    assert hold(one, "a", Plenty(waits), 0.0) == held


def test_a_whole_window_is_the_longest() -> None:
    one = item("1", 4)
    one.expires_at = 3600.0
    assert hold(one, "a", Plenty({"a": 60.0}), 0.0) == HOLDS_BELOW
    assert hold(one, "a", Plenty({"a": 61.0}), 0.0) == PASSES


def picked(wait: float, ranks: tuple[int, ...] = IN_ORDER, large: int = 1, small: int = 2) -> str | None:
    outlook = Plenty()
    to = line(outlook=outlook)
    offered(to, item("large", large), item("small", small))
    outlook.waits["a"] = wait

    def fits(one: Item) -> bool:
        return one.id == "small"

    gone = to.pick("a", ranks, fits, 0.0)
    return None if gone is None else gone.id


def test_small_work_does_not_starve_large_work_above_it() -> None:
    assert picked(5.0) is None


def test_large_work_that_will_not_fit_in_time_keeps_nobody_waiting() -> None:
    assert picked(50.0) == "small"


def test_large_work_of_a_lower_class_is_not_in_the_way() -> None:
    assert picked(5.0, large=2, small=1) == "small"


def test_a_floor_holds_the_account_against_more_urgent_work_for_a_second_at_most() -> None:
    order = (0, 3, 1, 2, 3, 4)
    assert picked(0.9, order, large=3, small=1) is None
    assert picked(5.0, order, large=3, small=1) == "small"
    assert picked(5.0, order, large=3, small=4) is None
