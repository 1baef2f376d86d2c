"""What the frames of a Gemini stream mean where both ends speak it, and they pass unchanged.

Each frame is a whole response with what is new in it, and reports all that was used so far. No frame marks the end:
a stream is complete when its body ends and some candidate has a finish reason, or the prompt was blocked.
"""

from typing import Any

from gateway.dialects.frames import frame_data
from gateway.dialects.gemini.reply_in import parts_of
from gateway.dialects.json_text import event_object, json_bytes
from gateway.dialects.relayed_stream import RelayedStream
from gateway.dialects.said_fields import answer_objects, inside
from gateway.dialects.usage import read_usage
from gateway.exchange import Usage

#: Byte sequences that can only be real keys: inside a JSON string a quote is escaped.
_USAGE, _ERROR, _FINISH, _BLOCKED = b'"usageMetadata":', b'"error":', b'"finishReason":', b'"promptFeedback":'


class GeminiStream(RelayedStream):
    """`data:` frames without names, and no mark of the end."""

    __slots__ = ("_finished", "_latest")

    _words = (_FINISH, _ERROR, _BLOCKED)
    _takes_bare = True

    def __init__(self, frame_max: int = 16 * 1024 * 1024) -> None:
        super().__init__(frame_max)
        self._finished = False
        self._latest = b""  # frames, the last of which that reports usage has the last word

    def usage(self) -> Usage | None:
        for frame in reversed(self._latest.split(b"\n\n")):
            counts = event_object(frame_data(frame)).get("usageMetadata") if frame.find(_USAGE) >= 0 else None
            if isinstance(counts, dict):
                return read_usage(json_bytes(counts), dialect="gemini")
        return None

    def frames_of(self, reply: dict[str, Any]) -> bytes:
        return b"data: " + json_bytes(reply) + b"\n\n"

    def _is_clean(self, data: bytes) -> bool:
        return (
            data[:7] == b"data: {"
            and data[-3:] == b"}\n\n"
            and data.count(b"\n") == 2 * data.count(b"}\n\ndata: {") + 2
        )

    def _pass(self, data: bytes) -> bytes:
        if data.find(_USAGE) >= 0:
            self._latest = data
        return super()._pass(data)

    def _look(self, frames: list[bytes]) -> list[bytes]:
        if self.first is None:
            self._begin(frames)
        for position, frame in enumerate(frames):
            self._check(frame)
            if frame.find(_ERROR) >= 0 and event_object(frame_data(frame)).get("error"):
                self.failure = frame_data(frame)
                return self._rewritten(frames[:position])
            if not self.content or (not self._finished and max(map(frame.find, self._words)) >= 0):
                self._read(event_object(frame_data(frame)))
            if frame.find(_USAGE) >= 0:
                self._latest = frame
        return self._rewritten(frames) if self.rewrites else frames

    def _read(self, response: dict[str, Any]) -> None:
        """Raises GatewayError for what are no candidates."""
        candidates = answer_objects(response, "candidates")
        said = any(parts_of(candidate) for candidate in candidates)
        finished = any(one.get("finishReason") for one in candidates) or (
            not candidates and bool(inside(response, "promptFeedback").get("blockReason"))
        )
        self._finished = self._finished or finished
        if finished or said:
            self.content = True

    def _close(self) -> bytes:
        if not self._finished:
            return super()._close()
        self.ended = True
        return b""
