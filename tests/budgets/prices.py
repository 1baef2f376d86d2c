"""Prices and usage for properties: any that pass the checks, and any counts."""

from types import MappingProxyType

from hypothesis import strategies as st
from msgspec import structs

from budgets.price import STANDARD, Band, Bands, Price, Rates, checked
from budgets.usage import Tokens, fit

_RATE = st.integers(0, 600_000_000_000)
COUNT = st.integers(0, 2_000_000)


@st.composite
def rates(draw: st.DrawFn) -> Rates:
    made = Rates(*(draw(_RATE) for _ in Rates._fields))
    return made._replace(cache_read=min(made.cache_read, made.input))


@st.composite
def bands(draw: st.DrawFn) -> Bands:
    first = draw(rates())
    made = [Band(0, first)]
    for above in sorted(draw(st.sets(st.integers(1, 1_000_000), max_size=2))):
        last, more = made[-1].rates, draw(rates())
        made.append(Band(above, Rates(*(max(pair) for pair in zip(last, more, strict=True)))))
    return tuple(made)


@st.composite
def prices(draw: st.DrawFn) -> Price:
    tiers = {STANDARD: draw(bands())} | {
        tier: draw(bands()) for tier in draw(st.sets(st.sampled_from(["batch", "flex", "priority"])))
    }
    return checked(Price("made up", MappingProxyType(tiers), draw(st.integers(0, 10**9)), draw(_RATE) // 100))


@st.composite
def tokens(draw: st.DrawFn) -> Tokens:
    counts = [draw(COUNT) for _ in Tokens.__struct_fields__]
    return structs.replace(fit(Tokens(*counts)), searches=draw(st.integers(0, 5)))


TIERS = st.sampled_from([None, STANDARD, "default", "batch", "flex", "priority", "fast", "new"])
