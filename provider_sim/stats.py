"""What happened, per credential: the truth a gateway's own figures are compared with."""

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from provider_sim.message import Request

RECORDED_REQUESTS = 256
RECORDED_BODY_BYTES = 262_144
SERIES_SECONDS = 1800


@dataclass(slots=True)
class Tally:
    """Counters of one credential. `rejected` is by kind (rate, quota, …) and then by dimension or code."""

    requests: int = 0
    accepted: int = 0
    rejected: dict[str, dict[str, int]] = field(default_factory=dict)
    faults: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    charged_tokens: int = 0
    in_flight: int = 0
    max_in_flight: int = 0
    waiting: int = 0
    max_waiting: int = 0
    completed: int = 0
    cancelled: int = 0
    aborted: int = 0
    connections: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    last_connection: int = -1
    seen_connections: set[int] = field(default_factory=set)
    series: deque[list[int]] = field(default_factory=lambda: deque(maxlen=SERIES_SECONDS))

    def second(self, now: int) -> list[int]:
        """This second's row: [second, requests, accepted, rejected, input, output, charged tokens]."""
        if not self.series or self.series[-1][0] != now:
            self.series.append([now, 0, 0, 0, 0, 0, 0])
        return self.series[-1]

    def as_json(self) -> dict[str, Any]:
        return {
            name: getattr(self, name)
            for name in self.__slots__
            if name not in {"series", "seen_connections", "last_connection"}
        }


@dataclass(slots=True)
class Recorded:
    """One request as received, kept for tests; of its body only the first `RECORDED_BODY_BYTES`."""

    at: float
    credential: str
    endpoint: str
    method: str
    target: str
    headers: list[tuple[bytes, bytes]]
    connection: int
    body: bytes
    body_bytes: int
    status: int = 0
    outcome: str = "running"
    """`complete`, `cancelled` (the client left), `aborted` (a fault broke it off) or `running`."""

    def as_json(self) -> dict[str, Any]:
        return {
            "at": self.at,
            "credential": self.credential,
            "endpoint": self.endpoint,
            "method": self.method,
            "target": self.target,
            "headers": [[k.decode("latin-1"), v.decode("latin-1")] for k, v in self.headers],
            "body": self.body.decode("utf-8", "replace"),
            "body_bytes": self.body_bytes,
            "connection": self.connection,
            "status": self.status,
            "outcome": self.outcome,
        }


class Stats:
    """All tallies, and the last requests."""

    def __init__(self, recorded: int = RECORDED_REQUESTS) -> None:
        self.started = time.monotonic()
        self.tallies: dict[str, Tally] = {}
        self.recorded: deque[Recorded] = deque(maxlen=recorded)
        self.connections = 0
        self.open_connections = 0

    def arrived(self, credential: str, endpoint: str, request: Request) -> tuple[Tally, Recorded]:
        tally = self.tallies.get(credential)
        if tally is None:
            tally = self.tallies[credential] = Tally()
        now = time.monotonic() - self.started
        tally.requests += 1
        tally.bytes_in += len(request.body)
        tally.second(int(now))[1] += 1
        if tally.last_connection != request.connection:
            tally.last_connection = request.connection
            if request.connection not in tally.seen_connections:
                tally.seen_connections.add(request.connection)
                tally.connections += 1
        record = Recorded(
            now,
            credential,
            endpoint,
            request.method,
            request.target,
            request.headers,
            request.connection,
            request.body[:RECORDED_BODY_BYTES],
            len(request.body),
        )
        self.recorded.append(record)
        return tally, record

    def rejected(self, tally: Tally, kind: str, dimension: str) -> None:
        by_dimension = tally.rejected.setdefault(kind, {})
        by_dimension[dimension] = by_dimension.get(dimension, 0) + 1
        tally.second(int(time.monotonic() - self.started))[3] += 1

    def accepted(self, tally: Tally, input_tokens: int, charged: int) -> None:
        tally.accepted += 1
        tally.input_tokens += input_tokens
        tally.charged_tokens += charged
        row = tally.second(int(time.monotonic() - self.started))
        row[2] += 1
        row[4] += input_tokens
        row[6] += charged

    def produced(self, tally: Tally, tokens: int) -> None:
        tally.output_tokens += tokens
        tally.second(int(time.monotonic() - self.started))[5] += tokens

    def as_json(
        self, credential: str | None = None, requests: int = 0, series: bool = False
    ) -> dict[str, Any]:
        chosen = {k: t for k, t in self.tallies.items() if credential is None or k == credential}
        made: dict[str, Any] = {
            "uptime_s": time.monotonic() - self.started,
            "connections": self.connections,
            "open_connections": self.open_connections,
            "credentials": {name: tally.as_json() for name, tally in chosen.items()},
            "total": _total(list(chosen.values())),
        }
        if series:
            made["series_columns"] = [
                "second",
                "requests",
                "accepted",
                "rejected",
                "input",
                "output",
                "charged",
            ]
            made["series"] = {name: [list(row) for row in tally.series] for name, tally in chosen.items()}
        if requests:
            kept = [r for r in self.recorded if credential is None or r.credential == credential]
            made["requests"] = [r.as_json() for r in kept[-requests:]]
        return made


def _total(tallies: list[Tally]) -> dict[str, Any]:
    total = Tally()
    for tally in tallies:
        for name, value in tally.as_json().items():
            if name == "rejected":
                for kind, dimensions in value.items():
                    into = total.rejected.setdefault(kind, {})
                    for dimension, times in dimensions.items():
                        into[dimension] = into.get(dimension, 0) + times
            elif name.startswith("max_"):
                setattr(total, name, max(getattr(total, name), value))
            else:
                setattr(total, name, getattr(total, name) + value)
    return total.as_json()
