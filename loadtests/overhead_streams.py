"""Streams: as fast as they go (rate and CPU), and paced like a model's (time to first byte)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from typing import Any

from loadtests.figures import Figure, number, table
from loadtests.gateway_peer import MODEL
from loadtests.measure import Round, Shape, middle
from loadtests.percentiles import percentile
from loadtests.scenario import CONCURRENCIES, Outcome, Stage, progress

JUDGED_AT = 64
JOINED = 10
"""Frames a write in the row that shows what the gateway does when the upstream is not the bottleneck:
50 writes of their own cost the upstream's core more than the whole stream costs the gateway's."""
PACED_AT = (8, 64)
FIRST_MS, GAP_MS = 50, 20
PACED_SPREAD_S = 1.0


def run(stage: Stage) -> Outcome:
    """Fast streams at every concurrency, then paced ones."""
    outcome = Outcome("Streams (50 frames of about 200 B)")
    _fast(stage, outcome)
    _paced(stage, outcome)
    return outcome


def _fast(stage: Stage, outcome: Outcome) -> None:
    rounds: dict[tuple[str, str], list[Round]] = defaultdict(list)
    cases = [(str(at), Shape(MODEL, at, stage.seconds, stream=True)) for at in CONCURRENCIES]
    joined = Shape(f"{MODEL}-w{JOINED}", JUDGED_AT, stage.seconds, stream=True)
    cases.append((f"{JUDGED_AT}, {JOINED} a write", joined))
    yardstick: list[Round] = []
    for turn in range(stage.rounds):
        yardstick.append(stage.bench.run(stage.static, Shape(concurrency=JUDGED_AT, seconds=stage.seconds)))
        for label, shape in cases:
            for peer in (stage.upstream, stage.gateway):
                got = stage.bench.run(peer, shape)
                rounds[peer.name, label].append(got)
                progress(
                    f"streams {turn + 1}/{stage.rounds} at {label:14} {peer.name:15}"
                    f"{got.rate:7,.0f}/s {got.cpu_us:6.0f} us CPU, p50 {got.p50_us / 1000:.2f} ms"
                )
    yard = middle(yardstick, "cpu_us")
    rows = []
    for label, _ in cases:
        mine, bare = rounds[stage.gateway.name, label], rounds[stage.upstream.name, label]
        rate, cpu = middle(mine, "rate"), middle(mine, "cpu_us")
        ratio = cpu / yard if yard else 0.0
        added = [(middle(mine, name) - middle(bare, name)) / 1000 for name in ("p50_us", "p99_us")]
        busy = rate * (cpu + middle(mine, "beside_us")) / 1e6
        figures = (rate, middle(bare, "rate"), *added, cpu, middle(mine, "beside_us"), ratio)
        rows.append((label, *map(number, figures), f"{busy:.0%}", f"{middle(mine, 'strangers'):.0%}"))
        if label == str(JUDGED_AT):
            outcome.figures += [
                Figure(f"streams, CPU per stream at {label}", cpu, "us", 190, static_us=yard),
                Figure(f"streams, CPU ratio to a static answer at {label}", ratio, "x", 8),
                Figure(f"streams at {label}", rate, "/s", 4_500, at_least=True, static_us=yard),
            ]
    header = (
        "at once",
        "streams/s",
        "direct",
        "+p50 ms",
        "+p99 ms",
        "CPU us",
        "db us",
        "ratio",
        "core",
        "noise",
    )
    outcome.tables.append(table(header, rows))
    outcome.tables.append(
        "core: how busy the gateway's core was; below about 95 % the upstream or the generator was the limit,\n"
        "and streams/s is a lower bound."
    )
    outcome.data["static"] = [asdict(one) for one in yardstick]
    for (name, label), kept in rounds.items():
        outcome.data[f"{name}@{label}"] = [_without_samples(one) for one in kept]


def _without_samples(one: Round) -> dict[str, Any]:
    data = asdict(one)
    data["first_byte_p50_us"] = percentile(one.first_byte_us, 50)
    data["first_byte_p99_us"] = percentile(one.first_byte_us, 99)
    del data["first_byte_us"]
    return data


def _paced(stage: Stage, outcome: Outcome) -> None:
    rows = []
    model = f"{MODEL}-d{FIRST_MS}-g{GAP_MS}"
    for at in PACED_AT:
        # All rounds' samples together: one round of 8 callers is too few for a 99th percentile.
        first: dict[str, list[float]] = defaultdict(list)
        cpu: list[Round] = []
        for turn in range(stage.rounds):
            shape = Shape(model, at, max(2.0, stage.seconds), stream=True, spread=PACED_SPREAD_S)
            for peer in (stage.upstream, stage.gateway):
                got = stage.bench.run(peer, shape)
                first[peer.name] += got.first_byte_us
                if peer is stage.gateway:
                    cpu.append(got)
                progress(
                    f"paced streams {turn + 1}/{stage.rounds} at {at:2} {peer.name:15}"
                    f"first byte p50 {percentile(got.first_byte_us, 50) / 1000:.2f} ms"
                )
        bare, mine = sorted(first[stage.upstream.name]), sorted(first[stage.gateway.name])
        added50, added99 = ((percentile(mine, p) - percentile(bare, p)) / 1000 for p in (50, 99))
        rows.append((str(at), str(len(mine)), *map(number, (added50, added99, middle(cpu, "cpu_us")))))
        outcome.figures.append(Figure(f"paced streams, added first byte p50 at {at}", added50, "ms", 1.0))
        outcome.data[f"paced@{at}"] = {"direct_first_byte_us": bare, "gateway_first_byte_us": mine}
    outcome.tables.append(f"\npaced: first byte after {FIRST_MS} ms, a frame every {GAP_MS} ms")
    header = ("at once", "streams", "+first byte p50 ms", "+p99 ms", "CPU us/stream")
    outcome.tables.append(table(header, rows))
