"""The command line that all scenarios share, and what becomes of their runs: report, summary, exit status."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from loadtests.figures import figure_table
from loadtests.judged.outcomes import counts
from loadtests.peers import ROOT, Cores, choose_cores
from loadtests.report.page import page
from loadtests.scenario import progress
from loadtests.scenarios.conduct import conduct
from loadtests.scenarios.run import Result, Run
from loadtests.world.elsewhere import Elsewhere, keys_from_environment, ports_of, write_configuration

OK, MISSED, USAGE, SATURATED, BROKEN = 0, 1, 2, 3, 4
RESULTS = ROOT / "loadtests" / "results"
EPILOG = """\
exit status: 0 every declared figure was met, 1 one was missed or not measured, 3 the generator could not keep up,
so that nothing was measured, 4 something that is needed does not stand
"""

RunsOf = Callable[[bool], list[Run]]
"""All runs of a scenario, in full or in the form for CI."""


def arguments(name: str, about: str, runs: RunsOf, words: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog=f"kaze loadtest {name}", description=about, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    cases = ", ".join(f"{run.name} ({run.seconds / 60:.1f} min)" for run in runs(False))
    parser.add_argument("--case", default="", help=f"only these, comma-separated: {cases}")
    parser.add_argument("--ci", action="store_true", help="a form of at most 20 s a case, same invariants")
    parser.add_argument("--seed", type=int, default=1, help="of the arrivals; default: %(default)s")
    parser.add_argument("--output", type=Path, default=None, help="folder of report.html and summary.json")
    parser.add_argument("--url", help="a gateway that runs already; tenants' keys come from the environment")
    parser.add_argument(
        "--sim-url", action="append", default=[], metavar="ID=URL",
        help="with --url: a simulator whose log may be read; without, ceilings are not judged",
    )  # fmt: skip
    parser.add_argument(
        "--admin-port", type=int, default=0, help="with --url: for metrics; key in KAZE_ADMIN_KEY"
    )
    parser.add_argument(
        "--prepare", type=Path, metavar="FOLDER", help="write the configuration of one case, start nothing"
    )
    given = parser.parse_args(words)
    given.runs = chosen(runs(given.ci), given.case, parser)
    given.output = (given.output or RESULTS / name).resolve()
    if (given.url or given.prepare) and len(given.runs) != 1:
        parser.error("--url and --prepare take one --case")
    return given


def chosen(runs: list[Run], wanted: str, parser: argparse.ArgumentParser) -> list[Run]:
    """The runs named, or all."""
    names = [name for name in wanted.split(",") if name]
    if unknown := set(names) - {run.name for run in runs}:
        parser.error(
            f"--case: unknown {', '.join(sorted(unknown))}; known: {', '.join(run.name for run in runs)}"
        )
    return [run for run in runs if run.name in names] if names else runs


def main(name: str, about: str, runs: RunsOf, words: Sequence[str]) -> int:
    """Run the scenario; the exit status."""
    given = arguments(name, about, runs, words)
    if given.prepare:
        print("\n".join(write_configuration(given.runs[0].layout, given.prepare)))
        return OK
    if find_spec("locust") is None:
        print("kaze loadtest needs locust: pip install 'kaze-gateway[loadtest]'", file=sys.stderr)
        return USAGE
    cores = choose_cores()
    # The generator inherits it: load and simulators on one core, the gateway and its ledger on the other.
    os.sched_setaffinity(0, {cores.load})
    results: list[Result] = []
    try:
        elsewhere = _elsewhere(given)
        for run in given.runs:
            results.append(conduct(run, given.seed, cores, elsewhere))
            _print(results[-1])
    except RuntimeError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return BROKEN
    finally:
        if results:
            _write(name, about, given, words, cores, results)
    return status(results, strangers=bool(given.url))


def status(results: Sequence[Result], *, strangers: bool) -> int:
    """The exit status; of a gateway elsewhere what could not be measured is not held against it."""
    verdicts = {result.verdict for result in results}
    if "SATURATED" in verdicts:
        return SATURATED
    return MISSED if verdicts - ({"ok", "NOT MEASURED"} if strangers else {"ok"}) else OK


def _elsewhere(given: argparse.Namespace) -> Elsewhere | None:
    if not given.url:
        return None
    layout = given.runs[0].layout
    sims = dict(one.split("=", 1) for one in given.sim_url)
    if unknown := set(sims) - set(ports_of(layout)):
        raise RuntimeError(f"--sim-url: no simulator {', '.join(sorted(unknown))} in this case")
    key = os.environ.get("KAZE_ADMIN_KEY", "")
    return Elsewhere(given.url.rstrip("/"), keys_from_environment(layout), sims, given.admin_port, key)


def _print(result: Result) -> None:
    print(f"\n{result.run.name}: {result.run.title}\n\n{figure_table(result.figures)}\n")
    print("calls: " + ", ".join(f"{count:,} {what}" for what, count in counts(result.evidence.calls).items()))
    if result.saturation:
        print(f"GENERATOR SATURATED, no figure holds: {result.saturation}")
    print(flush=True)


def conditions(cores: Cores, ci: bool, seed: int) -> dict[str, Any]:
    """Under which the figures were taken."""
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "gateway_core": cores.gateway,
        "load_core": cores.load,
        "load_average": os.getloadavg()[0],
        "form": "ci" if ci else "full",
        "seed": seed,
    }


def _write(
    name: str,
    about: str,
    given: argparse.Namespace,
    words: Sequence[str],
    cores: Cores,
    results: list[Result],
) -> None:
    folder: Path = given.output
    folder.mkdir(parents=True, exist_ok=True)
    command = shlex.join(["kaze", "loadtest", name, *words])
    under = conditions(cores, given.ci, given.seed)
    summary = {
        "scenario": name,
        "command": command,
        "conditions": under,
        "status": status(results, strangers=bool(given.url)),
        "runs": [result.as_json() for result in results],
    }
    (folder / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    title = f"{name}: {about.strip().splitlines()[0]}"
    (folder / "report.html").write_text(page(title, command, under, results))
    progress(f"written to {folder}/report.html and summary.json")
