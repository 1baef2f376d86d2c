"""Counts that add up, whatever was reported: parts stay within their whole."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple

from budgets.usage import COUNT_MAX, INPUT_PARTS, OUTPUT_PARTS, Tokens, fit


@given(st.lists(st.integers(-5, 2 * COUNT_MAX), min_size=11, max_size=11))
def test_parts_never_exceed_their_whole(counts: list[int]) -> None:
    fitted = fit(Tokens(*counts))
    assert min(astuple(fitted)) >= 0 and max(astuple(fitted)) <= COUNT_MAX
    assert sum(getattr(fitted, part) for part in INPUT_PARTS) <= fitted.input
    assert sum(getattr(fitted, part) for part in OUTPUT_PARTS) <= fitted.output
    assert fit(fitted) == fitted
