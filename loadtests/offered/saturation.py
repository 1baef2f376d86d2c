"""Could the generator keep up? If it could not, what was measured is the generator.

Two signs: it had the processor nearly all the time, or it sent requests later than they were due, which also shows
a core that others took away.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from loadtests.offered.call import Call
from loadtests.percentiles import percentile

CPU_MOST = 0.85
"""Of one core, averaged over `SPAN` samples of a second."""
SPAN = 5
LATE_MOST_S = 0.1
"""For 99 of 100 requests."""


@dataclass(frozen=True, slots=True)
class GeneratorReport:
    """What the generator says of itself; `began` is the system's monotonic clock."""

    began: float
    cpu: list[tuple[float, float]]
    """(second of the load, share of a core over the second before)."""

    def write(self, file: Path) -> None:
        """For the scenario."""
        file.write_text(json.dumps(asdict(self)))

    @staticmethod
    def read(file: Path) -> GeneratorReport:
        """As written."""
        made = json.loads(file.read_text())
        return GeneratorReport(made["began"], [(at, share) for at, share in made["cpu"]])

    @property
    def busiest(self) -> float:
        """The highest average over `SPAN` seconds; of a shorter load, over all of it."""
        shares = [share for _, share in self.cpu]
        spans = [shares[at : at + SPAN] for at in range(max(1, len(shares) - SPAN + 1))]
        return max((sum(span) / len(span) for span in spans if span), default=0.0)


def lateness(calls: Sequence[Call]) -> float:
    """Seconds by which 99 of 100 requests were late at most."""
    return percentile(sorted(call.sent - call.due for call in calls), 99)


def saturated(report: GeneratorReport, calls: Sequence[Call]) -> str:
    """Why no figure of this run may be believed, or nothing."""
    if report.busiest > CPU_MOST:
        return f"the generator used {report.busiest:.0%} of its core"
    late = lateness(calls)
    if late > LATE_MOST_S:
        return f"one request in a hundred was sent {late * 1000:.0f} ms late or more"
    return ""
