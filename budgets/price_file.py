"""The seed of the price table as a plain file, made once for each version of the price package.

The package takes half a second and tens of megabytes to import, which every worker would pay; the file is read in
milliseconds. Whoever starts first makes it in a process of its own (`python -m budgets.price_seed`), several at
once make the same. Blocks: at start, off the loop. Without a data directory that can be written to: OSError.
"""

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from budgets.price import Bands
from budgets.price_match import Match, matches
from budgets.record import Decoder, Encoder, Record, RecordError, field

_PACKAGE = "genai-prices"
_FORM = 1  # of the file: raised when what is written below changes
_MAKING_S = 180  # a second or two, on a machine with nothing else to do


class DatedPrice(Record, frozen=True):
    """What a model costs from a day on."""

    since: str  # ISO date, "" for ever before
    tiers: dict[str, Bands]
    per_request: int = 0
    per_search: int = 0


class PricedModel(Record, frozen=True):
    """Prices as they came one after the other."""

    id: str
    match: Match
    prices: list[DatedPrice]
    notes: list[str] = field(default_factory=list)


class Vendor(Record, frozen=True):
    """Who sells models, where, and what is the most they ask for any."""

    id: str
    address: str  # a pattern of base URLs
    match: Match | None
    worst: DatedPrice
    models: list[PricedModel]
    others: list[str] = field(default_factory=list)  # whose models it sells too


class Seed(Record, frozen=True):
    version: str
    vendors: list[Vendor]
    worst: DatedPrice
    problems: list[str] = field(default_factory=list)  # what of the package is left out, and why

    def vendor(self, base_url: str, *names: str) -> Vendor | None:
        """Who is at an address, or goes by one of the names."""
        for vendor in self.vendors:
            if base_url and re.match(vendor.address, base_url):
                return vendor
        for name in names:
            for vendor in self.vendors:
                if vendor.id == name.lower() or (vendor.match and matches(vendor.match, name.lower())):
                    return vendor
        return None


def seed_path(directory: Path) -> Path:
    """The file for the package that is installed."""
    return directory / f"prices-{version(_PACKAGE)}-{_FORM}.json"


def load_seed(directory: Path) -> Seed:
    """The seed, made when it is not there yet or is not what it should be."""
    path = seed_path(directory)
    try:
        return _read(path)
    except (FileNotFoundError, RecordError):
        command = [sys.executable, "-m", "budgets.price_seed", str(path)]
        subprocess.run(command, check=True, timeout=_MAKING_S, stdin=subprocess.DEVNULL)  # noqa: S603
        return _read(path)


def save_seed(seed: Seed, path: Path) -> None:
    """All of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(f".{os.getpid()}.new")
    new.write_bytes(Encoder().encode(seed))
    new.replace(path)


def _read(path: Path) -> Seed:
    return Decoder(Seed).decode(path.read_bytes())
