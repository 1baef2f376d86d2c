"""The shared ledger goes away and comes back empty: ceilings hold, the loss is told, all by itself.

Two workers share a Valkey at twice the load. Without it each worker spends its safe share (`safe_share`), or waits
(`closed`), or sends as if there were no ceiling (`open`, which promises nothing about them: they are told only).
"""

from __future__ import annotations

from collections.abc import Sequence

from loadtests.figures import Figure
from loadtests.judged.degraded import degraded_figures
from loadtests.judged.evidence import Evidence
from loadtests.judged.outcomes import failure_figure
from loadtests.judged.windows import amounts, kept
from loadtests.offered.stream import MIX, UNPACED_MIX, mixed
from loadtests.scenarios import command
from loadtests.scenarios.key_sets import WARM_UP_S, one_provider, tiers
from loadtests.scenarios.run import Run
from loadtests.world.disturbance import Disturbance, lose_ledger, return_ledger

MODES = ("safe_share", "closed", "open")
LEASES_OVER_S = 2.5
"""After the loss; until then what was granted before may still be sent."""


def rate_between(evidence: Evidence, since: float, until: float) -> float:
    """Share of the pooled requests a minute that was used in a span."""
    taken = sum(
        since <= at <= until
        for rows in evidence.charges.values()
        for at, _ in amounts(rows, "rpm", refused=False)
    )
    allowed = sum(key.limits["rpm"] for key in evidence.layout.keys) * (until - since) / 60
    return taken / allowed * 100


def sent_without(evidence: Evidence, mode: str, lost: float, back: float) -> Figure:
    """How many requests went when nobody had a lease any more: none, at most their share, or as many as came."""
    count = sum(
        lost + LEASES_OVER_S <= at < back
        for rows in evidence.charges.values()
        for at, _ in amounts(rows, "rpm", refused=True)
    )
    target = {"closed": 0, "open": 1}.get(mode)
    return Figure("sent without lease and ledger", count, "", target, at_least=mode == "open", tolerance=0)


def told(figure: Figure) -> Figure:
    """The same, not judged."""
    return Figure(figure.name, figure.value, figure.unit)


def loss(mode: str, ci: bool) -> Run:
    """One mode."""
    rpm = 240 if ci else 1200
    lost, back, seconds = (2.0, 6.0, 9.5) if ci else (150.0, 210.0, 330.0)
    keys = tiers("tier", {"rpm": rpm})

    def judge(evidence: Evidence) -> list[Figure]:
        ceilings = kept(evidence)
        if mode == "open":
            ceilings = [told(one) for one in ceilings]
        return [
            *ceilings,
            *degraded_figures(evidence, lost, back),
            sent_without(evidence, mode, lost, back),
            Figure("rpm used while the ledger was away", rate_between(evidence, lost, back), "%"),
            Figure("rpm used after its return", rate_between(evidence, back, seconds), "%"),
            failure_figure(evidence.calls) if mode != "open" else told(failure_figure(evidence.calls)),
        ]

    return Run(
        mode,
        f"on_ledger_loss: {mode}, 2 workers",
        one_provider(keys, workers=2, ledger="own", on_ledger_loss=mode),
        mixed(((0, 32.0 if ci else 40.0),), UNPACED_MIX if ci else MIX),
        seconds,
        0.0 if ci else WARM_UP_S,
        judge,
        (Disturbance(lost, lose_ledger), Disturbance(back, return_ledger)),
    )


def runs(ci: bool) -> list[Run]:
    """A case for each mode."""
    return [loss(mode, ci) for mode in MODES]


def main(words: Sequence[str]) -> int:
    """The exit status."""
    return command.main("ledger-loss", __doc__, runs, words)
