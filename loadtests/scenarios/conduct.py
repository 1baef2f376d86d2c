"""Conducting a run: the world stands, the generator offers, disturbances befall, and all of it is noted down."""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtests.judged.evidence import Evidence, by_key
from loadtests.judged.windows import amounts
from loadtests.offered.call import read_calls
from loadtests.offered.plan import LoadPlan
from loadtests.offered.saturation import GeneratorReport, saturated
from loadtests.peers import ROOT, Cores, python
from loadtests.scenario import progress
from loadtests.scenarios.run import Result, Run
from loadtests.world.disturbance import disturb
from loadtests.world.elsewhere import Elsewhere
from loadtests.world.standing import Standing, standing
from loadtests.world.watch import Watch, watching

TELL_EVERY = 5
"""Seconds between words on how it goes."""
FINISH_S = 60.0
"""For the generator to write everything down."""


@dataclass(slots=True)
class Teller:
    """Says every few seconds how full ceilings are and what was refused."""

    run: Run
    began: float
    looks: int = 0

    def tell(self, watch: Watch) -> None:
        """After each look."""
        self.looks += 1
        if self.looks % TELL_EVERY or not watch.samples:
            return
        if not watch.readers:
            progress(f"{watch.samples[-1].at:4.0f} s of {self.run.seconds:.0f}")
            return
        rows = by_key(
            self.run.layout, [row for reader in watch.readers.values() for row in reader.rows], self.began
        )
        at = watch.samples[-1].at
        parts = []
        for key in self.run.layout.keys:
            recent = [row for row in rows[key.id] if row.at > at - 60]
            full = {
                name: sum(amount for _, amount in amounts(recent, name, refused=True)) / limit
                for name, limit in key.rates.items()
            }
            if full:
                name = max(full, key=lambda one: full[one])
                parts.append(f"{key.id} {name} {full[name]:.0%}")
        refused = sum(row.kind == "refused" for one in rows.values() for row in one)
        progress(f"{at:4.0f} s of {self.run.seconds:.0f}: {', '.join(parts)}; provider 429s: {refused}")


def conduct(run: Run, seed: int, cores: Cores, elsewhere: Elsewhere | None) -> Result:
    """The whole run. RuntimeError when something that is needed does not stand."""
    with tempfile.TemporaryDirectory(prefix=f"kaze-load-{run.name}-") as name:
        folder = Path(name)
        if elsewhere is not None:
            return _offer(run, elsewhere, None, folder, seed)
        progress(
            f"{run.name}: starting {len(run.layout.sims)} simulator(s) and {run.layout.workers} worker(s)"
        )
        with standing(run.layout, folder, cores) as world:
            return _offer(run, world, world, folder, seed)


@contextmanager
def generator(folder: Path) -> Iterator[tuple[subprocess.Popen[str], float]]:
    """The process that offers the load, on the core this process is on, and when its load begins."""
    with (folder / "generator.err").open("w") as errors:
        process = subprocess.Popen(
            python("loadtests.offered.users", str(folder / "plan.json"), str(folder)),
            cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, text=True,
        )  # fmt: skip
    assert process.stdout is not None
    try:
        word, _, number = process.stdout.readline().partition(" ")
        if word != "began":
            process.wait(FINISH_S)
            raise RuntimeError(
                f"the generator did not begin: {(folder / 'generator.err').read_text()[-2000:]}"
            )
        yield process, float(number)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


def _offer(run: Run, world: Standing | Elsewhere, own: Standing | None, folder: Path, seed: int) -> Result:
    plan = LoadPlan(world.url, run.seconds, run.streams, world.tenant_keys, seed)
    plan.write(folder / "plan.json")
    events: list[tuple[float, str]] = []
    stop = threading.Event()
    with generator(folder) as (process, began):
        watch = watching(world, began, stop, Teller(run, began).tell)
        if own is not None:
            disturb(own, began, run.disturbances, events)
        try:
            status = process.wait(run.seconds + FINISH_S)
        finally:
            stop.set()
    if status:
        raise RuntimeError(
            f"the generator ended with status {status}: {(folder / 'generator.err').read_text()[-2000:]}"
        )
    watch.look(world, began)
    if own is not None:
        own.peers["gateway"].require_alive()
    return _result(run, folder, watch, began, events, left_out=own is None and bool(run.disturbances))


def _result(
    run: Run, folder: Path, watch: Watch, began: float, events: list[tuple[float, str]], left_out: bool
) -> Result:
    rows = [row for reader in watch.readers.values() for row in reader.rows]
    keys = {key.id for sim in run.layout.sims if sim.id in watch.readers for key in sim.keys}
    charges = {name: one for name, one in by_key(run.layout, rows, began).items() if name in keys}
    evidence = Evidence(
        run.layout, run.seconds, run.since, read_calls(folder / "calls.ndjson"), charges, watch.samples, events,
        GeneratorReport.read(folder / "generator.json"),
        sum(reader.lost for reader in watch.readers.values()),
        ["Nothing was disturbed: the processes are not ours."] if left_out else [],
    )  # fmt: skip
    report = (folder / "locust.html").read_text()
    return Result(run, evidence, run.judge(evidence), saturated(evidence.generator, evidence.calls), report)
