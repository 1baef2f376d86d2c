"""The simulator's own log of what its ceilings were asked for, read while it is written."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChargeRow:
    """`at` is the system's monotonic clock; kinds are those of `provider_sim/charge_log.py`."""

    at: float
    account: str
    kind: str
    requests: float
    input: float
    output: float
    tokens: float


class ChargeReader:
    """Reads on from where it was; a simulator that was started anew is read from its beginning."""

    def __init__(self, url: str) -> None:
        self._url, self._next, self._life = url, 0, ""
        self._offset: float | None = None
        self.rows: list[ChargeRow] = []
        self.lost = 0
        """Rows that were forgotten before they were read: 0, or nothing that is added up here is true."""

    def read(self) -> None:
        """Whatever is new; nothing while the simulator is away."""
        try:
            self._read()
        except (urllib.error.URLError, OSError, ValueError):
            return

    def _read(self) -> None:
        before = time.monotonic()
        with urllib.request.urlopen(f"{self._url}/sim/series?since={self._next}", timeout=5) as answer:
            made = json.load(answer)
        here = (before + time.monotonic()) / 2
        if made["life"] != self._life and self._life:
            self._next, self._offset, self._life = 0, None, ""
            self._read()
            return
        self._life = made["life"]
        # Taken once for each life of the simulator: later readings would only move its rows about.
        self._offset = here - made["now"] if self._offset is None else self._offset
        self.lost += made["lost"]
        self._next = made["next"]
        self.rows += [ChargeRow(at + self._offset, *rest) for at, *rest in made["rows"]]
