"""Bursts from idle go through at once: no class waits while the window has room.

Five seconds at three times the ceiling's rate, then quiet until the burst is forgotten. A gateway that paces
everything all the time would make these wait for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from loadtests.figures import Figure
from loadtests.judged.evidence import Evidence
from loadtests.judged.outcomes import failure_figure, refusal_figure
from loadtests.judged.waiting import felt_figure, wait_figure
from loadtests.judged.windows import kept
from loadtests.offered.stream import MIX, mixed
from loadtests.scenarios import command
from loadtests.scenarios.key_sets import one_provider, tiers
from loadtests.scenarios.run import Run


def bursts(
    count: int, *, first: float, every: float, lasting: float, rate: float, idle: float
) -> tuple[tuple[float, float], ...]:
    """Steps of a rate: idle, and every so often a burst."""
    steps = [(0.0, idle)]
    for number in range(count):
        start = first + number * every
        steps += [(start, rate), (start + lasting, idle)]
    return tuple(steps)


def runs(ci: bool) -> list[Run]:
    """One case."""
    rpm = 1200
    per_second = rpm / 60
    if ci:
        steps = bursts(2, first=1, every=6, lasting=2.5, rate=3 * per_second, idle=1)
        seconds = 11.0
    else:
        steps = bursts(8, first=10, every=30, lasting=5, rate=3 * per_second, idle=2)
        seconds = 250.0

    def judge(evidence: Evidence) -> list[Figure]:
        waits = [wait_figure(evidence, priority, 95, 20) for priority in MIX]
        return [
            *kept(evidence),
            *waits,
            felt_figure(evidence, "evaluation", 95),
            refusal_figure(evidence.calls, judged=True),
            failure_figure(evidence.calls),
        ]

    layout = one_provider(tiers("tier", {"rpm": rpm}))
    return [Run("idle", f"bursts at 3× of {rpm:,.0f} rpm", layout, mixed(steps, MIX), seconds, 0.0, judge)]


def main(words: Sequence[str]) -> int:
    """The exit status."""
    return command.main("burst", __doc__, runs, words)
