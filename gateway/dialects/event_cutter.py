"""Server-sent events from whatever the socket gave, for translating them: names and data, nothing else.

What passes unchanged is cut by `gateway.dialects.frames`, which keeps the bytes.
"""

from gateway.errors import UPSTREAM_INCOMPLETE, UPSTREAM_INVALID, GatewayError

_BARE = (b"{", b"[")
_BOM = b"\xef\xbb\xbf"


class EventCutter:
    """Fed with bytes however they are cut; the events do not depend on that."""

    __slots__ = ("_frame_max", "_held", "_held_bytes", "_skip_newline", "_started")

    def __init__(self, frame_max: int) -> None:
        self._frame_max = frame_max
        self._held: list[bytes] = []  # an event is joined once, however many reads it comes in
        self._held_bytes = 0
        self._skip_newline = False  # the second half of a CRLF that was cut in two
        self._started = False

    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
        """(name, data) of each event that is whole now. Raises GatewayError when one exceeds the bound."""
        if self._skip_newline and data:
            data = data.removeprefix(b"\n")
            self._skip_newline = False
        if data.find(b"\r") >= 0:
            self._skip_newline = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if not data:
            return []
        if self._held:
            if data.find(b"\n\n") < 0 and not (data[:1] == b"\n" and self._held[-1][-1:] == b"\n"):
                self._hold(data)
                return []
            data = self._released() + data
        whole, found, rest = data.rpartition(b"\n\n")
        if rest:
            self._hold(rest)
        if not found:
            return []
        if not self._started:
            self._started = True
            whole = whole.removeprefix(_BOM)
        frames = whole.split(b"\n\n")
        if len(whole) > self._frame_max and max(map(len, frames)) > self._frame_max:
            raise self._too_large()
        return [event for frame in frames if (event := _event(frame)) is not None]

    def finish(self) -> list[tuple[str, bytes]]:
        """The upstream ended: a last event that lacks its blank line."""
        rest = self._released()
        if not self._started:
            rest = rest.removeprefix(_BOM)
        event = _event(rest.strip(b"\n"))
        return [] if event is None else [event]

    def _hold(self, data: bytes) -> None:
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > self._frame_max:
            raise self._too_large()

    def _released(self) -> bytes:
        held = b"".join(self._held)
        self._held, self._held_bytes = [], 0
        return held

    def _too_large(self) -> GatewayError:
        return GatewayError(
            UPSTREAM_INVALID, f"The provider sent an event larger than {self._frame_max} bytes."
        )


def ended_early() -> GatewayError:
    """A stream that was not finished by its own marks."""
    return GatewayError(UPSTREAM_INCOMPLETE, "The provider ended the stream before it was finished.")


def _event(frame: bytes) -> tuple[str, bytes] | None:
    """None for what carries no data: comments, pings without any. JSON that stands there bare is data: so Google
    ends a stream with an error."""
    if frame[:6] == b"data: " and frame.find(b"\n") < 0:
        alone = frame[6:]
        return None if not alone or alone.isspace() else ("", alone)
    frame = frame.lstrip(b"\n")  # of more than one blank line
    if frame[:1] in _BARE:
        return "", frame
    name, data = "", []
    for line in frame.split(b"\n"):
        if line[:5] == b"data:":
            data.append(line[5:].removeprefix(b" "))
        elif line[:6] == b"event:":
            name = line[6:].strip().decode("ascii", "replace")
    joined = b"\n".join(data)
    return (name, joined) if joined.strip() else None
