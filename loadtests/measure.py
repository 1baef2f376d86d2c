"""One load on one server, and what it cost that server."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from loadtests import wrk
from loadtests.canned import REQUEST_BYTES, STREAM_FRAMES, request_body
from loadtests.generator import KEY_VARIABLE, LINGER_S
from loadtests.peers import ROOT, Peer, python
from loadtests.percentiles import median
from loadtests.process_cost import core_busy, cpu_time


@dataclass(frozen=True, slots=True)
class Shape:
    """What is sent: see `loadtests.generator` for the meaning of each."""

    model: str = "bench/static"
    concurrency: int = 1
    seconds: float = 3.0
    stream: bool = False
    frames: int = STREAM_FRAMES
    body_bytes: int = REQUEST_BYTES
    spread: float = 0.0


@dataclass(frozen=True, slots=True)
class Round:
    """One measured window. Rates per second, times in microseconds."""

    rate: float
    p50_us: float
    p99_us: float
    worst_us: float
    cpu_us: float
    """The server's own CPU per answer."""
    beside_us: float
    """CPU per answer of servers embedded beside it (the gateway's database)."""
    strangers: float
    """Share of the server's core that other programs used meanwhile: the noise of this window."""
    first_byte_us: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Bench:
    """How loads are run, and every fault they found."""

    key: str
    use_wrk: bool
    faults: dict[str, int] = field(default_factory=dict)

    def run(self, peer: Peer, shape: Shape) -> Round:
        """Apply the load and read the server's CPU time before and after."""
        busy_before, cpu_before = core_busy(peer.core), cpu_time(peer.pid)
        if self.use_wrk and not shape.stream:
            body = request_body(shape.model, size=shape.body_bytes)
            report = wrk.run(
                peer.port,
                body,
                concurrency=shape.concurrency,
                seconds=shape.seconds,
                frames=0,
                key=self.key,
            )
        else:
            report = self.finish(self.start(peer, shape), shape)
        cpu, busy = cpu_time(peer.pid).since(cpu_before), core_busy(peer.core) - busy_before
        self.note(peer.name, report)
        answers, seconds = max(1, report["answers"]), max(report["seconds"], 1e-9)
        return Round(
            rate=report["answers"] / seconds,
            p50_us=report["p50_us"],
            p99_us=report["p99_us"],
            worst_us=report["worst_us"],
            cpu_us=cpu.own / answers * 1e6,
            beside_us=cpu.beside / answers * 1e6,
            strangers=max(0.0, busy - cpu.own - cpu.beside) / seconds,
            first_byte_us=report["first_byte_us"],
        )

    def start(self, peer: Peer, shape: Shape) -> subprocess.Popen[str]:
        """Our own generator, on the core this process is on."""
        numbers = {
            "--port": peer.port,
            "--model": shape.model,
            "--concurrency": shape.concurrency,
            "--seconds": shape.seconds,
            "--body-bytes": shape.body_bytes,
            "--frames": shape.frames,
            "--spread": shape.spread,
        }
        words = [str(word) for pair in numbers.items() for word in pair]
        words += ["--stream"] if shape.stream else []
        return self.spawn("loadtests.generator", words)

    def spawn(self, module: str, words: Sequence[str]) -> subprocess.Popen[str]:
        """A generator process that holds the tenant key in its environment, not on its command line."""
        return subprocess.Popen(
            python(module, *words),
            cwd=ROOT,
            env={**os.environ, KEY_VARIABLE: self.key},
            stdout=subprocess.PIPE,
            text=True,
        )

    def finish(self, generator: subprocess.Popen[str], shape: Shape) -> dict[str, Any]:
        """Its report, when it is done."""
        try:
            out, _ = generator.communicate(timeout=shape.seconds + LINGER_S + 30)
        except subprocess.TimeoutExpired:
            generator.kill()
            generator.wait()
            raise
        if generator.returncode:
            raise RuntimeError(f"the load generator ended with status {generator.returncode}")
        report: dict[str, Any] = json.loads(out)
        return report

    def note(self, name: str, report: dict[str, Any]) -> None:
        """Remember the faults of a report under the server that gave them."""
        for fault, count in report["faults"].items():
            whole = f"{name}: {fault}"
            self.faults[whole] = self.faults.get(whole, 0) + count


def middle(rounds: Sequence[Round], name: str) -> float:
    """The median of one figure over rounds."""
    return median([getattr(one, name) for one in rounds])
