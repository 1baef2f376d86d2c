"""The price package, read into our own form; the only module that imports it, in a process of its own.

    python -m budgets.price_seed FILE

Left out, and said so: prices that break the rules of `price.checked`, and models that are priced only by what is
not counted (hours, pages, letters); to budgets these are unknown. A price that depends on the hour is the dearest.
"""

import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

import genai_prices
from genai_prices import types as package
from genai_prices.data_snapshot import get_snapshot

from budgets.money import Dollars, charge
from budgets.price import STANDARD, Band, Bands, Price, checked, dearest
from budgets.price_file import DatedPrice, PricedModel, Seed, Vendor, save_seed
from budgets.price_match import Match
from budgets.price_spec import rates_of

_KINDS = {
    "input_mtok": "input",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write_5m",
    "cache_write_5m_mtok": "cache_write_5m",
    "cache_write_1h_mtok": "cache_write_1h",
    "input_audio_mtok": "audio_in",
    "input_image_mtok": "image_in",
    "input_video_mtok": "image_in",
    "output_mtok": "output",
    "output_reasoning_mtok": "reasoning",
    "output_audio_mtok": "audio_out",
    "output_image_mtok": "image_out",
    "output_video_mtok": "image_out",
}
#: By the thousand: requests and searches.
_THOUSANDS = ("requests_kcount", "web_searches_kcount")
#: Cached media are counted as what is dearer, media or cached: never too little.
_CONTAINED = {"cache_audio_read_mtok", "cache_image_read_mtok"}
_CONTEXTS = {"processing": {"batch"}, "service_tier": {"flex", "priority", "fast"}, "speed": {"fast"}}
_LONG_AGO = date(2000, 1, 1)


def read_package() -> Seed:
    vendors, problems = [], []
    for provider in get_snapshot().providers:
        models = []
        for model in provider.models:
            try:
                models.append(_model(model))
            except ValueError as error:
                problems.append(f"{provider.id}/{model.id}: {error}")
        if models:
            vendors.append(_vendor(provider, models))
    worst = _worst(vendor.worst for vendor in vendors)
    return Seed(f"genai-prices {genai_prices.__version__}", vendors, worst, problems)


def _vendor(provider: package.Provider, models: list[PricedModel]) -> Vendor:
    worst = _worst(price for model in models for price in model.prices)
    match = _match(provider.provider_match) if provider.provider_match is not None else None
    others = list(provider.fallback_model_providers or ())
    return Vendor(provider.id, provider.api_pattern, match, worst, models, others)


def _model(model: package.ModelInfo) -> PricedModel:
    notes: set[str] = set()
    prices = []
    for since in _dates(model):
        tiers: dict[str, Bands] = {}
        per = (0, 0)
        for tier, context in _tiers(model):
            at_times = [model.get_prices(moment, context) for moment in _moments(model, since or _LONG_AGO)]
            read = [_read(price, notes) for price in at_times]
            tiers[tier] = dearest([bands for bands, _ in read])
            if tier == STANDARD:
                per = max(each[0] for _, each in read), max(each[1] for _, each in read)
        tiers = {tier: bands for tier, bands in tiers.items() if tier == STANDARD or bands != tiers[STANDARD]}
        checked(Price("", MappingProxyType(tiers), *per))
        prices.append(DatedPrice(since.isoformat() if since else "", tiers, *per))
    return PricedModel(model.id, _match(model.match), prices, sorted(notes))


def _tiers(model: package.ModelInfo) -> list[tuple[str, dict[str, str] | None]]:
    found: dict[str, dict[str, str] | None] = {STANDARD: None}
    for variant in model.price_variants or ():
        if len(variant.when) == 1:
            ((name, value),) = variant.when.items()
            if value in _CONTEXTS.get(name, ()):
                found[value] = variant.when
    return list(found.items())


def _constraints(model: package.ModelInfo) -> list[object]:
    conditional = model.prices if isinstance(model.prices, list) else []
    return [one.constraint for one in (*conditional, *(model.price_variants or ()))]


def _dates(model: package.ModelInfo) -> list[date | None]:
    """The days on which something changes."""
    starts = {
        one.start_date for one in _constraints(model) if isinstance(one, package.StartDateConstraint)
    }  # fmt: skip
    return [None, *sorted(starts)]


def _moments(model: package.ModelInfo, day: date) -> list[datetime]:
    """Of a day, one of each span with prices of its own."""
    times = {time(0)}
    for one in _constraints(model):
        if isinstance(one, package.TimeOfDateConstraint):
            times |= {one.start_time.replace(tzinfo=None), one.end_time.replace(tzinfo=None)}
    return [datetime.combine(day, each, UTC) for each in sorted(times)]


def _read(prices: package.ModelPrice, notes: set[str]) -> tuple[Bands, tuple[int, int]]:
    said = {key: value for key, value in vars(prices).items() if value is not None}
    if not said.keys() & (_KINDS.keys() | {"requests_kcount"}):
        raise ValueError(f"priced by {', '.join(sorted(said)) or 'nothing'}, which is not counted")
    uncounted = said.keys() - _KINDS.keys() - {*_THOUSANDS} - _CONTAINED
    notes |= {f"not counted: {key}" for key in uncounted}
    edges = {0} | {tier.start for price in said.values() for tier in getattr(price, "tiers", ())}
    bands = tuple(Band(edge, rates_of(_kinds(said, edge))) for edge in sorted(edges))
    request, search = (charge(_at(said[key], 0).scaleb(-3)) if key in said else 0 for key in _THOUSANDS)
    return bands, (request, search)


def _kinds(said: Mapping[str, Any], edge: int) -> dict[str, Dollars]:
    """By kind, above `edge` tokens; where two of the package's kinds are one of ours, the dearer."""
    found: dict[str, Dollars] = {}
    for key, price in said.items():
        kind = _KINDS.get(key)
        if kind is not None:
            found[kind] = max(_at(price, edge), Decimal(found.get(kind, 0)))
    return found


def _at(price: Any, edge: int) -> Decimal:
    if isinstance(price, package.TieredPrices):
        reached = [tier.price for tier in price.tiers if tier.start <= edge]
        return reached[-1] if reached and edge else price.base
    return Decimal(price)


def _worst(prices: Iterable[DatedPrice]) -> DatedPrice:
    """Nowhere cheaper than any of them, whenever and in whatever tier."""
    several = list(prices)
    bands = dearest([bands for price in several for bands in price.tiers.values()])
    return DatedPrice(
        "",
        {STANDARD: bands},
        max(price.per_request for price in several),
        max(price.per_search for price in several),
    )


def _match(clause: Any) -> Match:
    ((name, what),) = vars(clause).items()
    return [name.rstrip("_"), [_match(one) for one in what] if isinstance(what, list) else what]


if __name__ == "__main__":
    save_seed(read_package(), Path(sys.argv[1]))
