"""What waits too long for a paid model goes to a local one, where the route allows it, and says so.

Two routes share a paid key: `fast` may overflow, `smart` may not. The local model has places instead of rates, and
a short line of its own. By one worker, and by four that share a Valkey.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from loadtests.figures import Figure
from loadtests.judged.evidence import Evidence
from loadtests.judged.outcomes import failure_figure, refusal_figure
from loadtests.judged.windows import kept, used
from loadtests.offered.stream import mixed
from loadtests.scenarios import command
from loadtests.scenarios.key_sets import SHARED_WORKERS, WARM_UP_S
from loadtests.scenarios.run import Run
from loadtests.world.layout import Layout, ProviderKey, RoutePlan, SimPlan

LOCAL = "local"


def overflow_figures(evidence: Evidence, least: int) -> list[Figure]:
    """It happened, was marked wherever it happened, and only where it may."""
    calls = [call for call in evidence.calls if call.served]
    marked = [call for call in calls if call.overflow == LOCAL]
    unmarked = sum((call.provider == LOCAL) != (call.overflow == LOCAL) for call in calls)
    strayed = sum(call.provider == LOCAL and call.model != "fast" for call in calls)
    return [
        Figure("overflowed", len(marked), "", least, at_least=True, tolerance=0),
        Figure("local answers not marked so, or others marked", unmarked, "", 0, tolerance=0),
        Figure("overflowed without leave", strayed, "", 0, tolerance=0),
    ]


def runs(ci: bool) -> list[Run]:
    """By one worker and by several."""
    rpm, rate = (120, 24.0) if ci else (300, 20.0)
    since, seconds = (0.0, 11.0) if ci else (WARM_UP_S, WARM_UP_S + 180)
    layout = Layout(
        (
            SimPlan("paid", (ProviderKey("paid", {"rpm": rpm}),), 50.0),
            SimPlan(LOCAL, (ProviderKey("local", {"concurrency": 8}),), 150.0, local=True),
        ),
        (
            RoutePlan("smart", ("paid/chat",)),
            RoutePlan("fast", ("paid/chat",), overflow="local/llama", hint="fast"),
        ),
        queue={"overflow_depth": 5} if ci else {},
    )

    def judge(evidence: Evidence) -> list[Figure]:
        return [
            *kept(evidence),
            used(evidence, ["paid"], "rpm", 98, short=ci),
            # A quarter of what `fast` offers: with the paid key full, far more than that cannot be served by it.
            *overflow_figures(evidence, int(rate * 0.75 * seconds / 4)),
            refusal_figure(call for call in evidence.calls if call.model == "fast"),
            failure_figure(evidence.calls),
        ]

    # In the short form the paid key is filled by the class that is not paced.
    strict, asked = (
        ({"supervised": 1.0}, 14.0) if ci else ({"supervised": 0.3, "scheduled": 0.7}, rate * 0.25)
    )
    streams = [
        *mixed(((0, rate * 0.75),), {"conversation": 0.5, "evaluation": 0.5}, model="fast"),
        *mixed(((0, asked),), strict, model="smart"),
    ]
    title = "a paid key at 4× and a local model"
    shared = replace(layout, workers=SHARED_WORKERS, ledger="own")
    return [
        Run("local", title, layout, streams, seconds, since, judge),
        Run("shared", f"{title}, {SHARED_WORKERS} workers on Valkey", shared, streams, seconds, since, judge),
    ]


def main(words: Sequence[str]) -> int:
    """The exit status."""
    return command.main("overflow", __doc__, runs, words)
