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

BIN_S = 5.0


def plots(evidence: Evidence) -> list[str]:
    """All that show something, as SVG."""
    marks = [(evidence.since, "judged from here"), *evidence.events]

    def chart(title: str, unit: str, lines: dict[str, Points], bound: float | None = None) -> str:
        return line_chart(title, unit, lines, seconds=evidence.seconds, bound=bound, marks=marks)

    calls = evidence.calls
    local = [call for call in calls if call.overflow]
    made = [
        chart(
            "Asked for in the last 60 s, by key and dimension",
            "% of the ceiling",
            ceiling_lines(evidence),
            100,
        ),
        chart("Standing in line, by class", "requests", depth_lines(evidence)),
        chart("Wait of those served, p95 of 5 s, by class", "s", wait_lines(calls)),
        chart("Served, by tenant", "requests/s", rate_lines(_served(calls), lambda call: call.tenant)),
        chart("Served, by class", "requests/s", rate_lines(_served(calls), lambda call: call.priority)),
        chart("Provider 429s, by key", "requests/s", refusal_lines(evidence)),
        chart("Not served, by reason", "requests/s", rate_lines(_turned_away(calls), kind)),
    ]
    if local:
        made.append(chart("Overflow, by route", "requests/s", rate_lines(local, lambda call: call.model)))
    made.append(chart("The generator's own CPU", "% of a core", {"generator": generator_line(evidence)}, 85))
    return made


def ceiling_lines(evidence: Evidence) -> dict[str, Points]:
    """How full the last minute was, after each charge of a key and dimension; the highest of a half second."""
    made: dict[str, Points] = {}
    for key in evidence.layout.keys:
        for limit, ceiling in key.rates.items():
            charges = list(amounts(evidence.charges.get(key.id, ()), limit, refused=True))
            made[f"{key.id} {limit}"] = _thinned((at, held / ceiling * 100) for at, held in rolling(charges))
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


def wait_lines(calls: Iterable[Call]) -> dict[str, Points]:
    """Waits by the moment of dispatch."""
    waits: defaultdict[str, defaultdict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for call in calls:
        if call.dispatched is not None and call.queue_ms is not None:
            waits[call.priority][int(call.dispatched / BIN_S)].append(call.queue_ms / 1000)
    return {
        priority: [
            (at * BIN_S, percentile(sorted(waits[priority][at]), 95)) for at in sorted(waits[priority])
        ]
        for priority in CLASSES
        if priority in waits
    }


def rate_lines(calls: Iterable[Call], name: Callable[[Call], str]) -> dict[str, Points]:
    """Calls a second, by when they ended."""
    return _rates((call.done, name(call)) for call in calls if call.done is not None)


def refusal_lines(evidence: Evidence) -> dict[str, Points]:
    """Refusals by the providers' ceilings."""
    return _rates(
        (row.at, name) for name, rows in evidence.charges.items() for row in rows if row.kind == "refused"
    )


def generator_line(evidence: Evidence) -> Points:
    """Its share of a core."""
    return [(at, share * 100) for at, share in evidence.generator.cpu]


def _rates(happened: Iterable[tuple[float, str]]) -> dict[str, Points]:
    counted: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for at, name in happened:
        counted[name][int(at / BIN_S)] += 1
    last = max((max(bins) for bins in counted.values()), default=0)
    return {
        name: [(at * BIN_S, bins[at] / BIN_S) for at in range(last + 1)]
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
