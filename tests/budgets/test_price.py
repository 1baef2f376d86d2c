"""What replies cost: exact, never negative, never less for more, and never above what was reserved."""

from dataclasses import replace
from fractions import Fraction
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from budgets.money import rate
from budgets.price import (
    FREE,
    STANDARD,
    Band,
    Price,
    Rates,
    ceiling,
    checked,
    cost,
    dearest,
    rates_at,
    scaled,
)
from budgets.usage import INPUT_PARTS, OUTPUT_PARTS, Tokens
from tests.budgets.prices import COUNT, TIERS, bands, prices, tokens

SONNET = Rates(*(rate(usd) for usd in ("3", "0.3", "3.75", "6", "3", "3", "15", "15", "15", "15")))
PRICE = Price(
    "test",
    MappingProxyType(
        {
            STANDARD: (Band(0, SONNET), Band(200_000, Rates(*(2 * one for one in SONNET)))),
            "priority": scaled((Band(0, SONNET),), 5, 2),
            "batch": scaled((Band(0, SONNET),), 1, 2),
        }
    ),
)


def test_a_reply_of_every_kind() -> None:
    used = Tokens(1110, 50, cache_read=1000, cache_write_5m=60, cache_write_1h=40, reasoning=20)
    nano_dollars = 10 * 3000 + 1000 * 300 + 60 * 3750 + 40 * 6000 + 50 * 15000
    assert cost(PRICE, used) == nano_dollars
    assert cost(PRICE, used, "batch") == nano_dollars // 2
    assert cost(PRICE, used, "flex") == nano_dollars  # no discount that is not listed
    assert cost(PRICE, used, "priority") == nano_dollars * 5 // 2
    assert (
        cost(PRICE, used, "some surcharge") == nano_dollars * 5 // 2
    )  # nor less for a surcharge that is not


def test_above_a_threshold_everything_costs_more() -> None:
    assert cost(PRICE, Tokens(200_000, 10)) == 200_000 * 3000 + 10 * 15000
    assert cost(PRICE, Tokens(200_001, 10)) == 2 * (200_001 * 3000 + 10 * 15000)


def test_parts_of_a_nano_dollar_are_rounded_up_once() -> None:
    half = Price("half", MappingProxyType({STANDARD: (Band(0, Rates(input=500_000, output=250_000)),)}))
    assert [cost(half, Tokens(n)) for n in (0, 1, 2, 3)] == [0, 1, 1, 2]
    assert cost(half, Tokens(1, 2)) == 1


def test_requests_and_searches_have_prices_too() -> None:
    price = replace(FREE, per_request=7, per_search=100)
    assert cost(price, Tokens(5, 5, searches=3)) == 307
    assert ceiling(price, 10, 10, searches_max=4) == 407
    assert FREE.free and not price.free and not PRICE.free


@settings(max_examples=50)
@given(prices(), tokens(), TIERS)
def test_cost_is_a_whole_number_rounded_up_from_the_exact_one(
    price: Price, used: Tokens, tier: str | None
) -> None:
    rates = rates_at(price.bands(tier), used.input)._asdict()
    parts = {part: getattr(used, part) for part in (*INPUT_PARTS, *OUTPUT_PARTS)}
    parts["input"] = used.input - sum(parts[part] for part in INPUT_PARTS)
    parts["output"] = used.output - sum(parts[part] for part in OUTPUT_PARTS)
    exact = sum(Fraction(count * rates[kind], 1_000_000) for kind, count in parts.items())
    exact += price.per_request + used.searches * price.per_search
    assert 0 <= cost(price, used, tier) - exact < 1
    assert type(cost(price, used, tier)) is int


@settings(max_examples=50)
@given(prices(), tokens(), TIERS, st.sampled_from([*Tokens.__struct_fields__]), st.integers(1, 500_000))
def test_more_tokens_of_any_kind_never_cost_less(
    price: Price, used: Tokens, tier: str | None, kind: str, more: int
) -> None:
    grown = structs.replace(used, **{kind: getattr(used, kind) + more})
    if kind in INPUT_PARTS:
        grown = structs.replace(grown, input=used.input + more)
    elif kind in OUTPUT_PARTS:
        grown = structs.replace(grown, output=used.output + more)
    assert cost(price, grown, tier) >= cost(price, used, tier)


@settings(max_examples=50)
@given(prices(), tokens(), TIERS)
def test_reading_from_the_cache_never_costs_more_than_reading(
    price: Price, used: Tokens, tier: str | None
) -> None:
    assert cost(price, used, tier) <= cost(price, structs.replace(used, cache_read=0), tier)


@settings(max_examples=50)
@given(prices(), tokens(), TIERS, COUNT, COUNT)
def test_what_is_reserved_covers_whatever_comes_of_it(
    price: Price, used: Tokens, tier: str | None, spare_in: int, spare_out: int
) -> None:
    limits = used.input + spare_in, used.output + spare_out
    assert cost(price, used, tier) <= ceiling(price, *limits, used.searches)


@given(bands(), bands(), COUNT)
def test_the_dearest_of_several_is_nowhere_cheaper(
    one: tuple[Band, ...], two: tuple[Band, ...], read: int
) -> None:
    both = rates_at(dearest([one, two]), read)
    for alone in (rates_at(one, read), rates_at(two, read)):
        assert all(more >= less for more, less in zip(both, alone, strict=True))


@pytest.mark.parametrize(
    ("tiers", "says"),
    [
        ({"batch": (Band(0, Rates()),)}, "standard"),
        ({STANDARD: ()}, "below its first"),
        ({STANDARD: (Band(5, Rates()),)}, "below its first"),
        ({STANDARD: (Band(0, Rates(input=-1, cache_read=-1)),)}, "negative"),
        ({STANDARD: (Band(0, Rates(input=1, cache_read=2)),)}, "cache"),
        ({STANDARD: (Band(0, Rates(output=2)), Band(9, Rates(output=1)))}, "cheaper above 9"),
        ({STANDARD: (Band(0, Rates()), Band(9, Rates()), Band(9, Rates()))}, "rise"),
    ],
)
def test_prices_that_make_no_sense_are_refused(tiers: dict[str, tuple[Band, ...]], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        checked(Price("odd", MappingProxyType(tiers)))
