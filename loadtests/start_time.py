"""How long `kaze serve` takes until it is ready, everything embedded: the first time, and with its data there.

    kaze loadtest start-time [--rounds 3] [--user nobody [--python INTERPRETER]]

As root the database runs as nobody; `--user` has all of it run as a plain user, which only root can do, by an
interpreter that this user can reach. Tells the CPU that start and end took together, too, as that says more on a
busy machine. Exits 1 when a first start took more than 5 s or a later one more than 3 s.
"""

from __future__ import annotations

import argparse
import json
import os
import pwd
import resource
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from loadtests.peers import ROOT, free_port

FIRST_S, LATER_S = 5.0, 3.0
_PATIENCE_S = 60.0
_LOOK_S = 0.01


def seconds_to_ready(data_dir: Path, user: str | None, interpreter: str) -> float:
    """Of one start, which is ended again."""
    port, admin_port = free_port(), free_port()
    as_user: dict[str, Any] = {}
    if user is not None:
        account = pwd.getpwnam(user)
        as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    options = ["--port", str(port), "--admin-port", str(admin_port), "--data-dir", str(data_dir)]
    began = time.monotonic()
    process = subprocess.Popen(
        [interpreter, "-m", "gateway", "serve", *options], cwd=ROOT, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, env=_environment(data_dir.parent), **as_user,
    )  # fmt: skip
    try:
        while not _is_ready(port):
            if process.poll() is not None or time.monotonic() > began + _PATIENCE_S:
                raise RuntimeError(f"it did not become ready (status {process.poll()})")
            time.sleep(_LOOK_S)
        return time.monotonic() - began
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_PATIENCE_S)


def _environment(home: Path) -> dict[str, str]:
    """Bare, but for where our packages are: another interpreter finds them there, too."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": sysconfig.get_path("purelib")}


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _worked_s() -> float:
    """CPU of all children that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(rounds: int, user: str | None, interpreter: str) -> dict[str, list[tuple[float, float]]]:
    """Seconds and CPU seconds; each round with a data directory of its own."""
    found: dict[str, list[tuple[float, float]]] = {"first": [], "later": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="kz") as name:
            home = Path(name)
            home.chmod(0o711)
            if user is not None:
                os.chown(home, pwd.getpwnam(user).pw_uid, -1)
            for times in found.values():
                before = _worked_s()
                took = seconds_to_ready(home / "data", user, interpreter)
                times.append((took, _worked_s() - before))
    return found


def main(words: Sequence[str]) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(
        prog="kaze loadtest start-time",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--user", help="whom everything runs as; default: who runs this")
    parser.add_argument("--python", default=sys.executable, help="of the same version; default: this one")
    given = parser.parse_args(words)
    found = measured(given.rounds, given.user, given.python)
    said = {name: _told(times) for name, times in found.items()}
    print(json.dumps(said))
    return int(said["first"]["max_s"] > FIRST_S or said["later"]["max_s"] > LATER_S)


def _told(times: list[tuple[float, float]]) -> dict[str, float]:
    seconds, worked = [one for one, _ in times], [one for _, one in times]
    return {
        "median_s": round(median(seconds), 2),
        "max_s": round(max(seconds), 2),
        "cpu_s": round(median(worked), 2),
    }
