"""`kaze price MODEL`: what a model costs, and how that was found, by the price list that is installed."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from budgets.price_file import Seed, load_seed
from budgets.price_table import PriceTable, Seller
from gateway.cli.table import table
from gateway.clock import Clock, SystemClock


@dataclass(frozen=True, slots=True)
class _Asked:
    model: str
    provider: str
    base_url: str
    tenant: str


def price(
    model: str,
    provider: str | None,
    base_url: str | None,
    tenant: str,
    data_dir: Path | None,
    as_json: bool,
    clock: Clock | None = None,
) -> int:
    """Print every step from the name to the price; the exit status."""
    name, slash, rest = model.partition("/")
    if provider is None and slash:
        provider, model = name, rest
    asked = _Asked(model, provider or "", base_url or "", tenant)
    vendors = _explained(_seed(data_dir), asked, (clock or SystemClock()).unix())
    if not vendors:
        print(f"no price list has {model}: name its provider with --provider", file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps(vendors, indent=2))
    else:
        rows = [[one["looked_at"], one["found"], "holds" if one["holds"] else ""] for one in vendors]
        print(table(["looked at", "found", ""], rows))
    return 0


def _explained(seed: Seed, asked: _Asked, now: float) -> list[dict[str, object]]:
    """The steps for the provider that was named; else for the first vendor that has such a model."""
    prices = PriceTable(seed)
    if asked.provider or asked.base_url:
        vendor = seed.vendor(asked.base_url, asked.provider)
        sellers = [Seller(asked.provider or "?", "" if vendor is None else vendor.id)]
    else:
        sellers = [Seller(vendor.id, vendor.id) for vendor in seed.vendors]
        sellers = [one for one in sellers if prices.price(one, asked.model, asked.tenant, now).known][:1]
    return [
        {"looked_at": step.looked_at, "found": step.found, "holds": step.holds}
        for one in sellers
        for step in prices.explain(one, asked.model, asked.tenant, now)
    ]


def _seed(data_dir: Path | None) -> Seed:
    """The list as the gateway keeps it, or made for this once."""
    if data_dir is not None:
        return load_seed(data_dir)
    with TemporaryDirectory(prefix="kaze-prices-") as directory:
        return load_seed(Path(directory))
