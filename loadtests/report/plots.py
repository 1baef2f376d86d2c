"""The plots of a run: ceilings, the line, shares, refusals, overflow and the generator itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from loadtests.judged.classes import waiting_spans
from loadtests.judged.evidence import Evidence
from loadtests.judged.outcomes import kind
from loadtests.judged.windows import amounts, rolling
from loadtests.offered.call import Call
from loadtests.offered.stream import CLASSES
from loadtests.percentiles import percentile
from loadtests.report.svg import Points, line_chart

BIN_S, SHORT_BIN_S = 5.0, 1.0
SHORT_S = 30.0
"""Loads no longer than this are drawn by the second."""
IDLE = 0.02
"""Of a ceiling; dimensions that never used more are not drawn."""


def plots(evidence: Evidence) -> list[str]:
    """All that show something, as SVG."""
    marks = [(evidence.since, "judged from here"), *evidence.events]

    def chart(title: str, unit: str, lines: dict[str, Points], bound: float | None = None) -> str:
        return line_chart(title, unit, lines, seconds=evidence.seconds, bound=bound, marks=marks)

    calls = evidence.calls
    step = SHORT_BIN_S if evidence.seconds <= SHORT_S else BIN_S
    local = [call for call in calls if call.overflow]
    made = [
        chart(
            "Asked for in the last 60 s, by key and dimension",
            "% of the ceiling",
            ceiling_lines(evidence),
            100,
        ),
        chart("Standing in line, by class", "requests", depth_lines(evidence)),
        chart(f"Wait of those served, p95 of {step:g} s, by class", "s", wait_lines(calls, step)),
        chart("Served, by tenant", "requests/s", rate_lines(_served(calls), lambda call: call.tenant, step)),
        chart("Served, by class", "requests/s", rate_lines(_served(calls), lambda call: call.priority, step)),
        chart("Provider 429s, by key", "requests/s", refusal_lines(evidence, step)),
        chart("Not served, by reason", "requests/s", rate_lines(_turned_away(calls), kind, step)),
    ]
    if local:
        made.append(
            chart("Overflow, by route", "requests/s", rate_lines(local, lambda call: call.model, step))
        )
    made.append(chart("The generator's own CPU", "% of a core", {"generator": generator_line(evidence)}, 85))
    return made


def ceiling_lines(evidence: Evidence) -> dict[str, Points]:
    """How full the last minute was, after each charge of a key and dimension; the highest of a half second."""
    made: dict[str, Points] = {}
    for key in evidence.layout.keys:
        for limit, ceiling in key.rates.items():
            charges = list(amounts(evidence.charges.get(key.id, ()), limit, refused=True))
            line = _thinned((at, held / ceiling * 100) for at, held in rolling(charges))
            if max((share for _, share in line), default=0.0) >= IDLE * 100:
                made[f"{key.id} {limit}"] = line
    return made


def depth_lines(evidence: Evidence) -> dict[str, Points]:
    """How many stood in line, second by second."""
    made: dict[str, Points] = {}
    for priority in CLASSES:
        own = [call for call in evidence.calls if call.priority == priority]
        change: Counter[int] = Counter()
        for start, until in waiting_spans(own, evidence.seconds):
            change[int(start) + 1] += 1
            change[int(until) + 1] -= 1
        depth, line = 0, []
        for at in range(int(evidence.seconds) + 1):
            depth += change[at]
            line.append((float(at), float(depth)))
        if own:
            made[priority] = line
    return made


def wait_lines(calls: Iterable[Call], step: float) -> dict[str, Points]:
    """Waits by the moment of dispatch."""
    waits: defaultdict[str, defaultdict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for call in calls:
        if call.dispatched is not None and call.queue_ms is not None:
            waits[call.priority][int(call.dispatched / step)].append(call.queue_ms / 1000)
    return {
        priority: [(at * step, percentile(sorted(waits[priority][at]), 95)) for at in sorted(waits[priority])]
        for priority in CLASSES
        if priority in waits
    }


def rate_lines(calls: Iterable[Call], name: Callable[[Call], str], step: float) -> dict[str, Points]:
    """Calls a second, by when they ended."""
    return _rates(((call.done, name(call)) for call in calls if call.done is not None), step)


def refusal_lines(evidence: Evidence, step: float) -> dict[str, Points]:
    """Refusals by the providers' ceilings."""
    refused = (
        (row.at, name) for name, rows in evidence.charges.items() for row in rows if row.kind == "refused"
    )
    return _rates(refused, step)


def generator_line(evidence: Evidence) -> Points:
    """Its share of a core."""
    return [(at, share * 100) for at, share in evidence.generator.cpu]


def _rates(happened: Iterable[tuple[float, str]], step: float) -> dict[str, Points]:
    counted: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for at, name in happened:
        counted[name][int(at / step)] += 1
    last = max((max(bins) for bins in counted.values()), default=0)
    return {
        name: [(at * step, bins[at] / step) for at in range(last + 1)]
        for name, bins in sorted(counted.items())
    }


def _served(calls: Iterable[Call]) -> Iterable[Call]:
    return (call for call in calls if call.served)


def _turned_away(calls: Iterable[Call]) -> Iterable[Call]:
    return (call for call in calls if not call.served and not call.unfinished)


def _thinned(points: Iterable[tuple[float, float]], step: float = 0.5) -> Points:
    """The highest of every half second: a peak must not be lost."""
    highest: dict[int, tuple[float, float]] = {}
    for at, value in points:
        place = int(at / step)
        if place not in highest or value > highest[place][1]:
            highest[place] = (at, value)
    return list(highest.values())
