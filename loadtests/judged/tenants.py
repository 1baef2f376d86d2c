"""Do two tenants who both want more than their share get the same?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import nan

from loadtests.figures import Figure
from loadtests.judged.classes import waiting_spans
from loadtests.judged.evidence import Evidence
from loadtests.offered.call import Call

STEP_S = 0.5


def backlogged(calls: Sequence[Call], end: float) -> set[int]:
    """Half seconds throughout which somebody of these stood in line."""
    covered: Counter[int] = Counter()
    for start, until in waiting_spans(calls, end):
        covered.update(range(int(start / STEP_S) + 1, int(until / STEP_S)))
    return set(covered)


def difference(evidence: Evidence, tenants: tuple[str, str]) -> tuple[float, float]:
    """How far apart they were served while both were backlogged, as a share of their mean; for how long."""
    own = [[call for call in evidence.calls if call.tenant == tenant] for tenant in tenants]
    both = backlogged(own[0], evidence.seconds) & backlogged(own[1], evidence.seconds)
    both = {step for step in both if step * STEP_S >= evidence.since}
    first, second = (
        sum(call.dispatched is not None and int(call.dispatched / STEP_S) in both for call in calls)
        for calls in own
    )
    mean = (first + second) / 2
    return (abs(first - second) / mean if mean else nan), len(both) * STEP_S


def fairness_figures(
    evidence: Evidence, tenants: tuple[str, str], most: float, least_s: float
) -> list[Figure]:
    """Within `most` percent of each other, seen over at least `least_s` seconds."""
    apart, seconds = difference(evidence, tenants)
    return [
        Figure(f"{' and '.join(tenants)} served apart by", apart * 100, "%", most, tolerance=0),
        Figure("both backlogged for", seconds, "s", least_s, at_least=True, tolerance=0),
    ]
