"""Which price holds: the operator's own first, then the price package's, else the worst there is, and said so.

Looked up once for each (provider, model, tenant) and kept, until the day or an override changes; a look-up is then
one dictionary access. The table is replaced whole when the configuration changes. Pure: times are seconds since
1970, by the clock of whoever asks. Without the package's seed only overrides and local models have a known price.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple

from budgets.money import text
from budgets.price import FREE, STANDARD, Price
from budgets.price_file import DatedPrice, PricedModel, Seed, Vendor
from budgets.price_match import matches
from budgets.price_override import Override

_KEPT_MAX = 10_000
_DAY_S = 86_400


class Seller(NamedTuple):
    """A configured provider, as far as prices go."""

    id: str
    vendor: str = ""  # of the seed; "" when it is nobody known
    local: bool = False  # our own machines: free unless an override says otherwise


class Step(NamedTuple):
    """Of an explanation: what was looked at, and what came of it."""

    looked_at: str
    found: str
    holds: bool = False


class PriceTable:
    def __init__(self, seed: Seed | None, overrides: Iterable[Override] = ()) -> None:
        self._seed = seed
        self._vendors = {vendor.id: vendor for vendor in seed.vendors} if seed is not None else {}
        self._overrides = sorted(overrides, key=lambda override: override.rank, reverse=True)
        self._tenants = {override.tenant for override in self._overrides}
        self._kept: dict[tuple[Seller, str, str], Price] = {}
        self._kept_from = self._kept_until = 0.0

    def price(self, seller: Seller, model: str, tenant: str, now: float) -> Price:
        """What `model` costs `tenant` at `seller` now; of an unknown price `known` is false."""
        if not self._kept_from <= now < self._kept_until:  # a clock may go back, too
            self._kept.clear()
            self._kept_from, self._kept_until = self.unchanged(now)
        key = seller, model, tenant if tenant in self._tenants else "*"
        price = self._kept.get(key)
        if price is None:
            if len(self._kept) >= _KEPT_MAX:
                self._kept.clear()
            price = self._kept[key] = self._look_up(seller, model, tenant, now)[0]
        return price

    def explain(self, seller: Seller, model: str, tenant: str, now: float) -> list[Step]:
        """Every step from the name of the model to its price."""
        price, steps = self._look_up(seller, model, tenant, now)
        return [*steps, *_lines(price)]

    def unchanged(self, now: float) -> tuple[float, float]:
        """From when until when the prices of `now` hold."""
        midnight = now // _DAY_S * _DAY_S
        changes = [one.effective_from for one in self._overrides]
        last = max([midnight, *(one for one in changes if one <= now)])
        return last, min([midnight + _DAY_S, *(one for one in changes if one > now)])

    def _look_up(self, seller: Seller, model: str, tenant: str, now: float) -> tuple[Price, list[Step]]:
        steps: list[Step] = []
        for override in self._overrides:
            if override.fits(seller.id, model, tenant):
                named = f"own price {override.id}" + (f" ({override.origin})" if override.origin else "")
                if override.effective_from <= now:
                    steps.append(Step(named, override.price.version, holds=True))
                    return override.price, steps
                day = datetime.fromtimestamp(override.effective_from, UTC).date().isoformat()
                steps.append(Step(named, f"not before {day}"))
        if seller.local:
            steps.append(Step(f"provider {seller.id}", "local: free", holds=True))
            return FREE, steps
        vendor = self._vendors.get(seller.vendor)
        if self._seed is None or vendor is None:
            steps.append(Step(f"provider {seller.id}", "not in the price list"))
        else:
            for each in (
                vendor,
                *(self._vendors[other] for other in vendor.others if other in self._vendors),
            ):
                found = _model_of(each, model)
                if found is not None:
                    price = _price_at(found.prices, now, f"{self._seed.version} {each.id}/{found.id}")
                    steps.append(Step(f"price list of {each.id}", price.version, holds=True))
                    steps += [Step(f"{each.id}/{found.id}", note) for note in found.notes]
                    return price, steps
                steps.append(Step(f"price list of {each.id}", f"has no {model}"))
        price = self._unknown(vendor)
        steps.append(Step("unknown price", price.version, holds=True))
        return price, steps

    def _unknown(self, vendor: Vendor | None) -> Price:
        """The most that the vendor asks for any of its models; of a vendor that is not known, that any asks."""
        if vendor is not None:
            return _made(vendor.worst, f"unknown: the most at {vendor.id}", known=False)
        if self._seed is not None:
            return _made(self._seed.worst, "unknown: the most anywhere", known=False)
        raise LookupError("there is no price list")


def _model_of(vendor: Vendor, model: str) -> PricedModel | None:
    name = model.lower()
    return next((one for one in vendor.models if matches(one.match, name)), None)


def _price_at(prices: list[DatedPrice], now: float, version: str) -> Price:
    today = datetime.fromtimestamp(now, UTC).date().isoformat()
    dated = next(price for price in reversed(prices) if price.since <= today)
    return _made(dated, f"{version} {dated.since}".rstrip())


def _made(dated: DatedPrice, version: str, known: bool = True) -> Price:
    return Price(version, MappingProxyType(dated.tiers), dated.per_request, dated.per_search, known)


def _lines(price: Price) -> list[Step]:
    """The price itself, dollars per million tokens; kinds that cost the same as another are left out."""
    lines = []
    for tier, bands in price.tiers.items():
        for above, rates in bands:
            where = f"{tier}, above {above:,} tokens" if above else tier
            shown = {
                kind: each
                for kind, each in rates._asdict().items()
                if kind in ("input", "output") or each not in (rates.input, rates.output)
            }
            lines.append(Step(where, ", ".join(f"{kind} {text(each)}" for kind, each in shown.items())))
    for name, each in (("a request", price.per_request), ("a search", price.per_search)):
        if each:
            lines.append(Step(STANDARD, f"{name} {text(each)}"))
    return lines
