"""Server-sent events from whatever the socket gave, for translating them: names and data, nothing else.

What passes unchanged is cut by `gateway.dialects.frames`, which keeps the bytes.
"""

from gateway.errors import UPSTREAM_INCOMPLETE, UPSTREAM_INVALID, GatewayError

_BARE = (b"{", b"[")


class EventCutter:
    """Fed with bytes however they are cut; the events do not depend on that."""

    __slots__ = ("_frame_max", "_held", "_skip_newline", "_started")

    def __init__(self, frame_max: int) -> None:
        self._frame_max = frame_max
        self._held = b""
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
        if self._held:
            data = self._held + data
        if not self._started:
            if len(data) < 3:
                self._held = data
                return []
            self._started = True
            data = data.removeprefix(b"\xef\xbb\xbf")
        whole, found, self._held = data.rpartition(b"\n\n")
        if len(self._held) > self._frame_max:
            raise GatewayError(
                UPSTREAM_INVALID, f"The provider sent an event larger than {self._frame_max} bytes."
            )
        if not found:
            return []
        return [event for frame in whole.split(b"\n\n") if (event := _event(frame)) is not None]

    def finish(self) -> list[tuple[str, bytes]]:
        """The upstream ended: a last event that lacks its blank line."""
        rest, self._held = self._held.strip(b"\n"), b""
        event = _event(rest) if rest else None
        return [] if event is None else [event]


def ended_early() -> GatewayError:
    """A stream that was not finished by its own marks."""
    return GatewayError(UPSTREAM_INCOMPLETE, "The provider ended the stream before it was finished.")


def _event(frame: bytes) -> tuple[str, bytes] | None:
    """None for what carries no data: comments, pings without any. JSON that stands there bare is data: so Google
    ends a stream with an error."""
    if frame[:6] == b"data: " and frame.find(b"\n") < 0:
        return "", frame[6:]
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
