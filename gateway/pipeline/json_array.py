"""A caller's connection through which a stream of Gemini's goes as one JSON array, an element a frame.

So Google answers who does not say `alt=sse`. An error is an element as well: the last, or the only one.
"""

from gateway.dialects.frames import frame_data
from gateway.pipeline.caller import Answering
from gateway.pipeline.wrapping import Wrapping

_EVENTS, _JSON = b"content-type: text/event-stream; charset=utf-8\r\n", b"content-type: application/json\r\n"


class JsonArray(Wrapping):
    """What holds: between `start` and the end all that went out is the beginning of one array."""

    __slots__ = ("_any", "_tail")

    def __init__(self, connection: Answering) -> None:
        super().__init__(connection)
        self._any = False  # elements went out
        self._tail = b""  # the beginning of a frame

    def respond(self, status: int, head: bytes, body: bytes) -> None:
        """A refusal, or a stream that was kept."""
        made = self._elements(body) if _EVENTS in head else body
        self._connection.respond(status, head.replace(_EVENTS, _JSON, 1), b"[" + made + b"]")

    def start(self, status: int, head: bytes, first: bytes = b"", end: bool = False) -> None:
        made = b"[" + self._elements(first) + (b"]" if end else b"")
        self._connection.start(status, head.replace(_EVENTS, _JSON, 1), made, end)

    def write(self, data: bytes) -> bool:
        return self._connection.write(self._elements(data))

    def finish(self, last: bytes = b"") -> None:
        self._connection.finish(self._elements(last) + b"]")

    def _elements(self, data: bytes) -> bytes:
        *frames, self._tail = (self._tail + data).split(b"\n\n")
        out = b""
        for frame in frames:
            value = frame_data(frame)
            if value:
                out += b",\r\n" + value if self._any else value
                self._any = True
        return out
