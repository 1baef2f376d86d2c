"""Resident memory: idle, and with thousands of open streams whose readers do not read."""

from __future__ import annotations

import json
import time

from loadtests.figures import Figure, number, table
from loadtests.peers import Peer
from loadtests.process_cost import Memory, largest_own
from loadtests.scenario import Outcome, Stage, progress

STREAMS, STREAMS_QUICK = 2000, 500
HOLD_S = 5.0
SAMPLE_S = 0.2
MB = 1e6


def idle(gateway: Peer) -> Memory:
    """The worker right after the gateway became ready: taken before any load."""
    time.sleep(1.0)
    return largest_own(gateway.pid)


def run(stage: Stage, at_start: Memory) -> Outcome:
    """Memory before any load (`at_start`), now, at its highest with slow readers, and after they left."""
    before = largest_own(stage.gateway.pid)
    streams = STREAMS_QUICK if stage.quick else STREAMS
    progress(f"memory: {streams} open streams with slow readers")
    words = ["--port", str(stage.gateway.port), "--streams", str(streams), "--hold", str(HOLD_S)]
    crowd = stage.bench.spawn("loadtests.slow_readers", words)
    highest = before
    while crowd.poll() is None:
        now = largest_own(stage.gateway.pid)
        highest = max(highest, now, key=lambda one: one.rss)
        time.sleep(SAMPLE_S)
    out, _ = crowd.communicate()
    if crowd.returncode:
        raise RuntimeError(f"the slow readers ended with status {crowd.returncode}")
    report = json.loads(out)
    stage.bench.note(stage.gateway.name, report)
    after = largest_own(stage.gateway.pid)
    outcome = Outcome("Resident memory of the worker")
    moments = {
        "idle, after start": at_start,
        "idle, before these streams": before,
        f"{report['held']} streams, slow readers": highest,
        "after they left": after,
    }
    rows = [(name, number(one.rss / MB), number(one.pss / MB)) for name, one in moments.items()]
    outcome.tables.append(table(("moment", "RSS MB", "PSS MB"), rows))
    outcome.figures = [
        Figure("memory, idle worker", at_start.rss / MB, "MB", 60),
        # Fewer streams than promised say nothing about the promise: only the full crowd is judged.
        Figure(
            f"memory, {report['held']} slow streams",
            highest.rss / MB,
            "MB",
            250 if report["held"] == STREAMS else None,
        ),
    ]
    outcome.data = {
        "rss_bytes": {name: one.rss for name, one in moments.items()},
        "pss_bytes": {name: one.pss for name, one in moments.items()},
        "streams_held": report["held"],
        "streams_right": report["answers"],
        "seconds": report["seconds"],
    }
    return outcome
