"""Streams and plain answers side by side, output tokens binding: ceilings hold and every stream is whole.

Providers charge output as they write it, over seconds. Room that is held for what is not written yet is not used:
answers that take 2.5 s hold about 3 % of a minute so, and more could be promised only by trusting in their pace.
"""

from __future__ import annotations

from collections.abc import Sequence

from loadtests.figures import Figure
from loadtests.judged.evidence import Evidence
from loadtests.judged.outcomes import failure_figure
from loadtests.judged.windows import kept, used
from loadtests.offered.stream import MIX, UNPACED_MIX, mixed
from loadtests.scenarios import command
from loadtests.scenarios.key_sets import ROOMY, WARM_UP_S, one_provider, tiers
from loadtests.scenarios.run import Run


def broken_streams(evidence: Evidence) -> Figure:
    """Streams that began and did not come to their proper end."""
    broken = sum(
        call.streaming and call.status == 200 and bool(call.error) and not call.refused
        for call in evidence.calls
    )
    return Figure("broken streams", broken, "", 0, tolerance=0)


def runs(ci: bool) -> list[Run]:
    """One case."""
    otpm, tokens, rate = (4800, 20, 40.0) if ci else (60_000, 100, 20.0)
    since, seconds = (0.0, 11.0) if ci else (WARM_UP_S, WARM_UP_S + 180)
    keys = tiers("tier", {**ROOMY, "otpm": otpm})
    names = [key.id for key in keys]
    shares = UNPACED_MIX if ci else MIX

    def judge(evidence: Evidence) -> list[Figure]:
        streams = sum(call.streaming and call.served for call in evidence.calls)
        return [
            *kept(evidence),
            used(evidence, names, "otpm", 95 if ci else 94, short=ci),
            broken_streams(evidence),
            Figure("whole streams", streams, ""),
            failure_figure(evidence.calls),
        ]

    streams = [
        *mixed(((0, rate / 2),), shares, output_tokens=tokens),
        *mixed(((0, rate / 2),), shares, output_tokens=tokens, streaming=True),
    ]
    layout = one_provider(keys, tokens_per_s=40.0)
    return [Run("mixed", "half of the requests stream", layout, streams, seconds, since, judge)]


def main(words: Sequence[str]) -> int:
    """The exit status."""
    return command.main("mixed-stream", __doc__, runs, words)
