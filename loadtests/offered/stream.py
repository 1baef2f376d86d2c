"""One stream of requests: a tenant's, of one class, for one model, at a rate that changes over time.

Open loop: when a request is due depends on the seed alone, never on how earlier ones fared. A closed loop would
slow down with the gateway it measures, and could not keep a queue full.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

CLASSES = ("supervised", "conversation", "scheduled", "consolidation", "evaluation")
"""Priority classes, most urgent first."""

BYTES_PER_TOKEN = 4
FIXED_TOKENS = 7
"""What the simulator counts for a chat of one message besides its text."""

_FILLER = "the quick brown fox jumps over the lazy dog and runs on "


@dataclass(frozen=True, slots=True)
class Stream:
    """`steps` are (second, requests a second from then on); input and output are tokens as the simulator counts."""

    tenant: str
    priority: str
    model: str
    steps: tuple[tuple[float, float], ...]
    input_tokens: int = 60
    output_tokens: int = 16
    streaming: bool = False

    @property
    def name(self) -> str:
        """For locust's report: unique within a plan that keeps its streams apart by these."""
        kind = "stream" if self.streaming else "json"
        return f"{self.priority} {self.tenant} {self.model} {kind}"

    def arrivals(self, seconds: float, seed: int) -> Iterator[float]:
        """Seconds at which requests are due: a Poisson process, the same for the same seed."""
        draw = random.Random(f"{seed}/{self.name}")
        ends = [*(start for start, _ in self.steps[1:]), seconds]
        for (start, rate), end in zip(self.steps, ends, strict=True):
            at = start
            while rate > 0 and (at := at + draw.expovariate(rate)) < min(end, seconds):
                yield at

    def body(self, serial: int) -> str:
        """A chat request that costs exactly what the stream says, its prompt unlike the others'."""
        opening = f"[[sim:frames={self.output_tokens}]] request {serial}, {self.name}: "
        size = max(len(opening), (self.input_tokens - FIXED_TOKENS) * BYTES_PER_TOKEN)
        text = (opening + _FILLER * (size // len(_FILLER) + 1))[:size]
        asked: dict[str, object] = {
            "model": self.model,
            "max_tokens": self.output_tokens,
            "messages": [{"role": "user", "content": text}],
        }
        if self.streaming:
            asked["stream"] = True
        return json.dumps(asked)


def mixed(
    total: Sequence[tuple[float, float]],
    shares: Mapping[str, float],
    *,
    tenant: str = "one",
    model: str = "smart",
    input_tokens: int = 60,
    output_tokens: int = 16,
    streaming: bool = False,
) -> list[Stream]:
    """A total rate over time, parted between classes."""
    return [
        Stream(
            tenant,
            priority,
            model,
            tuple((at, rate * share) for at, rate in total),
            input_tokens,
            output_tokens,
            streaming,
        )
        for priority, share in shares.items()
    ]


#: Every class, in the proportions of `reference/pacing_sim.py`.
MIX = dict(zip(CLASSES, (0.1, 0.2, 0.3, 0.2, 0.2), strict=True))

#: Mostly the class that is not paced: only it can fill a minute's window within ten seconds.
UNPACED_MIX = dict(zip(CLASSES, (0.72, 0.1, 0.1, 0.04, 0.04), strict=True))
