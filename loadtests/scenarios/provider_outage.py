"""A provider goes away and comes back: callers do not notice while another has room.

First its process is killed, so that connections are refused; later it answers 503 to everything. The other target
of the route could carry all of the load alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from loadtests.figures import Figure
from loadtests.judged.evidence import Evidence
from loadtests.judged.outcomes import failure_figure, refusal_figure
from loadtests.judged.windows import kept
from loadtests.offered.stream import MIX, mixed
from loadtests.scenarios import command
from loadtests.scenarios.run import Run
from loadtests.world.disturbance import Disturbance, lose_provider, return_provider, set_faults
from loadtests.world.layout import Layout, ProviderKey, RoutePlan, SimPlan

BACK_S = 30.0


def back_after(evidence: Evidence, key: str, recovered: float) -> float:
    """Seconds from a provider's recovery until it serves again; never, when it was not seen to."""
    return min(
        (
            call.done - recovered
            for call in evidence.calls
            if call.served and call.key == key and call.done is not None and call.done >= recovered
        ),
        default=inf,
    )


def recovery(evidence: Evidence, name: str, recovered: float, end: float) -> Figure:
    """Judged where the run is long enough to see it fail."""
    after = back_after(evidence, "first", recovered)
    promised = BACK_S if end - recovered >= BACK_S or after < inf else None
    return Figure(f"back in use after {name}", after, "s", promised, tolerance=0)


def runs(ci: bool) -> list[Run]:
    """One case."""
    lost, back, failing, well, seconds = (
        (2.0, 4.0, 7.0, 9.0, 12.0) if ci else (30.0, 60.0, 120.0, 150.0, 210.0)
    )
    layout = Layout(
        (
            SimPlan("first", (ProviderKey("first", {"rpm": 1200}),), 50.0),
            SimPlan("second", (ProviderKey("second", {"rpm": 1200}),), 50.0),
        ),
        (RoutePlan("smart", ("first/chat", "second/chat")),),
    )

    def judge(evidence: Evidence) -> list[Figure]:
        return [
            failure_figure(evidence.calls),
            refusal_figure(evidence.calls, judged=True),
            recovery(evidence, "being gone", back, failing),
            recovery(evidence, "503s", well, seconds),
            *kept(evidence),
        ]

    disturbances = (
        Disturbance(lost, lose_provider("first")),
        Disturbance(back, return_provider("first")),
        Disturbance(failing, set_faults("first", {"status": 503})),
        Disturbance(well, set_faults("first", None)),
    )
    streams = mixed(((0, 10.0),), MIX)
    return [
        Run("outage", "two targets, the first goes twice", layout, streams, seconds, 0.0, judge, disturbances)
    ]


def main(words: Sequence[str]) -> int:
    """The exit status."""
    return command.main("provider-outage", __doc__, runs, words)
