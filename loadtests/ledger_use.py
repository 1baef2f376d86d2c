"""How often the gateway asks its shared ledger, by its own metrics: calls, and what had a lease in hand."""

from __future__ import annotations

import re
from typing import NamedTuple

_LINE = re.compile(
    r"^(gateway_(?:ledger_seconds_count|lease_hits_total|lease_misses_total))\s+(\S+)", re.MULTILINE
)
_NOT_THERE = float("nan")


class LedgerUse(NamedTuple):
    """Counted since the gateway began."""

    calls: float
    hits: float
    misses: float

    def since(self, before: LedgerUse) -> LedgerUse:
        return LedgerUse(*(now - then for now, then in zip(self, before, strict=True)))

    @property
    def hit_share(self) -> float:
        """Of what was taken of an account, what went at once; no number where nothing was taken."""
        taken = self.hits + self.misses
        return self.hits / taken if taken else _NOT_THERE


def read(page: str) -> LedgerUse:
    """Of a metrics page; no numbers where it has none (another gateway, or one without a shared ledger)."""
    found = {name: float(value) for name, value in _LINE.findall(page)}
    names = ("gateway_ledger_seconds_count", "gateway_lease_hits_total", "gateway_lease_misses_total")
    return LedgerUse(*(found.get(name, _NOT_THERE) for name in names))
