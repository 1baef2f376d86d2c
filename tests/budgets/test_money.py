"""Nano-dollars: exact, or refused, or rounded up where it says so."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets.money import NANO, NANO_MAX, charge, dollars, nano, rate, text

AMOUNTS = st.integers(-NANO_MAX, NANO_MAX)


@given(AMOUNTS)
def test_nano_dollars_survive_the_way_to_dollars_and_back(amount: int) -> None:
    assert nano(dollars(amount)) == nano(str(dollars(amount))) == amount


@given(AMOUNTS)
def test_what_people_see_is_the_amount(amount: int) -> None:
    assert nano(text(amount).replace("$", "").replace(",", "")) == amount


@given(st.decimals(0, 1000, allow_nan=False, places=13))
def test_a_charge_is_never_less_than_the_amount_and_less_than_one_more(usd: Decimal) -> None:
    assert 0 <= charge(usd) - Fraction(usd) * NANO < 1


def test_what_is_finer_or_larger_or_no_amount_is_refused() -> None:
    for odd in (Decimal("0.0000000001"), Decimal("NaN"), Decimal("Infinity"), "1e30", "twelve", ""):
        with pytest.raises(ValueError):
            nano(odd)
    for odd in (0.1, True):
        with pytest.raises(TypeError):
            nano(odd)  # type: ignore[arg-type]


def test_many_digits_are_not_lost_to_a_decimal_context() -> None:
    assert nano("9223372036.854775807") == NANO_MAX
    assert rate("0.0000000000000000001") == 1


def test_rates() -> None:
    assert rate(Decimal("0.25")) == 250_000_000  # 250 nano-dollars a token
    assert rate("0.0625") == 62_500_000  # 62.5 a token: still whole
    assert rate(10, per=1000) == 10 * NANO * 1000  # $10 per thousand searches


def test_text() -> None:
    assert text(0) == "$0.00"
    assert text(1_234_500_000_000) == "$1,234.50"
    assert text(-1) == "-$0.000000001"
