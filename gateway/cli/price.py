"""`kaze price MODEL`: what a model costs, how that was found by the price list that is installed; what it can do.

With a configuration file by its own prices too, at its providers and for the targets of its routes, whose secrets
are not needed; without one at the providers that a gateway would find in this environment, or `sim`.
"""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from budgets.price_file import Seed, load_seed
from budgets.price_table import PriceTable, Seller, Step
from gateway.cli.model_words import abilities, origin, sizes
from gateway.cli.table import table
from gateway.clock import Clock, SystemClock
from gateway.pipeline.seller import seller_of
from gateway.settings.load import load_without_secrets
from gateway.settings.model_facts import ModelFacts, shipped_facts
from gateway.settings.problem import ConfigError
from gateway.settings.snapshot import Snapshot, Tenant

_Sold = tuple[Seller, str, ModelFacts]


@dataclass(frozen=True, slots=True)
class PriceOf:
    """What is asked for."""

    model: str
    provider: str | None = None
    base_url: str | None = None
    tenant: str = "*"


def price(
    asked: PriceOf,
    data_dir: Path | None,
    config: Path | None,
    as_json: bool,
    clock: Clock | None = None,
    environ: Mapping[str, str] = os.environ,
) -> int:
    """Print every step from the name to the price; the exit status."""
    snapshot = None
    try:
        snapshot = load_without_secrets(config, environ)
    except ConfigError as error:
        if config is not None or environ.get("KAZE_CONFIG"):
            print(error, file=sys.stderr)
            return 1
    seed = _seed(data_dir)
    prices = PriceTable(seed, () if snapshot is None else snapshot.prices)
    now = (clock or SystemClock()).unix()
    targets = _configured(snapshot, asked, seed) if snapshot is not None and asked.provider is None else []
    targets = targets or _sold(asked, seed, prices, now)
    steps = [
        {"target": f"{seller.id}/{model}", **step._asdict()}
        for seller, model, facts in targets
        for step in (*prices.explain(seller, model, asked.tenant, now), *_known(facts))
    ]
    if not steps:
        print(f"no price list has {asked.model}: name its provider with --provider", file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps(steps, indent=2))
    else:
        shown = [{**step, "holds": "holds" if step["holds"] else ""} for step in steps]
        rows = [list(step.values()) for step in shown]
        print(table(["target", "looked at", "found", ""], rows))
    return 0


def _known(facts: ModelFacts) -> list[Step]:
    """What is known of the model beside its price."""
    told = facts.told()
    words = "; ".join(word for word in (sizes(told), abilities(told)) if word != "-")
    return [Step(f"known from {origin(told)}", words)] if words else []


def _configured(snapshot: Snapshot, asked: PriceOf, seed: Seed) -> list[_Sold]:
    """What the name means to the tenant: the targets of a route, or `provider/model`."""
    tenant = snapshot.tenants.get(asked.tenant) or Tenant(asked.tenant)
    route = snapshot.resolve(tenant, asked.model)
    if route is None:
        return []
    return [(seller_of(target.provider, seed), target.model, target.facts) for target in route.targets]


def _sold(asked: PriceOf, seed: Seed, prices: PriceTable, now: float) -> list[_Sold]:
    """At the provider that was named; else at the first vendor whose own model it is, or that has it at all."""
    provider, model = asked.provider, asked.model
    name, slash, rest = model.partition("/")
    if provider is None and slash:
        provider, model = name, rest
    if provider is not None or asked.base_url is not None:
        vendor = seed.vendor(asked.base_url or "", provider or "")
        seller = Seller(provider or "?", "" if vendor is None else vendor.id)
        return [(seller, model, shipped_facts(asked.base_url or "", (seller.id, seller.vendor), model))]
    sellers = [Seller(vendor.id, vendor.id) for vendor in seed.vendors]
    known = [one for one in sellers if prices.price(one, model, asked.tenant, now).known]
    makers = [one for one in known if prices.explain(one, model, asked.tenant, now)[0].holds]
    return [(one, model, shipped_facts("", (one.id,), model)) for one in (makers or known)[:1]]


def _seed(data_dir: Path | None) -> Seed:
    """The list as the gateway keeps it, or made for this once."""
    if data_dir is not None:
        return load_seed(data_dir)
    with TemporaryDirectory(prefix="kaze-prices-") as directory:
        return load_seed(Path(directory))
