"""Does the gateway say that something is away, and does it come back by itself?"""

from __future__ import annotations

from math import inf

from loadtests.figures import Figure
from loadtests.judged.evidence import Evidence
from loadtests.world.watch import Sample

LEDGER = ('dependency="ledger"', 'dependency="redis"', 'dependency="valkey"')


def ledger_away(sample: Sample) -> bool:
    """Whether the metrics page says that the ledger is."""
    return any(
        value > 0
        for name, value in sample.values.items()
        if name.startswith("gateway_degraded") and any(label in name for label in LEDGER)
    )


def degraded_figures(evidence: Evidence, lost: float, back: float) -> list[Figure]:
    """Told within 5 s of the loss, and untold within 30 s of the return."""
    seen = [sample.at for sample in evidence.samples if lost <= sample.at <= back and ledger_away(sample)]
    well = [one.at for one in evidence.samples if one.at > back and one.values and not ledger_away(one)]
    told = min(seen, default=inf) - lost
    returned = min(well, default=inf) - back if seen else inf
    return [
        Figure("ledger's loss told after", told, "s", 5, tolerance=0),
        Figure("ledger's return told after", returned, "s", 30, tolerance=0),
    ]
