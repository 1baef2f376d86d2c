"""Server-sent events as they pass: whole frames, cleaned of what breaks SDKs, otherwise byte for byte.

`FrameRelay` is fed whatever the socket gave and returns the bytes that may go on; what it returns in all does
not depend on how the input was sliced. It knows nothing of sockets or time. One subclass a stream kind says
what a frame means (content, usage, end, error); frames are looked at by searching bytes and parsed only when
one of the searched words is in them (wire reference §3.2–3.3).
"""

import re

from gateway.errors import UPSTREAM_INCOMPLETE, UPSTREAM_INVALID, GatewayError

_LINE_END = re.compile(rb"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"
_BARE = b"{"


class FrameRelay:
    """The part every kind of event stream shares: cutting into frames and dropping harmful lines.

    `content` turns true with the first frame that carries content: until then nothing has been said that
    another provider could not say as well. `ended` turns true at the stream's own end marker. `failure` holds
    the error an upstream put inside its stream; nothing after it is relayed. `hid` turns true when a frame with
    data was kept back: for who waits on the upstream that is progress, though nothing goes on.
    """

    __slots__ = ("_frame_max", "_held", "_held_bytes", "_started", "content", "ended", "failure", "hid")

    #: Byte sequences that only a frame which needs a look can have. The empty one is in every frame.
    _words: tuple[bytes, ...] = (b"",)
    #: Whether pings go on: the dialect has them, and its SDKs pass over them.
    _keeps_pings = False
    #: Whether JSON that stands there without `data:` is an event: so Google ends a stream with an error.
    _takes_bare = False

    def __init__(self, frame_max: int = 16 * 1024 * 1024) -> None:
        self.content = False
        self.ended = False
        self.failure: bytes | None = None
        self.hid = False
        self._frame_max = frame_max
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._started = False

    def feed(self, data: bytes) -> bytes:
        """Take bytes in, give back the whole frames that may be sent on.

        Raises GatewayError when one frame exceeds the bound.
        """
        if data.find(b"\r") >= 0 or (self._held and self._held[-1].endswith(b"\r")):
            return self._feed_unusual(data)
        if self.content and not self._held and data[-2:] == b"\n\n" and not self.is_over():
            return self._pass(data) if self._is_usual(data) else self._relay(data)
        if self._held:
            # A long frame arrives in many reads: look for its end only around the newest one.
            if data.find(b"\n\n") < 0 and not (self._held[-1][-1:] == b"\n" and data[:1] == b"\n"):
                self._hold(data)
                return b""
            data = b"".join((*self._held, data))
            self._held, self._held_bytes = [], 0
        end = data.rfind(b"\n\n") + 2
        if end == 1:
            self._hold(data)
            return b""
        if end < len(data):
            self._hold(data[end:])
            data = data[:end]
        return self._relay(data)

    def finish(self) -> bytes:
        """The upstream ended cleanly: what must still be sent. Raises GatewayError when that was too early."""
        rest = b""
        if self._held and not self.is_over():
            held = _LINE_END.sub(b"\n", b"".join(self._held)).strip(b"\n")
            self._held = []
            if self._says_something(held):
                # The last frame lacks its blank line; clients would drop it in silence.
                rest = self._relay(held + b"\n\n")
        if not self.ended and self.failure is None:
            rest += self._close()
        return rest

    def _is_usual(self, data: bytes) -> bool:
        """Whether `data` is what nearly every read of a stream is: whole frames that say nothing but their text."""
        return max(map(data.find, self._words)) < 0 and self._is_clean(data)

    def _is_clean(self, data: bytes) -> bool:
        """Whether `data`, whole frames, has nothing but the lines that this kind of stream has."""
        raise NotImplementedError

    def _pass(self, data: bytes) -> bytes:
        """`data`, clean frames that need no look, as it goes on."""
        return data

    def _says_something(self, rest: bytes) -> bool:
        """Whether `rest`, what came after the last blank line, is a frame; blank lines and comments are nothing.

        Raises GatewayError when it is a part of one: what it would have said nobody knows.
        """
        if all(line[:1] in (b"", b":") for line in rest.split(b"\n")):
            return False
        if not self._is_whole(frame_data(rest.removeprefix(_BOM))):
            raise _incomplete()
        return True

    def _is_whole(self, data: bytes) -> bool:
        """Whether nothing can be missing at the end of `data`, a frame's."""
        raise NotImplementedError

    def _close(self) -> bytes:
        raise _incomplete()

    def _look(self, frames: list[bytes]) -> list[bytes]:
        """Read `frames` (cleaned, without blank lines); the ones to send on, the same list when all are."""
        raise NotImplementedError

    def _hold(self, data: bytes) -> None:
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > self._frame_max:
            raise GatewayError(
                UPSTREAM_INVALID, f"The provider sent an event larger than {self._frame_max} bytes."
            )

    def _feed_unusual(self, data: bytes) -> bytes:
        """Carriage returns as line ends: normalise, holding back one that may be half of a CRLF."""
        data = b"".join((*self._held, data))
        self._held, self._held_bytes = [], 0
        tail = b""
        if data.endswith(b"\r"):
            data, tail = data[:-1], b"\r"
        data = _LINE_END.sub(b"\n", data)
        end = data.rfind(b"\n\n") + 2
        if end == 1:
            end = 0
        if data[end:] or tail:
            self._hold(data[end:] + tail)
        return self._relay(data[:end]) if end else b""

    def _relay(self, data: bytes) -> bytes:
        """`data` is whole frames with `\n` line ends; what of it goes on.

        Frames before the first content get a look each, then only from where one of the searched words occurs:
        the bulk of a stream passes as one piece.
        """
        if not self._started:
            self._started = True
            if data.startswith(_BOM):
                data = data[3:]
        out = b""
        while data and not self.content and not self.is_over():
            end = data.find(b"\n\n") + 2
            out += self._relay_frames(data[:end])
            data = data[end:]
        if self.is_over() or not data:
            return out  # nothing follows the end
        look_at = self._first_word(data)
        if look_at:
            bulk = data[:look_at] if look_at < len(data) else data
            bulk = self._pass(bulk) if self._is_clean(bulk) else self._relay_frames(bulk)
            out = out + bulk if out else bulk
        return out + self._relay_frames(data[look_at:]) if look_at < len(data) else out

    def is_over(self) -> bool:
        """Whether nothing more of the stream goes on: it ended, or failed."""
        return self.ended or self.failure is not None

    def _first_word(self, data: bytes) -> int:
        """Where the first frame begins that has one of the searched words; the length of `data` if none has."""
        first = len(data)
        for word in self._words:
            found = data.find(word, 0, first)
            if found >= 0:
                first = found
        if first == len(data):
            return first
        end = data.rfind(b"\n\n", 0, first)
        return end + 2 if end >= 0 else 0

    def _relay_frames(self, data: bytes) -> bytes:
        frames = data.split(b"\n\n")
        frames.pop()
        if not frames:
            return b""  # the odd one of three line ends
        untouched = True
        for frame in frames:
            if frame[:6] != b"data: " or len(frame) == 6 or frame.find(b"\n") >= 0:
                cleaned = [clean for frame in frames if (clean := self._cleaned(frame))]
                untouched = cleaned == frames
                frames = cleaned
                break
        kept = self._look(frames)
        if kept is frames and untouched:
            return data
        return b"\n\n".join((*kept, b"")) if kept else b""

    def _cleaned(self, frame: bytes) -> bytes:
        """`frame` without what SDKs stumble over: comments, `id:`, `retry:`, events without data, pings."""
        if self._takes_bare and frame[:1] == _BARE:
            return b"data: " + frame.replace(b"\n", b"")  # which stand between its tokens, if anywhere
        lines = frame.split(b"\n")
        kept = [line for line in lines if line[:5] == b"data:" or line[:6] == b"event:"]
        if not any(line[:5] == b"data:" and line[5:].strip() for line in kept):
            return b""
        if not self._keeps_pings and (b"event: ping" in kept or b"event:ping" in kept):
            return b""
        return frame if len(kept) == len(lines) else b"\n".join(kept)


def frame_data(frame: bytes) -> bytes:
    """The joined `data:` lines of a frame, or the JSON that stands there without them."""
    if frame[:6] == b"data: " and frame.find(b"\n") < 0:
        return frame[6:]
    if frame[:1] == _BARE:
        return frame
    return b"\n".join(line[5:].removeprefix(b" ") for line in frame.split(b"\n") if line[:5] == b"data:")


def _incomplete() -> GatewayError:
    return GatewayError(UPSTREAM_INCOMPLETE, "The provider ended the stream before it was finished.")
