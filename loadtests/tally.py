"""What came of a load: counts, latencies and what went wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from loadtests.percentiles import percentile

EXAMPLES_MAX = 5
"""How many different faults are reported word for word."""


@dataclass(slots=True)
class Tally:
    """Answers of one load. Times in seconds, from the first byte of the request written."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    first_bytes: list[float] = field(default_factory=list)
    """Until the first byte of a body, for streams only."""
    faults: Counter[str] = field(default_factory=Counter)

    @property
    def answers(self) -> int:
        """Right answers; wrong ones are in `faults` only."""
        return len(self.latencies)

    def report(self) -> dict[str, Any]:
        """As JSON, times in microseconds: what a generator hands to the benchmark."""
        ordered = sorted(self.latencies)
        first = sorted(self.first_bytes)
        return {
            "answers": self.answers,
            "errors": self.faults.total(),
            "faults": dict(self.faults.most_common(EXAMPLES_MAX)),
            "seconds": self.seconds,
            "p50_us": percentile(ordered, 50) * 1e6,
            "p99_us": percentile(ordered, 99) * 1e6,
            "worst_us": (ordered[-1] if ordered else 0.0) * 1e6,
            "first_byte_us": [round(value * 1e6, 1) for value in first],
        }
