"""What the frames of an Anthropic messages stream mean where both ends speak it, and they pass unchanged.

`message_start` first, blocks, one or more `message_delta`, `message_stop` last; pings anywhere, which are for the
caller. What was used is in the first and in the last delta: its counts are totals, and go before the first's.
"""

from typing import Any

from gateway.dialects.frames import frame_data
from gateway.dialects.json_text import event_object
from gateway.dialects.messages.frames import frames_of_message
from gateway.dialects.messages.reply_in import not_a_message
from gateway.dialects.relayed_stream import RelayedStream
from gateway.dialects.usage import read_usage
from gateway.exchange import Usage

_START, _DELTA, _STOP, _ERROR = "message_start", "message_delta", "message_stop", "error"
#: What opens a stream, a block of it, or is no part of it: another provider could still say all of it.
_PREAMBLE = frozenset({_START, "content_block_start", "ping"})
_NAME = b"event: "


class MessagesStream(RelayedStream):
    """Every frame has `event:`; some compatible servers leave it out, and are told by their data."""

    __slots__ = ("_delta", "_start")

    _keeps_pings = True
    _words = (b"event: message_", b"event: error")

    def __init__(self, frame_max: int = 16 * 1024 * 1024) -> None:
        super().__init__(frame_max)
        self._start: bytes | None = None
        self._delta: bytes | None = None

    def learn(self, first: dict[str, Any]) -> None:
        """`first` is the message as it begins, without the event around it. Raises GatewayError for none."""
        message = first.get("message")
        if first.get("type") == _START and not isinstance(message, dict):
            raise not_a_message()
        self.first = message if isinstance(message, dict) else first

    def frames_of(self, reply: dict[str, Any]) -> bytes:
        if not isinstance(reply.get("content"), list):
            raise not_a_message()
        return frames_of_message(reply)

    def usage(self) -> Usage | None:
        reports = []
        if self._start is not None:
            message = event_object(self._start).get("message")
            reports.append(message.get("usage") if isinstance(message, dict) else None)
        if self._delta is not None:
            reports.append(event_object(self._delta).get("usage"))
        told = [report for report in reports if isinstance(report, dict)]
        return read_usage(*told) if told else None

    def _is_clean(self, data: bytes) -> bool:
        frames = data.count(b"\n\n")
        return (
            data[:7] == _NAME
            and data.count(b"\n") == 3 * frames
            and data.count(b"\ndata: {") == frames
            and data.count(b"}\n\nevent: ") == frames - 1
            and data[-3:] == b"}\n\n"
        )

    def _look(self, frames: list[bytes]) -> list[bytes]:
        if self.first is None:
            self._begin(frame for frame in frames if _kind(frame) != "ping")
        for position, frame in enumerate(frames):
            self._check(frame)
            kind = _kind(frame)
            if kind == _ERROR:
                self.failure = frame_data(frame)
                return self._rewritten(frames[:position])
            if kind == _START:
                self._start = frame_data(frame)
            elif not self.content and kind not in _PREAMBLE:
                if self._start is None:
                    raise not_a_message()
                self.content = True
            if kind == _DELTA:
                self._delta = frame_data(frame)
            elif kind == _STOP:
                self.ended = True
                return self._rewritten(frames if position + 1 == len(frames) else frames[: position + 1])
        return self._rewritten(frames) if self.rewrites else frames


def _kind(frame: bytes) -> str:
    """The event's name; "" for one without any."""
    if frame[:7] == _NAME:
        return frame[7 : frame.find(b"\n")].strip().decode("ascii", "replace")
    kind = event_object(frame_data(frame)).get("type")
    return kind if isinstance(kind, str) else ""
