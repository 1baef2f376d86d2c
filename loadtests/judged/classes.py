"""Did every class get its floor, and was only the least urgent shed?"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway.admission.bounds import COUNT, Bounds
from gateway.settings.snapshot import Queue
from loadtests.figures import Figure
from loadtests.judged.evidence import Evidence
from loadtests.offered.call import Call
from loadtests.offered.stream import CLASSES
from loadtests.world.layout import Layout

FLOORS = {"conversation": 0.20, "scheduled": 0.08, "consolidation": 0.04, "evaluation": 0.02}
"""Shares of the window (design §6)."""
SPACE_CODES = frozenset({"queue_full", "overloaded"})
"""By which a call is turned away for others that wait."""
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


def out_of_order(calls: Sequence[Call], end: float, keeps: Mapping[str, int]) -> int:
    """Calls refused or shed for want of space while more of a less urgent class stood in line than it keeps."""
    wrong: set[int] = set()
    for rank, lower in enumerate(CLASSES):
        spans = waiting_spans([call for call in calls if call.priority == lower], end)
        starts, ends = sorted(start for start, _ in spans), sorted(until for _, until in spans)
        for call in calls:
            if CLASSES.index(call.priority) >= rank or call.code not in SPACE_CODES or call.done is None:
                continue
            # All spans are longer than twice the blur: whoever ended before had begun before, too.
            stood = bisect_left(starts, call.done - BLUR_S) - bisect_right(ends, call.done + BLUR_S)
            if stood > keeps[lower]:
                wrong.add(id(call))
    return len(wrong)


def kept_for_floors(layout: Layout) -> dict[str, int]:
    """How many of each class stand in line for its floor, whoever comes."""
    queue = replace(Queue(), **layout.queue)
    bounds = Bounds(queue.depth_max, queue.bytes_max)
    return {priority: row.keeps[COUNT] for priority, row in zip(CLASSES, bounds.classes, strict=True)}


def shed_order_figure(evidence: Evidence) -> Figure:
    """Shed only from the lowest class that has more than it keeps (invariant 9 of admission). With one worker."""
    wrong = out_of_order(evidence.calls, evidence.seconds, kept_for_floors(evidence.layout))
    return Figure("shed while a lower class stood in line", wrong, "", 0, tolerance=0)
