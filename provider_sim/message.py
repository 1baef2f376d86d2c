"""HTTP messages as the simulator sees them: what arrived, byte for byte, and what shall be answered.

A reply is either a body or a list of frames. Frames are kept apart until the last moment because they are
what latency, pacing and most faults act on; `delivery.py` turns them into bytes on the wire.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

JsonObject = dict[str, Any]

JSON = b"application/json"
EVENT_STREAM = b"text/event-stream; charset=utf-8"
NDJSON = b"application/x-ndjson"


@dataclass(slots=True)
class Request:
    """One request as received; `headers` keeps order, case and repetition, so tests can look for leaks."""

    method: str
    target: str
    path: str
    query: dict[str, str]
    headers: list[tuple[bytes, bytes]]
    body: bytes
    connection: int
    keep_alive: bool = True
    index: dict[bytes, bytes] = field(default_factory=dict)

    def header(self, name: bytes) -> str | None:
        """The first value of a header, by its lower-case name."""
        if not self.index:
            for key, value in reversed(self.headers):
                self.index[key.lower()] = value
        value_or_none = self.index.get(name)
        return None if value_or_none is None else value_or_none.decode("latin-1")


@dataclass(slots=True)
class Reply:
    """A status, headers and either `body` or `frames` (each one chunk of a chunked answer)."""

    status: int = 200
    body: bytes = b""
    content_type: bytes = JSON
    frames: Sequence[bytes] | None = None
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
