"""What the frames of OpenAI-dialect streams mean: chat and text completions, responses, images and audio."""

from collections.abc import Callable, Iterator
from typing import Any

from gateway.chat import JsonObject
from gateway.dialects.frames import frame_data
from gateway.dialects.json_text import event_object, json_bytes
from gateway.dialects.openai_reply import frames_of_completion, frames_of_response
from gateway.dialects.relayed_stream import RelayedStream
from gateway.dialects.said_fields import answer_object, answer_objects, no_answer
from gateway.dialects.usage import read_event
from gateway.errors import UPSTREAM_INVALID, GatewayError
from gateway.exchange import Usage

#: Byte sequences that can only be real keys: inside a JSON string a quote is escaped.
_USAGE = (b'"usage":{', b'"usage": {')
_FINISH = (b'"finish_reason":"', b'"finish_reason": "')
_UNFINISHED = b'"finish_reason":null'
_CHOICES = b'"choices":[{'
_LESSONS = 4
_EMPTY_CHOICES = (b'"choices":[]', b'"choices": []')
_DONE = b"[DONE]"


class OpenAIStream(RelayedStream):
    """Shared by the dialect's streams: usage from the one frame that has it."""

    __slots__ = ("_usage_frame",)

    _marks = (_DONE,)

    def __init__(self, frame_max: int = 16 * 1024 * 1024) -> None:
        super().__init__(frame_max)
        self._usage_frame: bytes | None = None

    def usage(self) -> Usage | None:
        if self._usage_frame is None:
            return None
        return read_event(self._usage_frame)


class CompletionStream(OpenAIStream):
    """Chat completions and legacy completions: `data:` frames, then `[DONE]`.

    With `hide_usage` the frame that only reports usage is kept from the caller, who did not ask for it.
    """

    __slots__ = ("_begun", "_chat", "_head", "_lessons", "_tail", "finished", "hides_usage")

    _words: tuple[bytes, ...] = (*_USAGE, *_FINISH, b'"error":', _DONE)

    def __init__(self, hide_usage: bool, frame_max: int = 16 * 1024 * 1024, chat: bool = True) -> None:
        super().__init__(frame_max)
        self._chat = chat
        self.hides_usage = hide_usage
        self._begun = False  # a choice was seen
        self.finished = False  # a finish_reason was seen
        #: What a frame of this stream has before and behind its text, once one was seen; nothing begins like this.
        self._head, self._tail = b"\0", b""
        self._lessons = _LESSONS

    def _is_usual(self, data: bytes) -> bool:
        if data.startswith(self._head) and data.endswith(self._tail) and data.find(b"\n") == len(data) - 2:
            return True  # one frame that differs from one already seen by what is inside its choices only
        if not super()._is_usual(data):
            return False
        if self._lessons and data.find(b"\n") == len(data) - 2:
            self._lessons -= 1  # few: some providers have a new `created`, or padding, in every frame
            text, end = data.find(_CHOICES), data.rfind(_UNFINISHED)
            if 0 < text < end:
                self._head, self._tail = data[: text + len(_CHOICES)], data[end:]
        return True

    def _is_clean(self, data: bytes) -> bool:
        return (
            data[:7] == b"data: {"
            and data[-3:] == b"}\n\n"
            and data.count(b"\n") == 2 * data.count(b"}\n\ndata: {") + 2
        )

    def _look(self, frames: list[bytes]) -> list[bytes]:
        if self.first is None:
            self._begin(frames)
        for position, frame in enumerate(frames):
            self._check(frame)
            if not self.content:
                self._open(frame)
            if frame.find(b'"error":') >= 0 and _is_error(frame):
                self.failure = frame_data(frame)
                return self._rewritten(frames[:position])
            if not self.finished and _has(frame, _FINISH):
                self.finished = True
            if frame[-6:] == _DONE and frame_data(frame) == _DONE:
                self.ended = True
                kept = self._without_usage(frames if position + 1 == len(frames) else frames[: position + 1])
                made = self._usage_asked_for()
                return [*kept[:-1], made, frame] if made else kept
            if _has(frame, _USAGE):
                self._usage_frame = frame_data(frame)
        return self._without_usage(frames)

    def _open(self, frame: bytes) -> None:
        """One before the first content. Raises GatewayError for what is no chunk, and for the end of a stream that
        has no choices.
        """
        data = frame_data(frame)
        choices = [] if data == _DONE else answer_objects(event_object(data), "choices")
        self._begun = self._begun or bool(choices)
        if data == _DONE and not self._begun:
            raise GatewayError(UPSTREAM_INVALID, "The provider's answer is not the completion it should be.")
        self.content = data == _DONE or _carries_content(choices)

    def frames_of(self, reply: dict[str, Any]) -> bytes:
        return frames_of_completion(reply, self._chat, not self.hides_usage)

    def _usage_asked_for(self) -> bytes:
        """The frame with the usage that the caller asked for, where the provider has it in `x_groq` only."""
        if self.hides_usage or self._usage_frame is None:
            return b""
        event = event_object(self._usage_frame)
        inner = event.get("x_groq")
        if (
            type(event.get("usage")) is dict
            or type(inner) is not dict
            or type(inner.get("usage")) is not dict
        ):
            return b""
        kept = ("id", "object", "created", "model")
        made: JsonObject = {name: event[name] for name in kept if name in event}
        frame = b"data: " + json_bytes({**made, "choices": [], "usage": inner["usage"]})
        return self._rewritten([frame])[0]

    def _without_usage(self, frames: list[bytes]) -> list[bytes]:
        if self.hides_usage and self._usage_frame is not None:
            kept = [frame for frame in frames if not _is_usage_only(frame)]
            if len(kept) < len(frames):
                frames, self.hid = kept, True
        return self._rewritten(frames) if self.rewrites else frames

    def _close(self) -> bytes:
        if not self.finished:
            return super()._close()
        self.ended = True  # some compatible servers leave the marker out
        made = self._usage_asked_for()
        return b"%b\n\ndata: [DONE]\n\n" % made if made else b"data: [DONE]\n\n"


class ResponsesStream(OpenAIStream):
    """The Responses API: every frame has `event:`; it ends with completed, incomplete or failed."""

    __slots__ = ("meet", "sequence")

    _PREAMBLE = (b"event: response.created", b"event: response.in_progress", b"event: response.queued")
    _TERMINAL = (b"event: response.completed", b"event: response.incomplete", b"event: response.failed")
    _words = (*_TERMINAL, b"event: error", b'data: {"error"', b'"file_id"')

    def __init__(self, frame_max: int = 16 * 1024 * 1024) -> None:
        super().__init__(frame_max)
        self.sequence = 0  # events seen; the number the next one would carry
        #: Told of events of this stream that may name objects at the provider key, before they go on.
        self.meet: Callable[[ResponsesStream, dict[str, Any]], None] | None = None

    def _is_clean(self, data: bytes) -> bool:
        frames = data.count(b"\n\n")
        if (
            data[:16] != b"event: response."
            or data.count(b"\n") != 3 * frames
            or data.count(b"\ndata: {") != frames
            or data.count(b"}\n\nevent: response.") != frames - 1
            or data[-3:] != b"}\n\n"
        ):
            return False
        self.sequence += frames
        return True

    def _look(self, frames: list[bytes]) -> list[bytes]:
        if self.first is None:
            self._begin(frames)
        for position, frame in enumerate(frames):
            self._check(frame)
            if frame.startswith((b"event: error", b'data: {"error"')):
                self.failure = frame_data(frame)
                return self._rewritten(frames[:position])
            self.sequence += 1
            if not self.content and not frame.startswith(self._PREAMBLE):
                if frame.startswith(self._TERMINAL) and self._is_failure(frame):
                    self.failure = frame_data(frame)
                    return self._rewritten(frames[:position])
                self.content = True
            if self.meet is not None and self._may_name_objects(frame):
                self.meet(self, event_object(frame_data(frame)))
            if frame.startswith(self._TERMINAL):
                self._usage_frame = frame_data(frame)
                self.ended = True
                return self._rewritten(frames if position + 1 == len(frames) else frames[: position + 1])
        return self._rewritten(frames) if self.rewrites else frames

    def frames_of(self, reply: dict[str, Any]) -> bytes:
        return frames_of_response(reply)

    @staticmethod
    def _is_failure(frame: bytes) -> bool:
        """Of a last event before which nothing was said: another provider could yet answer. Raises GatewayError for
        one without a response."""
        response = event_object(frame_data(frame)).get("response")
        if type(response) is not dict or type(response.get("output")) is not list:
            raise GatewayError(UPSTREAM_INVALID, "The provider's answer is not the response it should be.")
        return response.get("status") == "failed" or bool(response.get("error"))

    def events_with_ids(self, frames: bytes) -> Iterator[dict[str, Any]]:
        """The events that may name objects at the provider key, of what was relayed before there was `meet`."""
        for frame in frames.split(b"\n\n"):
            if self._may_name_objects(frame):
                yield event_object(frame_data(frame))

    def _may_name_objects(self, frame: bytes) -> bool:
        return frame.startswith(self._TERMINAL) or frame.find(b'"file_id"') >= 0

    def failed_frame(self, error: GatewayError) -> bytes:
        """What follows the error event of a stream that had begun: the response as it was, failed."""
        begun = (self.first or {}).get("response")
        if type(begun) is not dict:
            return b""
        why = {"code": error.condition.code, "message": error.message}
        event = {"type": "response.failed", "sequence_number": self.sequence + 1}
        failed = json_bytes({**event, "response": {**begun, "status": "failed", "error": why}})
        return self._pass(b"event: response.failed\ndata: " + failed + b"\n\n")


class MediaStream(OpenAIStream):
    """Images and audio: events of their own; a clean end of the body is the end."""

    __slots__ = ()

    tolerates_plain = True

    def _is_clean(self, data: bytes) -> bool:  # noqa: ARG002 (events are few and large: each gets a look)
        return False

    def _look(self, frames: list[bytes]) -> list[bytes]:
        self.content = self.content or bool(frames)
        for position, frame in enumerate(frames):
            self._check(frame)
            if frame.find(b'"error":') >= 0 and _is_error(frame):
                self.failure = frame_data(frame)
                return frames[:position]
            if _has(frame, _USAGE):
                self._usage_frame = frame_data(frame)
        return frames

    def _close(self) -> bytes:
        self.ended = True
        return b""


def _has(frame: bytes, words: tuple[bytes, bytes]) -> bool:
    return frame.find(words[0]) >= 0 or frame.find(words[1]) >= 0


def _is_error(frame: bytes) -> bool:
    data = frame_data(frame)
    return data != _DONE and bool(event_object(data).get("error"))


def _is_usage_only(frame: bytes) -> bool:
    """Whether a frame has `choices: []` and a usage object, and so exists only to report usage.

    Azure's first frame has empty choices too, but no usage: it stays.
    """
    if not _has(frame, _EMPTY_CHOICES) or not _has(frame, _USAGE):
        return False
    event = event_object(frame_data(frame))
    return event.get("choices") == [] and type(event.get("usage")) is dict


def _carries_content(choices: list[JsonObject]) -> bool:
    """Whether a chunk says anything beyond opening the stream (a role, an empty text, a filter verdict). Raises
    GatewayError for what is no delta.
    """
    for choice in choices:
        if choice.get("finish_reason") or choice.get("text"):
            return True
        delta = answer_object(choice, "delta")
        if not isinstance(delta.get("content"), str | list | None):
            raise no_answer("content")
        if any(value for name, value in delta.items() if name != "role"):
            return True
    return False
