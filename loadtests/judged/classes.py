"""Did every class get its floor, and was only the least urgent shed?"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from loadtests.figures import Figure
from loadtests.judged.evidence import Evidence
from loadtests.offered.call import Call
from loadtests.offered.stream import CLASSES

FLOORS = {"conversation": 0.20, "scheduled": 0.08, "consolidation": 0.04, "evaluation": 0.02}
"""Shares of the window (design §6)."""
BLUR_S = 0.25
"""How far the caller's view of a moment may be from the gateway's."""


def served_per_minute(evidence: Evidence, priority: str) -> float:
    """Right answers of a class per minute after warming up."""
    count = sum(
        call.served and call.priority == priority and call.done is not None and call.done >= evidence.since
        for call in evidence.calls
    )
    return count / evidence.span * 60


def floor_figures(evidence: Evidence, rpm: float) -> list[Figure]:
    """Each class against its floor of a pooled ceiling, or against what it offered when that is less."""
    made = []
    for priority, floor in FLOORS.items():
        offered = sum(call.priority == priority for call in evidence.judged_calls()) / evidence.span * 60
        least = min(floor * rpm, offered)
        served = served_per_minute(evidence, priority)
        made.append(Figure(f"{priority} served", served, "/min", least, at_least=True, tolerance=0))
    return made


def waiting_spans(calls: Sequence[Call], end: float) -> list[tuple[float, float]]:
    """From when to when each call stood in line, those too short to be sure of left out."""
    made = []
    for call in calls:
        if call.unfinished:
            until = end
        elif call.dispatched is not None:
            until = call.dispatched
        elif call.refused and call.done is not None:
            until = call.done
        else:
            continue
        if until - call.sent > 2 * BLUR_S:
            made.append((call.sent, until))
    return made


def out_of_order(calls: Sequence[Call], end: float) -> int:
    """Calls shed for want of space while a less urgent one stood in line (invariant 9 of admission)."""
    wrong = 0
    for rank, priority in enumerate(CLASSES[:-1]):
        lower = waiting_spans([call for call in calls if CLASSES.index(call.priority) > rank], end)
        starts, ends = sorted(start for start, _ in lower), sorted(until for _, until in lower)
        for call in calls:
            if call.priority != priority or call.code != "queue_full" or call.done is None:
                continue
            # All spans are longer than twice the blur: whoever ended before had begun before, too.
            stood = bisect_left(starts, call.done - BLUR_S) - bisect_right(ends, call.done + BLUR_S)
            wrong += stood > 0
    return wrong


def shed_order_figure(evidence: Evidence) -> Figure:
    """Shed only from the lowest class present."""
    wrong = out_of_order(evidence.calls, evidence.seconds)
    return Figure("shed while a lower class stood in line", wrong, "", 0, tolerance=0)
