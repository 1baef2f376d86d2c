"""The servers of a benchmark, each a process of its own pinned to a core."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parent.parent
READY_S = 90.0
"""How long a server may take to answer: the first start may unpack an embedded database."""
STOP_S = 20.0
LOG_TAIL = 2000


@dataclass(frozen=True, slots=True)
class Cores:
    """Where things run. On a machine of one core both are the same, and figures mean little."""

    gateway: int
    load: int

    @property
    def apart(self) -> bool:
        """Whether gateway and load do not disturb each other."""
        return self.gateway != self.load


def choose_cores() -> Cores:
    """The first and the last core this process may use."""
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(allowed[0], allowed[-1])


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs a module with this interpreter."""
    return [sys.executable, "-m", module, *arguments]


class Peer:
    """A server process: started on a core, waited for, stopped, its output kept in a file."""

    def __init__(
        self,
        name: str,
        command: list[str],
        *,
        core: int,
        port: int,
        log: Path,
        ready_path: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name, self.port, self.core = name, port, core
        self._command, self._log, self._ready_path = command, log, ready_path
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False

    @property
    def pid(self) -> int:
        """Of the process that was started, which may have children."""
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Peer:
        with self._log.open("wb") as log, self._log.with_suffix(".err").open("wb") as errors:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=errors,
            )
        # At once, so that every thread and child it makes later stays on the core.
        os.sched_setaffinity(self._process.pid, {self.core})
        try:
            self._wait_until(self._answers)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def kill(self) -> None:
        """SIGKILL, as part of what is tested: nothing to report when it is found gone later."""
        assert self._process is not None
        self._killed = True
        self._process.kill()
        self._process.wait()

    def require_alive(self) -> None:
        """RuntimeError when it has ended (status -15: someone sent it SIGTERM)."""
        assert self._process is not None
        if (status := self._process.poll()) is not None:
            raise RuntimeError(f"{self.name} ended by itself with status {status}:\n{self._said()}")

    def _answers(self) -> bool:
        if not self._ready_path:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        try:
            url = f"http://127.0.0.1:{self.port}{self._ready_path}"
            with urllib.request.urlopen(url, timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _wait_until(self, happened: Callable[[], bool]) -> None:
        assert self._process is not None
        end = time.monotonic() + READY_S
        while not happened():
            if (status := self._process.poll()) is not None:
                raise RuntimeError(f"{self._line()}\nended with status {status}:\n{self._said()}")
            if time.monotonic() > end:
                raise RuntimeError(f"{self._line()}\nwas not ready in {READY_S:.0f} s:\n{self._said()}")
            time.sleep(0.05)

    def _line(self) -> str:
        return f"{self.name}: {shlex.join(self._command)}"

    def _said(self) -> str:
        both = self._log.read_bytes()[-LOG_TAIL:] + self._log.with_suffix(".err").read_bytes()[-LOG_TAIL:]
        return both.decode("utf-8", "replace")

    def _stop(self) -> None:
        assert self._process is not None
        if (status := self._process.poll()) is not None:
            if self._killed:
                return
            # Said whatever else went wrong: it usually is the reason, and a signal leaves no log.
            print(f"{self.name} ended by itself, status {status}: {self._said()}", file=sys.stderr)
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
