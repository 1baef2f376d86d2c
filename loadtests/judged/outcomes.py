"""What callers got: answers, refusals for want of room, and what nobody should ever get."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from loadtests.figures import Figure
from loadtests.judged.evidence import Evidence
from loadtests.offered.call import Call


def kind(call: Call) -> str:
    """One word or two for how a call ended."""
    if call.unfinished:
        return "still waiting"
    if call.served:
        return f"served, {call.overflow}" if call.overflow else "served"
    if call.refused:
        return f"refused: {call.code}"
    return f"FAILED: {call.status} {call.code or call.error}".rstrip()


def counts(calls: Iterable[Call]) -> dict[str, int]:
    """How many ended how, most first."""
    return dict(Counter(kind(call) for call in calls).most_common())


def failure_figure(calls: Iterable[Call], *, judged: bool = True) -> Figure:
    """Neither served nor refused in the gateway's own words."""
    failed = sum(call.failed for call in calls)
    return Figure("callers' errors", failed, "", 0 if judged else None, tolerance=0)


def refusal_figure(calls: Iterable[Call], *, judged: bool = False) -> Figure:
    """Refused for want of room."""
    refused = sum(call.refused for call in calls)
    return Figure("callers refused for want of room", refused, "", 0 if judged else None, tolerance=0)


def by_class(evidence: Evidence) -> dict[str, dict[str, int]]:
    """Outcomes of every class."""
    classes = dict.fromkeys(call.priority for call in evidence.calls)
    return {one: counts(call for call in evidence.calls if call.priority == one) for one in classes}
