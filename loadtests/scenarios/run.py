"""One run of a scenario, before and after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from loadtests.figures import Figure
from loadtests.judged.evidence import Evidence
from loadtests.judged.outcomes import by_class, counts
from loadtests.offered.saturation import lateness
from loadtests.offered.stream import Stream
from loadtests.world.disturbance import Disturbance
from loadtests.world.layout import Layout


@dataclass(frozen=True, slots=True)
class Run:
    """What is to be done and what must come of it."""

    name: str
    title: str
    layout: Layout
    streams: list[Stream]
    seconds: float
    since: float
    """When warming up is over."""
    judge: Callable[[Evidence], list[Figure]]
    disturbances: tuple[Disturbance, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it."""

    run: Run
    evidence: Evidence
    figures: list[Figure]
    saturation: str
    """Why no figure may be believed, or nothing."""
    locust: str
    """Locust's own report, a whole page."""

    @property
    def verdict(self) -> str:
        """`ok`, `MISSED`, `NOT MEASURED` or `SATURATED`, the worst of all."""
        if self.saturation:
            return "SATURATED"
        verdicts = {figure.verdict for figure in self.figures}
        if verdicts & {"MISSED", "near"}:
            return "MISSED"
        return "NOT MEASURED" if "NOT MEASURED" in verdicts else "ok"

    def as_json(self) -> dict[str, Any]:
        """For the summary: everything but the calls themselves."""
        evidence = self.evidence
        return {
            "name": self.run.name,
            "title": self.run.title,
            "verdict": self.verdict,
            "figures": [figure.as_json() for figure in self.figures],
            "seconds": evidence.seconds,
            "judged_from_s": evidence.since,
            "calls": len(evidence.calls),
            "outcomes": counts(evidence.calls),
            "outcomes_by_class": by_class(evidence),
            "events": [{"at_s": round(at, 2), "what": what} for at, what in evidence.events],
            "notes": evidence.notes,
            "generator": {
                "busiest_share_of_core": round(evidence.generator.busiest, 3),
                "late_p99_ms": round(lateness(evidence.calls) * 1000, 1),
                "saturated": self.saturation,
            },
            "layout": evidence.layout.as_json(),
        }
