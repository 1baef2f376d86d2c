"""JSON answers: how many, how much later than without the gateway, at what CPU."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from typing import NamedTuple

from loadtests import ledger_use, loop_lag
from loadtests.figures import Figure, number, table
from loadtests.ledger_use import LedgerUse
from loadtests.measure import Round, Shape, middle
from loadtests.percentiles import median
from loadtests.scenario import CONCURRENCIES, Outcome, Stage, progress

JUDGED_AT = 64
"""The concurrency at which CPU and rates are promised."""


class Promise(NamedTuple):
    """What a request may cost, with so much of the gateway on."""

    cpu_us: float
    ratio: float
    added_ms: float | None


def _promise(stage: Stage) -> Promise:
    if stage.translated:
        return Promise(150, 6.5, None)
    if stage.database:
        return Promise(83, 3.6, 0.15)
    return Promise(75, 3.3, 0.14) if stage.limits else Promise(65, 2.8, 0.12)


def run(stage: Stage) -> Outcome:
    """Interleave direct, yardstick and gateway, at every concurrency, in every round."""
    peers = (stage.upstream, stage.static, stage.gateway)
    rounds: dict[tuple[str, int], list[Round]] = defaultdict(list)
    uses: list[tuple[LedgerUse, float]] = []
    for turn in range(stage.rounds):
        for concurrency in CONCURRENCIES:
            for peer in peers:
                shape = Shape(concurrency=concurrency, seconds=stage.seconds)
                asked = peer is stage.gateway and concurrency == JUDGED_AT and stage.limits == "embedded"
                before = _ledger_use(stage) if asked else None
                got = stage.bench.run(peer, shape)
                if before is not None:
                    uses.append((_ledger_use(stage).since(before), got.rate * stage.seconds))
                rounds[peer.name, concurrency].append(got)
                progress(
                    f"json {turn + 1}/{stage.rounds} at {concurrency:3} {peer.name:15}"
                    f"{got.rate:8,.0f}/s {got.cpu_us:6.1f} us CPU, p50 {got.p50_us / 1000:.2f} ms"
                )
    outcome = _outcome(stage, rounds)
    outcome.figures += _ledger_figures(uses)
    return outcome


def _ledger_use(stage: Stage) -> LedgerUse:
    return ledger_use.read(loop_lag.fetch(stage.admin_port, stage.admin_key))


def _ledger_figures(uses: list[tuple[LedgerUse, float]]) -> list[Figure]:
    """Of each round what the ledger was asked, and how many answers there were."""
    if not uses:
        return []
    calls = median([use.calls / max(1.0, answers) for use, answers in uses])
    hits = median([100 * use.hit_share for use, _ in uses])
    return [
        Figure(f"JSON, ledger calls per request at {JUDGED_AT}", calls, "calls", 0.05, tolerance=0.0),
        Figure(f"JSON, leases in hand at {JUDGED_AT}", hits, "%", 95, at_least=True, tolerance=0.0),
    ]


def _outcome(stage: Stage, rounds: dict[tuple[str, int], list[Round]]) -> Outcome:
    direct, static, gateway = stage.upstream.name, stage.static.name, stage.gateway.name
    outcome = Outcome("JSON answers (481 B request, 712 B answer)")
    pace = middle(rounds[static, JUDGED_AT], "cpu_us")
    promise = _promise(stage)
    rows = []
    for at in CONCURRENCIES:
        mine, bare, yardstick = rounds[gateway, at], rounds[direct, at], rounds[static, at]
        added50 = (middle(mine, "p50_us") - middle(bare, "p50_us")) / 1000
        added99 = (middle(mine, "p99_us") - middle(bare, "p99_us")) / 1000
        cpu, yard = middle(mine, "cpu_us"), middle(yardstick, "cpu_us")
        ratio = cpu / yard if yard else 0.0
        rate = middle(mine, "rate")
        rates = (rate, middle(bare, "rate"), middle(yardstick, "rate"))
        costs = (cpu, middle(mine, "beside_us"), yard, ratio)
        noise = f"{middle(mine, 'strangers'):.0%}"
        rows.append((str(at), *map(number, (*rates, added50, added99, *costs)), noise))
        if at == 1:
            outcome.figures.append(
                Figure("JSON, added p50 at 1", added50, "ms", promise.added_ms, static_us=pace)
            )
            alone = (middle(yardstick, "p50_us") - middle(bare, "p50_us")) / 1000
            outcome.figures.append(Figure("JSON, p50 a static answer adds at 1", alone, "ms"))
        if at == JUDGED_AT:
            outcome.figures += [
                Figure(f"JSON, CPU per request at {at}", cpu, "us", promise.cpu_us, static_us=yard),
                Figure(f"JSON, CPU ratio to a static answer at {at}", ratio, "x", promise.ratio),
                Figure(f"JSON, requests at {at}", rate, "/s", 15_000, at_least=True, static_us=yard),
            ]
    header = ("at once", "req/s", "direct", "static", "+p50 ms", "+p99 ms", "CPU us", "db us", "static us")
    outcome.tables.append(table((*header, "ratio", "noise"), rows))
    outcome.data = {f"{name}@{at}": [asdict(one) for one in kept] for (name, at), kept in rounds.items()}
    return outcome
