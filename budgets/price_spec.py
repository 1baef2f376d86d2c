"""A price as people and price lists write it, in dollars per million tokens, made into one that can be charged.

What is not said costs what it is a kind of: cached tokens and media what input costs, reasoning what output costs,
an hour in the cache what five minutes cost. ValueError names what makes no sense. Pure.
"""

from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from budgets.money import Dollars, charge, rate
from budgets.price import STANDARD, Band, Bands, Price, Rates, checked, scaled

#: Kind, and what it costs when it is not said.
_ELSE = (
    ("input", None),
    ("output", None),
    ("cache_read", "input"),
    ("cache_write_5m", "input"),
    ("cache_write_1h", "cache_write_5m"),
    ("audio_in", "input"),
    ("image_in", "input"),
    ("reasoning", "output"),
    ("audio_out", "output"),
    ("image_out", "output"),
)
_OTHER = {"above", "multipliers", "per_request", "per_search"}


def rates_of(said: Mapping[str, Dollars], below: Rates | None = None) -> Rates:
    """`said` per million; what it leaves out as its kind, where that is said, no less than `below` a threshold."""
    found: dict[str, int] = {}
    moved = set(said)  # and what goes with it
    for kind, otherwise in _ELSE:
        if kind in said:
            found[kind] = rate(said[kind])
        elif otherwise in moved or below is None:
            moved.add(kind)
            least = 0 if below is None else getattr(below, kind)
            found[kind] = max(found[otherwise], least) if otherwise else 0
        else:
            found[kind] = getattr(below, kind)
    return Rates(**found)


def read_price(spec: Mapping[str, Any], version: str) -> Price:
    """`{input, output, …, above: {tokens: {…}}, multipliers: {tier: factor}, per_request, per_search}`."""
    kinds = {kind for kind, _ in _ELSE}
    odd = spec.keys() - kinds - _OTHER
    if odd:
        raise ValueError(f"no such price: {', '.join(sorted(odd))}")
    if not spec.keys() & (kinds | {"per_request"}):
        raise ValueError("a price that prices nothing")
    bands = [Band(0, rates_of({kind: said for kind, said in spec.items() if kind in kinds}))]
    for above, said in sorted(spec.get("above", {}).items()):
        bands.append(Band(above, rates_of(said, bands[-1].rates)))
    tiers: dict[str, Bands] = {STANDARD: tuple(bands)}
    for tier, factor in spec.get("multipliers", {}).items():
        exact = Fraction(str(factor))
        if exact < 0:
            raise ValueError(f"{tier}: a negative multiplier")
        tiers[tier] = scaled(tiers[STANDARD], exact.numerator, exact.denominator)
    return checked(
        Price(
            version,
            MappingProxyType(tiers),
            charge(spec.get("per_request", 0)),
            charge(spec.get("per_search", 0)),
        )
    )
