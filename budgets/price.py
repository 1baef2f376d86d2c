"""What a model costs, and what a reply to a request came to: whole nano-dollars, exactly.

Rates are nano-dollars per million, so half a nano-dollar a token is a whole number too; a cost is added up in
those and rounded up once. A price above a context threshold holds for the whole request (every provider's rule).
Multipliers for batch, flex and priority are worked in when a price is loaded. Depends on nothing.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

from budgets.money import MILLION
from budgets.usage import Tokens

STANDARD = "standard"
#: Names under which replies and requests mean the standard tier; discounts that a model does not list are none.
_STANDARD_TOO = frozenset({"", "default", "auto", "standard", "standard_only", "on_demand", "batch", "flex"})


class Rates(NamedTuple):
    """Nano-dollars per million tokens of each kind; `input` and `output` of what is of no other."""

    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    audio_in: int = 0
    image_in: int = 0
    output: int = 0
    reasoning: int = 0
    audio_out: int = 0
    image_out: int = 0


#: Where the kinds of output begin.
_OUT_FROM = Rates._fields.index("output")


class Band(NamedTuple):
    """The rates of requests that read more than `above` tokens."""

    above: int
    rates: Rates


Bands = tuple[Band, ...]


class Most(NamedTuple):
    """What no token costs more than, of any kind in any tier, in a request that reads more than `above`."""

    above: int
    read: int
    written: int


@dataclass(frozen=True, slots=True)
class Price:
    """By service tier; `STANDARD` is always there. Made by `checked`."""

    version: str  # recorded with every cost: what was charged stays explicable after prices changed
    tiers: Mapping[str, Bands]
    per_request: int = 0  # nano-dollars
    per_search: int = 0
    known: bool = True  # False: the worst that may be, flagged wherever it is charged
    #: Worked out once, as every request asks for it.
    most: tuple[Most, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        worst = dearest(self.tiers.values())
        most = tuple(Most(above, max(rates[:_OUT_FROM]), max(rates[_OUT_FROM:])) for above, rates in worst)
        object.__setattr__(self, "most", most)

    @property
    def free(self) -> bool:
        """Whether nothing it does costs anything: such targets pass an exhausted budget."""
        return not (self.per_request or self.per_search) and not any(
            any(band.rates) for bands in self.tiers.values() for band in bands
        )

    def bands(self, tier: str | None) -> Bands:
        """Of a tier. One that is not listed and may be a surcharge, or None: the dearest of all."""
        listed = self.tiers.get(tier or STANDARD) if tier is not None else None
        if listed is not None:
            return listed
        return self.tiers[STANDARD] if tier in _STANDARD_TOO else dearest(self.tiers.values())


def checked(price: Price) -> Price:
    """The price, when it makes sense: cost never negative, never less for more tokens, never more for cached ones.

    ValueError says what does not.
    """
    if STANDARD not in price.tiers:
        raise ValueError("a price without its standard tier")
    if price.per_request < 0 or price.per_search < 0:
        raise ValueError("a negative price")
    for tier, bands in price.tiers.items():
        if not bands or bands[0].above != 0:
            raise ValueError(f"{tier}: no rates below its first threshold")
        for band in bands:
            if min(band.rates) < 0:
                raise ValueError(f"{tier}: a negative rate")
        for below, band in pairwise(bands):
            if band.above <= below.above:
                raise ValueError(f"{tier}: thresholds that do not rise")
            if any(more < less for less, more in zip(below.rates, band.rates, strict=True)):
                raise ValueError(f"{tier}: cheaper above {band.above} tokens than below")
        if any(band.rates.cache_read > band.rates.input for band in bands):
            raise ValueError(f"{tier}: reading from the cache costs more than reading")
    return price


def cost(price: Price, tokens: Tokens, tier: str | None = STANDARD) -> int:
    """What `tokens` (as `usage.fit` leaves them) came to, in nano-dollars, rounded up.

    Each part is counted in its whole, and then by how much it costs otherwise.
    """
    bands = price.bands(tier)
    rates = bands[0].rates if len(bands) == 1 else rates_at(bands, tokens.input)
    read, written = rates.input, rates.output
    total = tokens.input * read + tokens.output * written
    if tokens.cache_read:
        total += tokens.cache_read * (rates.cache_read - read)
    if tokens.reasoning:
        total += tokens.reasoning * (rates.reasoning - written)
    if tokens.cache_write_5m or tokens.cache_write_1h or tokens.audio_in or tokens.image_in:
        total += tokens.cache_write_5m * (rates.cache_write_5m - read)
        total += tokens.cache_write_1h * (rates.cache_write_1h - read)
        total += tokens.audio_in * (rates.audio_in - read) + tokens.image_in * (rates.image_in - read)
    if tokens.audio_out or tokens.image_out:
        total += tokens.audio_out * (rates.audio_out - written)
        total += tokens.image_out * (rates.image_out - written)
    return -(-total // MILLION) + price.per_request + tokens.searches * price.per_search


def ceiling(price: Price, input_max: int, output_max: int, searches_max: int = 0) -> int:
    """What a request cannot cost more than, whatever its tokens turn out to be and whichever tier serves it."""
    most = price.most[0]
    for dearer in price.most[1:]:
        if input_max <= dearer.above:
            break
        most = dearer
    total = -(-(input_max * most.read + output_max * most.written) // MILLION)
    return total + price.per_request + searches_max * price.per_search


def rates_at(bands: Bands, read: int) -> Rates:
    """The rates for a request that reads so many tokens."""
    rates = bands[0].rates
    for band in bands[1:]:
        if read <= band.above:
            break
        rates = band.rates
    return rates


def scaled(bands: Bands, numerator: int, denominator: int) -> Bands:
    """Bands times a multiplier, each rate rounded up."""
    return tuple(
        Band(band.above, Rates(*(-(-one * numerator // denominator) for one in band.rates))) for band in bands
    )


def dearest(several: Collection[Bands]) -> Bands:
    """Bands that are nowhere cheaper than any of `several`."""
    edges = sorted({band.above for bands in several for band in bands})
    made: list[Band] = []
    for edge in edges:
        rates = [rates_at(bands, edge + 1) for bands in several]
        made.append(Band(edge, Rates(*(max(kinds) for kinds in zip(*rates, strict=True)))))
    return tuple(made)


FREE = Price("free", MappingProxyType({STANDARD: (Band(0, Rates()),)}))
