"""Large requests: what 100 kB costs, and what a 10 MB body does to everyone else."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from loadtests import loop_lag
from loadtests.figures import Figure, number, table
from loadtests.gateway_peer import BULK_MODEL
from loadtests.measure import Round, Shape, middle
from loadtests.overhead_json import JUDGED_AT
from loadtests.peers import Peer
from loadtests.scenario import Outcome, Stage, progress

MEDIUM_BYTES = 100_000
MEDIUM_AT = 16
LARGE_BYTES = 10_000_000
LEAD_S = 0.5
"""The bodies pass for this long before and after the prober, so that all of its requests meet them."""


def run(stage: Stage) -> Outcome:
    """Both questions."""
    outcome = Outcome("Large request bodies")
    _medium(stage, outcome)
    _large(stage, outcome)
    return outcome


def _medium(stage: Stage, outcome: Outcome) -> None:
    shape = Shape(concurrency=MEDIUM_AT, seconds=stage.seconds, body_bytes=MEDIUM_BYTES)
    rounds: dict[str, list[Round]] = {stage.static.name: [], stage.gateway.name: []}
    small: list[Round] = []
    for turn in range(stage.rounds):
        small.append(stage.bench.run(stage.static, Shape(concurrency=JUDGED_AT, seconds=stage.seconds)))
        for peer in (stage.static, stage.gateway):
            got = stage.bench.run(peer, shape)
            rounds[peer.name].append(got)
            progress(f"100 kB bodies {turn + 1}/{stage.rounds} {peer.name:15}{got.cpu_us:6.0f} us CPU")
    mine, yardstick = rounds[stage.gateway.name], rounds[stage.static.name]
    cpu = middle(mine, "cpu_us")
    figures = (middle(mine, "rate"), cpu, middle(mine, "beside_us"), middle(yardstick, "cpu_us"))
    outcome.tables.append(
        table(("100 kB bodies", "req/s", "CPU us", "db us", "static us"), [("at 16", *map(number, figures))])
    )
    yard = middle(small, "cpu_us")
    outcome.figures.append(
        Figure(f"100 kB bodies, CPU per request at {MEDIUM_AT}", cpu, "us", 300, static_us=yard)
    )
    outcome.data["medium"] = {name: [asdict(one) for one in kept] for name, kept in rounds.items()}


def _large(stage: Stage, outcome: Outcome) -> None:
    """A prober at concurrency 1: alone, then while 10 MB bodies pass one after another.

    The bodies go to an upstream of their own. The same without the gateway shows how much of the delay is
    the load's core being busy with 10 MB rather than the gateway.
    """
    quiet: dict[str, list[Round]] = {}
    busy: dict[str, list[Round]] = {}
    lags: list[float] = []
    bodies = 0
    for turn in range(stage.rounds):
        for peer, bulk in ((stage.upstream, stage.bulk), (stage.gateway, stage.gateway)):
            alone = stage.bench.run(peer, Shape(seconds=stage.seconds))
            before = loop_lag.fetch(stage.admin_port, stage.admin_key)
            probed, report = _probe_while(stage, peer, bulk)
            after = loop_lag.fetch(stage.admin_port, stage.admin_key)
            quiet.setdefault(peer.name, []).append(alone)
            busy.setdefault(peer.name, []).append(probed)
            if peer is stage.gateway:
                bodies += report["answers"]
                lag = loop_lag.worst_between(before, after)
                lags += [] if lag is None else [lag * 1000]
            progress(
                f"10 MB bodies {turn + 1}/{stage.rounds} {peer.name:15} worst {probed.worst_us / 1000:.1f} ms"
                f" (alone {alone.worst_us / 1000:.1f} ms), {report['answers'] / report['seconds']:.0f} bodies/s"
            )
    rows = []
    for name in (stage.upstream.name, stage.gateway.name):
        for label, kept in (("alone", quiet[name]), ("beside 10 MB bodies", busy[name])):
            times = [middle(kept, figure) / 1000 for figure in ("p50_us", "p99_us", "worst_us")]
            rows.append((f"{name}, {label}", *map(number, times)))
    outcome.tables.append(table(("prober", "p50 ms", "p99 ms", "worst ms"), rows))
    mine, without = busy[stage.gateway.name], quiet[stage.gateway.name]
    for figure, word in (("p99_us", "p99"), ("worst_us", "worst")):
        added = max(0.0, (middle(mine, figure) - middle(without, figure)) / 1000)
        outcome.figures.append(Figure(f"10 MB bodies, {word} added to another caller", added, "ms", 20))
    if lags:
        outcome.figures.append(Figure("10 MB bodies, loop lag as the gateway sees it", max(lags), "ms", 20))
    outcome.data["large"] = {
        "quiet": {name: [asdict(one) for one in kept] for name, kept in quiet.items()},
        "busy": {name: [asdict(one) for one in kept] for name, kept in busy.items()},
        "bodies": bodies,
        "loop_lag_ms": lags,
    }


def _probe_while(stage: Stage, peer: Peer, bulk: Peer) -> tuple[Round, dict[str, Any]]:
    """The prober's round, and the report on the bodies that passed meanwhile."""
    shape = Shape(model=BULK_MODEL, seconds=stage.seconds + 2 * LEAD_S, body_bytes=LARGE_BYTES)
    generator = stage.bench.start(bulk, shape)
    try:
        time.sleep(LEAD_S)
        probed = stage.bench.run(peer, Shape(seconds=stage.seconds))
    except BaseException:
        generator.kill()
        generator.wait()
        raise
    report = stage.bench.finish(generator, shape)
    stage.bench.note(f"{bulk.name} (10 MB)", report)
    return probed, report
