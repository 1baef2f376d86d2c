"""Two equal tenants, one offering ten times as much: both get the same while both want more.

They ask in one class for one pooled ceiling. Judged is only while somebody of both stands in line: who asks for
less than half gets what they ask for, and the other the rest. By one worker, and by four that share a Valkey.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from loadtests.figures import Figure
from loadtests.judged.evidence import Evidence
from loadtests.judged.outcomes import failure_figure
from loadtests.judged.tenants import fairness_figures
from loadtests.judged.windows import kept, used
from loadtests.offered.stream import mixed
from loadtests.scenarios import command
from loadtests.scenarios.key_sets import SHARED_WORKERS, WARM_UP_S, one_provider, tiers
from loadtests.scenarios.run import Run

RPM = 600
TENANTS = ("quiet", "noisy")


def runs(ci: bool) -> list[Run]:
    """By one worker and by several."""
    keys = tiers("tier", {"rpm": RPM})
    names = [key.id for key in keys]
    since, seconds = (3.0, 12.0) if ci else (WARM_UP_S, WARM_UP_S + 180)
    quiet = 9.0 if ci else 7.0  # more than half of 10/s

    def judge(evidence: Evidence) -> list[Figure]:
        return [
            *kept(evidence),
            # In ten seconds each is served some fifty times: one more or less is two percent.
            *fairness_figures(evidence, TENANTS, 10 if ci else 5, (seconds - since) / 2),
            # Pacing fills a window in a minute and no sooner.
            *([] if ci else [used(evidence, names, "rpm", 98)]),
            failure_figure(evidence.calls),
        ]

    streams = [
        *mixed(((0, quiet),), {"conversation": 1.0}, tenant="quiet"),
        *mixed(((0, quiet * 10),), {"conversation": 1.0}, tenant="noisy"),
    ]
    title = "equal weights, one offers 10×"
    alone = one_provider(keys, tenants=TENANTS)
    shared = replace(alone, workers=SHARED_WORKERS, ledger="own")
    return [
        Run("tenants", title, alone, streams, seconds, since, judge),
        Run("shared", f"{title}, {SHARED_WORKERS} workers on Valkey", shared, streams, seconds, since, judge),
    ]


def main(words: Sequence[str]) -> int:
    """The exit status."""
    return command.main("noisy-neighbour", __doc__, runs, words)
