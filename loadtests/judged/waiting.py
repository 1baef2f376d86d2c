"""How long requests waited in the gateway's line, by its own word in every answer's head."""

from __future__ import annotations

from collections.abc import Iterable
from math import nan

from loadtests.figures import Figure
from loadtests.judged.evidence import Evidence
from loadtests.offered.call import Call
from loadtests.percentiles import percentile

UNSURE_S = 0.5
"""Who came so shortly before the end may have been sent upstream at once and be waiting for the answer."""


def waits(calls: Iterable[Call], end: float) -> list[float]:
    """Seconds, ascending. Who still waits at the end has waited until then: others would be left out."""
    made = []
    for call in calls:
        if call.served and call.queue_ms is not None:
            made.append(call.queue_ms / 1000)
        elif call.unfinished and end - call.sent > UNSURE_S:
            made.append(end - call.sent)
    return sorted(made)


def felt_figure(evidence: Evidence, priority: str, share: float) -> Figure:
    """The time from asking to the end of the answer: told beside the wait that the gateway states of itself."""
    felt = sorted(
        call.done - call.sent
        for call in evidence.judged_calls()
        if call.priority == priority and call.served and call.done is not None
    )
    return Figure(f"{priority} answered p{share:g}", percentile(felt, share) * 1000 if felt else nan, "ms")


def unsaid(calls: Iterable[Call]) -> int:
    """Answers that do not say how long they waited."""
    return sum(call.served and call.queue_ms is None for call in calls)


def wait_figure(
    evidence: Evidence, priority: str, share: float, most_ms: float | None, *, model: str = ""
) -> Figure:
    """One percentile of one class's wait after warming up; not measured when answers do not tell it."""
    calls = [
        call
        for call in evidence.judged_calls()
        if call.priority == priority and (not model or call.model == model)
    ]
    known = waits(calls, evidence.seconds)
    value = percentile(known, share) * 1000 if known and not unsaid(calls) else nan
    return Figure(f"{priority} queue wait p{share:g}", value, "ms", most_ms, tolerance=0)
