"""Where the gateway's time goes: py-spy from outside, or pyinstrument from within."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from loadtests.figures import table
from loadtests.measure import Shape
from loadtests.peers import ROOT, Peer
from loadtests.process_cost import is_server_beside, tree
from loadtests.scenario import Stage, progress

SECONDS = 8.0
SAMPLES_PER_S = 500
TOP = 30
IDLE = ("wait (threading.py", "_worker (concurrent/futures/thread.py")
"""Threads that wait for work (the log's writer) look busy to py-spy and are left out."""
SHAPES = {
    "json": Shape(concurrency=64, seconds=SECONDS),
    "streams": Shape(concurrency=64, seconds=SECONDS, stream=True),
}


def py_spy() -> str | None:
    """Its path: beside this interpreter, or on PATH."""
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.exists() else shutil.which("py-spy")


def top_functions(collapsed: Iterable[str]) -> list[tuple[str, int, int]]:
    """(function, own samples, samples with what it calls), most own first, from `a;b;c 12` lines.

    Stacks that end in a thread's wait do not count.
    """
    own: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for line in collapsed:
        stack, _, count = line.rpartition(" ")
        if not stack:
            continue
        frames = stack.split(";")
        if any(idle in frames[-1] for idle in IDLE):
            continue
        own[frames[-1]] += int(count)
        for name in set(frames):
            total[name] += int(count)
    return [
        (name, own[name], total[name]) for name in sorted(total, key=lambda one: (-own[one], -total[one]))
    ]


def top_table(collapsed: str) -> str:
    """The functions that use most, in percent of all samples."""
    functions = top_functions(collapsed.splitlines())
    samples = sum(own for _, own, _ in functions) or 1
    rows = [(name, f"{own / samples:.1%}", f"{total / samples:.1%}") for name, own, total in functions[:TOP]]
    return table(("function", "own", "with callees"), rows)


def worker_pid(gateway: Peer) -> int:
    """The gateway's process that has used most CPU: the worker, under a supervisor or not."""
    own = {pid: one for pid, one in tree(gateway.pid).items() if not is_server_beside(one.name)}
    return max(own, key=lambda pid: own[pid].cpu)


def record(stage: Stage, folder: Path) -> str:
    """Profile JSON, and streams of the callers' own dialect, at concurrency 64; files into `folder`, the top lists
    returned."""
    program = py_spy()
    if program is None:
        return "py-spy is not installed (scripts/setup dev installs it)"
    said = []
    for name, shape in SHAPES.items():
        if shape.stream and stage.translated:
            continue
        progress(f"profiling {name} for {SECONDS:.0f} s")
        load = stage.bench.start(stage.gateway, shape)
        file = folder / f"profile-{name}.collapsed.txt"
        what = ["--pid", str(worker_pid(stage.gateway)), "--format", "raw", "--function"]
        how = ["--duration", str(int(SECONDS - 1)), "--rate", str(SAMPLES_PER_S), "--output", str(file)]
        done = subprocess.run(
            [program, "record", *what, *how],
            capture_output=True,
            text=True,
            check=False,
        )
        stage.bench.note(stage.gateway.name, stage.bench.finish(load, shape))
        if done.returncode or not file.exists():
            why = (done.stderr or done.stdout).strip()
            said.append(f"py-spy could not read the gateway (root or ptrace rights are needed): {why}")
        else:
            said.append(f"{name}, {shape.concurrency} at once, by py-spy:\n{top_table(file.read_text())}")
            said.append(f"for speedscope.app or flamegraph.pl: {shown(file)}")
    return "\n\n".join(said)


def pyinstrument_prefix(file: Path) -> tuple[str, ...]:
    """The modules that run the gateway under pyinstrument; it writes its report when the gateway ends."""
    return ("pyinstrument", "--renderer", "text", "--outfile", str(file))


def shown(file: Path) -> str:
    """A path as people in the checkout would type it."""
    return str(file.relative_to(ROOT)) if file.is_relative_to(ROOT) else str(file)
