"""A stream of Gemini's, read into neutral events.

Each frame is a whole response whose parts are what is new; calls come whole. What holds: `Begun` comes with the
first frame, a candidate's `Stopped` with the frame that has its finish reason; usage is what the last frame with it
says, and the stream is complete when it ends and each candidate that spoke has finished: there is no mark of the
end. An error may come in a frame or as bare JSON; what was said before it is given first, the error with the next
call.
"""

from gateway.chat import JsonObject, Logprob
from gateway.chat_events import (
    Begun,
    CallBegun,
    CallEnded,
    CallPiece,
    Cited,
    Counted,
    Event,
    MediaPiece,
    Over,
    Stopped,
    TextPiece,
    TextSigned,
    ThinkingPiece,
    ThinkingSigned,
    Unread,
)
from gateway.dialects.event_cutter import EventCutter, ended_early
from gateway.dialects.gemini.candidate_in import citations, logprobs
from gateway.dialects.gemini.finish import is_known, stop_of
from gateway.dialects.gemini.reply_in import (
    CallReader,
    block_reason,
    failed,
    media_of,
    parts_of,
    ran_code,
    signature_of,
    unread_of,
    usage_of,
)
from gateway.dialects.json_text import event_object
from gateway.dialects.said_fields import answer_index, answer_objects, answer_word, word
from gateway.dialects.translation import Sent
from gateway.errors import GatewayError, ReportedError


class GeminiReader:
    """Reads one stream."""

    __slots__ = ("_calls", "_cutter", "_ended", "_failure", "_numbers", "_said", "_sent", "_usage")

    def __init__(self, sent: Sent, frame_max: int) -> None:
        self._cutter = EventCutter(frame_max)
        self._sent = sent
        self._calls: CallReader | None = None  # once the first frame was seen
        self._failure: GatewayError | None = None
        self._ended: set[int] = set()  # candidates that have finished
        self._numbers: dict[int, int] = {}  # of calls, by candidate
        self._said: set[int] = set()  # candidates that said anything
        self._usage: JsonObject | None = None  # the last frame that told it

    def read(self, data: bytes) -> list[Event]:
        return self._events(self._cutter.feed(data))

    def finish(self) -> list[Event]:
        events = self._events(self._cutter.finish())
        if self._failure is not None:
            raise self._failure
        if not self._ended or self._said - self._ended:
            raise ended_early()
        if self._usage is not None:
            events.append(Counted(usage_of(self._usage)))
        events.append(Over())
        return events

    def _events(self, frames: list[tuple[str, bytes]]) -> list[Event]:
        """Raises what went wrong in the frames before these."""
        if self._failure is not None:
            raise self._failure
        events: list[Event] = []
        try:
            for _, data in frames:
                self._frame(data, events)
        except GatewayError as failure:
            if not events:
                raise
            self._failure = failure
        return events

    def _frame(self, data: bytes, events: list[Event]) -> None:
        if data[:1] == b"[":  # an error may come as the whole list that a stream is without frames
            data = data.strip().removeprefix(b"[").removesuffix(b"]")
        body = event_object(data)
        if body.get("error"):
            raise ReportedError(data)
        calls = self._calls
        if calls is None:
            calls = self._calls = CallReader(body, self._sent)
            events.append(Begun(word(body, "responseId"), word(body, "modelVersion")))
        if "usageMetadata" in body:
            self._usage = body
        if candidates := answer_objects(body, "candidates"):
            for candidate in candidates:
                self._candidate(candidate, calls, events)
        elif reason := block_reason(body):
            self._ended.add(0)
            events.append(Stopped("content_filter", explanation=reason))

    def _candidate(self, candidate: JsonObject, calls: CallReader, events: list[Event]) -> None:
        choice = answer_index(candidate)
        probable = logprobs(candidate) if "logprobsResult" in candidate else ()
        for part in parts_of(candidate):
            if unread := unread_of(part):
                events.append(Unread(unread, choice))
            before = len(events)
            self._part(part, choice, calls, probable, events)
            if len(events) > before:
                self._said.add(choice)
                if type(events[before]) is TextPiece:
                    probable = ()
        if "citationMetadata" in candidate or "groundingMetadata" in candidate:
            events += [Cited(one, choice) for one in citations(candidate, "")]
        reason = word(candidate, "finishReason")
        if reason:
            self._stop(candidate, reason, choice, events)

    def _part(
        self,
        part: JsonObject,
        choice: int,
        calls: CallReader,
        probable: tuple[Logprob, ...],
        events: list[Event],
    ) -> None:
        if "functionCall" in part:
            number = self._numbers.get(choice, 0)
            self._numbers[choice] = number + 1
            call = calls.call(part)
            events.append(CallBegun(number, call.id, call.name, call.custom, call.signature, choice))
            events.append(CallPiece(number, call.arguments, choice))
            events.append(CallEnded(number, choice))
            return
        if "inlineData" in part:
            events.append(MediaPiece(media_of(part), choice))
            return
        said, signature = answer_word(part, "text") or ran_code(part), signature_of(part)
        if part.get("thought") is True:
            if said:
                events.append(ThinkingPiece(said, choice))
            if signature is not None:
                events.append(ThinkingSigned(signature, choice))
            return
        if said:
            events.append(TextPiece(said, choice, probable))
        if signature is not None:
            events.append(TextSigned(signature, choice))

    def _stop(self, candidate: JsonObject, reason: str, choice: int, events: list[Event]) -> None:
        stop = stop_of(reason, choice in self._numbers)
        if stop == "error":
            if choice not in self._said:
                raise failed(reason)
            stop = "stop"
        if not is_known(reason):
            events.append(Unread(("finishReason",), choice))
        self._ended.add(choice)
        explanation = word(candidate, "finishMessage") if stop == "content_filter" else ""
        events.append(Stopped(stop, "", explanation, choice))
