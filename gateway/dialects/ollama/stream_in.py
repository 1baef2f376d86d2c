"""A stream of Ollama's, read into neutral events: a JSON object a line, the last one with `done`.

A line may think, talk and call at once; calls come whole. What holds: `Begun` comes with the first line, `Stopped`,
`Counted` and `Over` with the line that is done, after which nothing is read. An error is a line of its own; what
was said before it is given first, the error with the next call.
"""

from gateway.chat import JsonObject
from gateway.chat_events import (
    Begun,
    CallBegun,
    CallEnded,
    CallPiece,
    Counted,
    Event,
    Over,
    Stopped,
    TextPiece,
    ThinkingPiece,
    Unread,
)
from gateway.dialects.event_cutter import ended_early
from gateway.dialects.json_text import event_object
from gateway.dialects.ollama.line_cutter import LineCutter
from gateway.dialects.ollama.reply_in import (
    CallReader,
    created_of,
    logprobs,
    stop_of,
    unread_in,
    unread_of,
    usage_of,
)
from gateway.dialects.said_fields import answer_object, answer_word, word
from gateway.dialects.translation import Sent
from gateway.errors import GatewayError, ReportedError


class OllamaReader:
    """Reads one stream."""

    __slots__ = ("_calls", "_cutter", "_failure", "_number", "_over", "_said", "_sent")

    def __init__(self, sent: Sent, frame_max: int) -> None:
        self._cutter = LineCutter(frame_max)
        self._sent = sent
        self._calls: CallReader | None = None  # once the first line was seen
        self._failure: GatewayError | None = None
        self._number = 0  # of the next call
        self._said = False
        self._over = False

    def read(self, data: bytes) -> list[Event]:
        return self._events(self._cutter.feed(data))

    def finish(self) -> list[Event]:
        events = self._events(self._cutter.finish())
        if self._failure is not None:
            raise self._failure
        if not self._over:
            raise ended_early()
        return events

    def _events(self, lines: list[bytes]) -> list[Event]:
        """Raises what went wrong in the lines before these."""
        if self._failure is not None:
            raise self._failure
        events: list[Event] = []
        try:
            for line in lines:
                if not self._over:
                    self._line(line, events)
        except GatewayError as failure:
            if not events:
                raise
            self._failure = failure
        return events

    def _line(self, data: bytes, events: list[Event]) -> None:
        body = event_object(data)
        if body.get("error"):
            raise ReportedError(data)
        calls = self._calls
        if calls is None:
            calls = self._calls = CallReader(body, self._sent)
            events.append(Begun("", word(body, "model"), created_of(body)))
        if message := answer_object(body, "message"):
            self._message(message, body, calls, events)
        if body.get("done") is True:
            events.append(Stopped(stop_of(body, self._said, self._number > 0)))
            if unread := unread_of(body):
                events.append(Unread(unread))
            events.append(Counted(usage_of(body)))
            events.append(Over())
            self._over = True

    def _message(self, message: JsonObject, body: JsonObject, calls: CallReader, events: list[Event]) -> None:
        if unread := unread_in(message):
            events.append(Unread(tuple(unread)))
        before = len(events)
        if thinking := answer_word(message, "thinking"):
            events.append(ThinkingPiece(thinking))
        if content := answer_word(message, "content"):
            events.append(TextPiece(content, 0, logprobs(body) if "logprobs" in body else ()))
        if "tool_calls" in message:
            for call in calls.calls(message):
                events.append(CallBegun(self._number, call.id, call.name, call.custom))
                events.append(CallPiece(self._number, call.arguments))
                events.append(CallEnded(self._number))
                self._number += 1
        self._said = self._said or len(events) > before
