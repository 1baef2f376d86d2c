"""A provider's Responses stream as neutral events (wire reference §2.6, "Stream").

A table of event kinds; what has no row says nothing that is not said again. Calls are numbered in the order of
their beginning, and known by their `output_index`. The stream is whole only with its terminal event.
"""

from collections.abc import Callable
from types import MappingProxyType

from gateway.chat import Citation, JsonObject, Signature
from gateway.chat_events import (
    Begun,
    CallBegun,
    CallEnded,
    CallPiece,
    Cited,
    Counted,
    Event,
    Over,
    RefusalPiece,
    Stopped,
    TextPiece,
    ThinkingPiece,
    ThinkingSigned,
    Unread,
)
from gateway.dialects.event_cutter import EventCutter, ended_early
from gateway.dialects.json_text import event_object
from gateway.dialects.responses.reply_in import failure_of, logprob, stop_of, unread_end, unread_item
from gateway.dialects.said_fields import answer_object, answer_word
from gateway.dialects.translation import Sent
from gateway.dialects.usage import usage_of
from gateway.errors import UPSTREAM_ERROR, GatewayError


class ResponsesReader:
    """Reads one stream."""

    __slots__ = ("_calls", "_cutter", "_over", "_sent")

    def __init__(self, sent: Sent, frame_max: int) -> None:
        self._sent = sent
        self._cutter = EventCutter(frame_max)
        self._calls: dict[int, int] = {}  # output index → number
        self._over = False

    def read(self, data: bytes) -> list[Event]:
        return self._events(self._cutter.feed(data))

    def finish(self) -> list[Event]:
        events = self._events(self._cutter.finish())
        if not self._over:
            raise ended_early()
        return events

    def _events(self, frames: list[tuple[str, bytes]]) -> list[Event]:
        found: list[Event] = []
        for _, data in frames:
            if self._over or data == b"[DONE]":
                break
            event = event_object(data)
            kind = event.get("type")
            read = _KINDS.get(kind) if isinstance(kind, str) else None
            if read is not None:
                found += read(self, event)
            elif event.get("error"):
                raise GatewayError(UPSTREAM_ERROR, failure_of(event))
        return found

    def begun(self, event: JsonObject) -> list[Event]:
        response = answer_object(event, "response")
        created = response.get("created_at")
        return [
            Begun(
                _text(response, "id"),
                _text(response, "model"),
                int(created) if isinstance(created, int | float) else 0,
            )
        ]

    def text(self, event: JsonObject) -> list[Event]:
        listed = event.get("logprobs")
        logprobs = tuple(logprob(one) for one in listed if isinstance(one, dict)) if listed else ()  # type: ignore[union-attr]
        return [TextPiece(answer_word(event, "delta"), logprobs=logprobs)]

    def refusal(self, event: JsonObject) -> list[Event]:
        return [RefusalPiece(answer_word(event, "delta"))]

    def thought(self, event: JsonObject) -> list[Event]:
        return [ThinkingPiece(answer_word(event, "delta"))]

    def next_thought(self, event: JsonObject) -> list[Event]:
        """A summary has several parts."""
        return [ThinkingPiece("\n\n")] if event.get("summary_index") else []

    def cited(self, event: JsonObject) -> list[Event]:
        note = _object(event, "annotation")
        if note.get("type") != "url_citation":
            return []
        start, end = note.get("start_index"), note.get("end_index")
        place = (start, end) if isinstance(start, int) and isinstance(end, int) else (0, 0)
        return [Cited(Citation(_text(note, "url"), _text(note, "title"), *place))]

    def opened(self, event: JsonObject) -> list[Event]:
        item = answer_object(event, "item")
        kind = item.get("type")
        if kind not in ("function_call", "custom_tool_call"):
            unread = unread_item(item)
            return [Unread(unread)] if unread else []
        number = self._calls[_index(event)] = len(self._calls)
        name = answer_word(item, "name")
        custom = kind == "custom_tool_call"
        return [CallBegun(number, _text(item, "call_id"), self._sent.names.get(name, name), custom)]

    def arguments(self, event: JsonObject) -> list[Event]:
        number = self._calls.get(_index(event))
        return [] if number is None else [CallPiece(number, answer_word(event, "delta"))]

    def closed(self, event: JsonObject) -> list[Event]:
        item = answer_object(event, "item")
        if item.get("type") == "reasoning":
            sealed = _text(item, "encrypted_content")
            return [ThinkingSigned(Signature("openai", sealed, _text(item, "id")))] if sealed else []
        number = self._calls.get(_index(event))
        return [] if number is None else [CallEnded(number)]

    def ended(self, event: JsonObject) -> list[Event]:
        response = answer_object(event, "response")
        self._over = True
        tier, unread = _text(response, "service_tier"), unread_end(response)
        return [
            *([Unread(unread)] if unread else ()),
            Stopped(stop_of(response, bool(self._calls))),
            Counted(usage_of(response, "responses"), tier),
            Over(),
        ]

    def failed(self, event: JsonObject) -> list[Event]:
        inside = event.get("response")
        flat: JsonObject = {"error": event}
        said = inside if isinstance(inside, dict) else event if event.get("error") else flat
        raise GatewayError(UPSTREAM_ERROR, failure_of(said))


_KINDS: "MappingProxyType[str, Callable[[ResponsesReader, JsonObject], list[Event]]]" = MappingProxyType({
    "response.created": ResponsesReader.begun,
    "response.output_text.delta": ResponsesReader.text,
    "response.output_text.annotation.added": ResponsesReader.cited,
    "response.refusal.delta": ResponsesReader.refusal,
    "response.reasoning_summary_part.added": ResponsesReader.next_thought,
    "response.reasoning_summary_text.delta": ResponsesReader.thought,
    "response.reasoning_text.delta": ResponsesReader.thought,
    "response.output_item.added": ResponsesReader.opened,
    "response.function_call_arguments.delta": ResponsesReader.arguments,
    "response.custom_tool_call_input.delta": ResponsesReader.arguments,
    "response.output_item.done": ResponsesReader.closed,
    "response.completed": ResponsesReader.ended,
    "response.incomplete": ResponsesReader.ended,
    "response.failed": ResponsesReader.failed,
    "error": ResponsesReader.failed,
})  # fmt: skip


def _object(event: JsonObject, name: str) -> JsonObject:
    value = event.get(name)
    return value if isinstance(value, dict) else {}


def _text(fields: JsonObject, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _index(event: JsonObject) -> int:
    value = event.get("output_index")
    return value if isinstance(value, int) else 0
