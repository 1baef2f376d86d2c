"""Watching a world while a load runs: the simulators' logs and the gateway's metrics, once a second."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from loadtests.world.charge_rows import ChargeReader

FAMILIES = ("gateway_queue_depth", "gateway_degraded", "gateway_overflow_total", "gateway_shed_total")
_SAMPLE = re.compile(rf"^((?:{'|'.join(FAMILIES)})(?:\{{.*\}})?)\s+(\S+)", re.MULTILINE)
STEP_S = 1.0


class Watched(Protocol):
    """A world, started here or elsewhere."""

    @property
    def sim_urls(self) -> dict[str, str]: ...

    def metrics(self) -> str: ...


@dataclass(slots=True)
class Sample:
    """The gateway's metrics at one moment, by family and labels; none while it does not answer."""

    at: float
    values: dict[str, float]


@dataclass(slots=True)
class Watch:
    """What was seen; `at` of samples is seconds since the load began."""

    readers: dict[str, ChargeReader]
    samples: list[Sample] = field(default_factory=list)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def look(self, world: Watched, began: float) -> None:
        """Once; two who look at the same time would read the same rows twice."""
        with self._turn:
            for reader in self.readers.values():
                reader.read()
        values = {name: float(value) for name, value in _SAMPLE.findall(world.metrics())}
        self.samples.append(Sample(time.monotonic() - began, values))


def watching(world: Watched, began: float, stop: threading.Event, tell: Callable[[Watch], None]) -> Watch:
    """Look once a second, in a thread, until told to stop; `tell` is called after each look."""
    watch = Watch({sim: ChargeReader(url) for sim, url in world.sim_urls.items()})

    def run() -> None:
        while not stop.wait(STEP_S):
            watch.look(world, began)
            tell(watch)

    threading.Thread(target=run, name="watch", daemon=True).start()
    return watch
