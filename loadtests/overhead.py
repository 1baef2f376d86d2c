"""What it costs to have the gateway in the way.

One core carries the gateway with everything on (key check, metrics, request log), another
the static upstream and the load generator. Every figure is the median of rounds in which direct, yardstick
(a static answer of the same uvicorn) and gateway take turns. Run it on an otherwise idle machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from loadtests import (
    overhead_bodies,
    overhead_json,
    overhead_memory,
    overhead_streams,
    profiling,
    wrk,
)
from loadtests.figures import TOLERANCE, figure_table
from loadtests.gateway_peer import GatewayPlan
from loadtests.measure import Bench, Shape
from loadtests.peers import ROOT, Cores, Peer, choose_cores, free_port, python
from loadtests.process_cost import Memory
from loadtests.scenario import Outcome, Stage, progress
from loadtests.slow_readers import allow_many_files

SCENARIOS = ("json", "streams", "memory", "bodies")
RESULTS = ROOT / "loadtests" / "results" / "overhead.json"
WARM_UP_S = 1.0


def arguments(words: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/load overhead",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Exit status: 0, or 1 when any answer was wrong, or with --assert when a figure missed its\n"
        f"target by more than {TOLERANCE:.0%}.",
    )
    parser.add_argument("--only", help=f"of {','.join(SCENARIOS)} (default: all); comma-separated; or none")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument(
        "--duration", type=float, default=3.0, help="seconds a load lasts; default: %(default)s"
    )
    parser.add_argument(
        "--limits",
        nargs="?",
        const="memory",
        choices=("memory", "embedded"),
        help="limits on every dimension, none reached, kept in the gateway's memory or in a Valkey beside it",
    )
    parser.add_argument(
        "--database",
        action="store_true",
        help="with a budget, prices and usage records, in a PostgreSQL beside it",
    )
    parser.add_argument(
        "--translated",
        action="store_true",
        help="before a provider that speaks Anthropic's dialect: JSON only",
    )
    parser.add_argument("--quick", action="store_true", help="one round of 1 s loads, 500 open streams")
    parser.add_argument("--own-generator", action="store_true", help="do not use wrk for JSON")
    parser.add_argument("--assert", action="store_true", dest="asserted", help="fail when a target is missed")
    parser.add_argument(
        "--profile",
        nargs="?",
        const="py-spy",
        choices=("py-spy", "pyinstrument"),
        help="show where the time goes, after the scenarios (--only none: instead of them)",
    )
    parser.add_argument("--output", type=Path, default=RESULTS, help="JSON results; default: %(default)s")
    parser.add_argument(
        "--gateway-command",
        default="",
        help="measure something else; {config} {port} {admin_port} {data_dir} {upstream} are filled in",
    )
    given = parser.parse_args(words)
    usual = ["json"] if given.translated else list(SCENARIOS)
    given.only = usual if given.only is None else [] if given.only == "none" else given.only.split(",")
    if unknown := set(given.only) - set(SCENARIOS):
        parser.error(f"--only: unknown {', '.join(sorted(unknown))}; known: {', '.join(SCENARIOS)}, none")
    if given.translated and (others := [name for name in given.only if name != "json"]):
        parser.error(f"--only: --translated measures json alone, not {', '.join(others)}")
    if given.quick:
        given.rounds, given.duration = 1, 1.0
    return given


@contextmanager
def servers(given: argparse.Namespace, cores: Cores, folder: Path) -> Iterator[tuple[Stage, Memory]]:
    """All servers up, the gateway's idle memory read before anything is asked of it, and warmed up."""
    with ExitStack() as stack:

        def up(name: str, module: str, core: int, *words: str) -> Peer:
            port = free_port()
            command = python(module, "--port", str(port), *words)
            return stack.enter_context(Peer(name, command, core=core, port=port, log=folder / f"{name}.log"))

        dialect = "anthropic" if given.translated else "openai"
        upstream = up("direct", "loadtests.static_upstream", cores.load, "--dialect", dialect)
        bulk = up("bulk", "loadtests.static_upstream", cores.load)
        static = up("static", "loadtests.static_answer", cores.gateway)
        plan = GatewayPlan(
            folder,
            upstream.port,
            bulk.port,
            given.gateway_command,
            cores.gateway,
            given.limits,
            given.database,
            dialect,
        )
        within = given.profile == "pyinstrument"
        prefix = profiling.pyinstrument_prefix(given.output.parent / "profile.txt") if within else ()
        gateway, admin_port = plan.peer(prefix)
        progress("starting the gateway")
        stack.enter_context(gateway)
        at_start = overhead_memory.idle(gateway)
        use_wrk = wrk.installed() and not given.own_generator
        stage = Stage(
            bench=Bench(plan.tenant_key, use_wrk),
            upstream=upstream,
            bulk=bulk,
            static=static,
            gateway=gateway,
            admin_port=admin_port,
            admin_key=plan.admin_key,
            rounds=given.rounds,
            seconds=given.duration,
            quick=given.quick,
            limits=given.limits,
            database=given.database,
            translated=given.translated,
        )
        for peer in (upstream, static, gateway):
            stage.bench.run(peer, Shape(concurrency=16, seconds=WARM_UP_S))
        yield stage, at_start


def measured(stage: Stage, at_start: Memory, names: list[str]) -> list[Outcome]:
    """The chosen scenarios, each printed as soon as it is done."""
    scenarios = {
        "json": lambda: overhead_json.run(stage),
        "streams": lambda: overhead_streams.run(stage),
        "memory": lambda: overhead_memory.run(stage, at_start),
        "bodies": lambda: overhead_bodies.run(stage),
    }
    outcomes = []
    for name in names:
        outcome = scenarios[name]()
        for peer in (stage.upstream, stage.bulk, stage.static, stage.gateway):
            peer.require_alive()
        print(f"\n{outcome.title}\n" + "\n".join(outcome.tables), flush=True)
        outcomes.append(outcome)
    return outcomes


def conditions(given: argparse.Namespace, cores: Cores, use_wrk: bool) -> dict[str, Any]:
    """Under which the figures were taken."""
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "gateway_core": cores.gateway,
        "load_core": cores.load,
        "rounds": given.rounds,
        "seconds": given.duration,
        "json_generator": "wrk" if use_wrk else "loadtests.generator",
        "gateway_command": given.gateway_command or "python -m gateway serve",
        "limits": given.limits or "none",
        "database": given.database,
        "translated": given.translated,
        "load_average": os.getloadavg()[0],
    }


def _announce(given: argparse.Namespace, cores: Cores, use_wrk: bool) -> None:
    print(
        f"gateway and yardstick on core {cores.gateway}, upstream and generator on core {cores.load}; "
        f"medians of {given.rounds} rounds of {given.duration:g} s; JSON by {'wrk' if use_wrk else 'our generator'}"
        ", streams by our generator",
        flush=True,
    )
    if not cores.apart:
        print(
            "THIS MACHINE HAS ONE CORE: gateway and load share it; only CPU figures mean anything", flush=True
        )
    if given.profile == "pyinstrument":
        print("UNDER PYINSTRUMENT: figures include the profiler", flush=True)


def main(words: list[str] | None = None) -> int:
    """Run, print, write the JSON; the exit status."""
    given = arguments(words)
    cores = choose_cores()
    os.sched_setaffinity(0, {cores.load})
    allow_many_files()
    given.output = given.output.resolve()
    given.output.parent.mkdir(parents=True, exist_ok=True)
    use_wrk = wrk.installed() and not given.own_generator
    _announce(given, cores, use_wrk)
    under = conditions(given, cores, use_wrk)
    folder = Path(tempfile.mkdtemp(prefix="kaze-overhead-"))
    faults: dict[str, int] = {}
    try:
        with servers(given, cores, folder) as (stage, at_start):
            faults = stage.bench.faults
            outcomes = measured(stage, at_start, given.only)
            if given.profile == "py-spy":
                print("\n" + profiling.record(stage, given.output.parent), flush=True)
    except RuntimeError as error:
        _tell_faults(faults)
        print(f"overhead: {error}\n(output of all servers is kept in {folder})", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    if given.profile == "pyinstrument":
        print((given.output.parent / "profile.txt").read_text())
    return _conclude(given, under, outcomes, faults)


def _tell_faults(faults: dict[str, int]) -> None:
    for fault, count in faults.items():
        print(f"WRONG ANSWERS: {count:,} x {fault}", flush=True)


def _conclude(
    given: argparse.Namespace, under: dict[str, Any], outcomes: list[Outcome], faults: dict[str, int]
) -> int:
    figures = [figure for outcome in outcomes for figure in outcome.figures]
    if figures:
        print("\n" + figure_table(figures))
    _tell_faults(faults)
    if outcomes:
        result = {
            "conditions": under,
            "figures": [figure.as_json() for figure in figures],
            "errors": faults,
            "scenarios": {name: outcome.data for name, outcome in zip(given.only, outcomes, strict=True)},
        }
        given.output.write_text(json.dumps(result, indent=1) + "\n")
        print(f"\nwritten to {profiling.shown(given.output)}")
    missed = given.asserted and any(figure.verdict == "MISSED" for figure in figures)
    return 1 if faults or missed else 0


if __name__ == "__main__":
    sys.exit(main())
