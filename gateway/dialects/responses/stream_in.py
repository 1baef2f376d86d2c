"""A provider's Responses stream as neutral events (wire reference §2.6, "Stream").

A table of event kinds; what has no row says nothing that is not said again. Calls are numbered in the order of
their beginning, and known by their `output_index`. Each item is told once: in pieces, as they come; or else when it
is done; or else with the terminal event, which has them all. The stream is whole only with that. An error is told
once what was said before it was.
"""

from collections.abc import Callable
from types import MappingProxyType

from gateway.chat import Citation, JsonObject, Signature, ToolCall
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
from gateway.dialects.responses.items_in import CITED
from gateway.dialects.responses.reply_in import (
    blocks_of,
    failure_of,
    logprob,
    logprobs_of,
    no_response,
    stop_of,
    unread_end,
    unread_item,
)
from gateway.dialects.said_fields import answer_object, answer_objects, answer_word, no_answer
from gateway.dialects.translation import Sent
from gateway.dialects.usage import usage_of
from gateway.dialects.whole_as_stream import said
from gateway.errors import UPSTREAM_ERROR, GatewayError

#: The index of what a server does not tell of: it may be any.
_ANY = -1


class ResponsesReader:
    """Reads one stream."""

    __slots__ = ("_begun", "_calls", "_cutter", "_failure", "_over", "_sent", "_told")

    def __init__(self, sent: Sent, frame_max: int) -> None:
        self._sent = sent
        self._cutter = EventCutter(frame_max)
        self._calls: dict[int, int] = {}  # output index → number
        self._told: set[int | str] = set()  # items: their indices and ids
        self._begun = False
        self._over = False
        self._failure: GatewayError | None = None

    def read(self, data: bytes) -> list[Event]:
        return self._events(self._cutter.feed(data))

    def finish(self) -> list[Event]:
        events = self._events(self._cutter.finish())
        if self._failure is not None:
            raise self._failure
        if not self._over:
            raise ended_early()
        return events

    def _events(self, frames: list[tuple[str, bytes]]) -> list[Event]:
        if self._failure is not None:
            raise self._failure
        found: list[Event] = []
        try:
            for _, data in frames:
                if self._over or data == b"[DONE]":
                    break
                self._take(event_object(data), found)
        except GatewayError as failure:
            self._failure = failure
            if not found:
                raise
        return found

    def _take(self, event: JsonObject, found: list[Event]) -> None:
        kind = event.get("type")
        read = _KINDS.get(kind) if isinstance(kind, str) else None
        if read is not None:
            events = read(self, event)
            if not self._begun:
                self._begun = True
                found.append(_begun(event))
            found += events
        elif event.get("error"):
            raise GatewayError(UPSTREAM_ERROR, failure_of(event))

    def created(self, _event: JsonObject) -> list[Event]:
        """Whatever comes first begins it."""
        return []

    def text(self, event: JsonObject) -> list[Event]:
        listed = event.get("logprobs")
        logprobs = tuple(logprob(one) for one in listed if isinstance(one, dict)) if listed else ()  # type: ignore[union-attr]
        return [TextPiece(self._piece(event), logprobs=logprobs)]

    def refusal(self, event: JsonObject) -> list[Event]:
        return [RefusalPiece(self._piece(event))]

    def thought(self, event: JsonObject) -> list[Event]:
        return [ThinkingPiece(self._piece(event))]

    def next_thought(self, event: JsonObject) -> list[Event]:
        """A summary has several parts."""
        return [ThinkingPiece("\n\n")] if event.get("summary_index") else []

    def cited(self, event: JsonObject) -> list[Event]:
        note = _object(event, "annotation")
        if note.get("type") != CITED:
            return [Unread((_text(note, "type") or "annotations",))]
        start, end = note.get("start_index"), note.get("end_index")
        place = (start, end) if isinstance(start, int) and isinstance(end, int) else (0, 0)
        return [Cited(Citation(_text(note, "url"), _text(note, "title"), *place))]

    def opened(self, event: JsonObject) -> list[Event]:
        item = answer_object(event, "item")
        kind = item.get("type")
        if kind not in ("function_call", "custom_tool_call"):
            unread = unread_item(item)
            return [Unread(unread)] if unread else []
        name, call_id = answer_word(item, "name"), _text(item, "call_id")
        if not name or not call_id:
            raise no_answer("item")
        number = self._calls[_index(event)] = len(self._calls)
        return [CallBegun(number, call_id, self._sent.names.get(name, name), kind == "custom_tool_call")]

    def arguments(self, event: JsonObject) -> list[Event]:
        number = self._calls.get(_index(event))
        if number is None:
            raise no_answer("output_index")
        return [CallPiece(number, self._piece(event))]

    def text_done(self, event: JsonObject) -> list[Event]:
        """The whole of it once more; of some servers, for the first time."""
        return [] if self._was_told(event) else self.text({**event, "delta": event.get("text")})

    def refusal_done(self, event: JsonObject) -> list[Event]:
        return [] if self._was_told(event) else self.refusal({**event, "delta": event.get("refusal")})

    def thought_done(self, event: JsonObject) -> list[Event]:
        return [] if self._was_told(event) else self.thought({**event, "delta": event.get("text")})

    def arguments_done(self, event: JsonObject) -> list[Event]:
        said = event.get("arguments", event.get("input"))
        return [] if self._was_told(event) else self.arguments({**event, "delta": said})

    def _was_told(self, event: JsonObject) -> bool:
        told = self._told
        return _index(event) in told or _text(event, "item_id") in told or _ANY in told

    def closed(self, event: JsonObject) -> list[Event]:
        return self._done(answer_object(event, "item"), _index(event))

    def ended(self, event: JsonObject) -> list[Event]:
        response = answer_object(event, "response")
        if not self._told and not isinstance(response.get("output"), list):
            raise no_answer("output")
        found: list[Event] = []
        for index, item in enumerate(answer_objects(response, "output")):
            if not self._is_told(item, index):
                found += self._done(item, index)
        if unread := unread_end(response):
            found.append(Unread(unread))
        found.append(Stopped(stop_of(response, bool(self._calls))))
        found.append(Counted(usage_of(response, "responses"), _text(response, "service_tier")))
        self._over = True
        return [*found, Over()]

    def _piece(self, event: JsonObject) -> str:
        """Of an item, which is not to be told again."""
        said = answer_word(event, "delta")
        if said:
            self._told.add(_index(event) if "output_index" in event else _ANY)
            if item_id := _text(event, "item_id"):
                self._told.add(item_id)
        return said

    def _is_told(self, item: JsonObject, index: int) -> bool:
        told = self._told
        return index in told or _text(item, "id") in told or _text(item, "call_id") in told or _ANY in told

    def _done(self, item: JsonObject, index: int) -> list[Event]:
        """What is still to be said of an item that is whole."""
        number, is_told = self._calls.get(index), self._is_told(item, index)
        self._told.update((index, _text(item, "id") or index, _text(item, "call_id") or index))
        if is_told and item.get("type") == "reasoning":
            sealed = _text(item, "encrypted_content")
            return [ThinkingSigned(Signature("openai", sealed, _text(item, "id")))] if sealed else []
        unread = unread_item(item)
        found: list[Event] = [Unread(unread)] if unread else []
        if is_told:
            return found if number is None else [*found, CallEnded(number)]
        return found + self._whole(item, index)

    def _whole(self, item: JsonObject, index: int) -> list[Event]:
        """An item of which nothing was said, but maybe that it begins."""
        try:
            blocks, logprobs = blocks_of(item, "item", self._sent), tuple(logprobs_of(item))
        except GatewayError as error:
            raise no_response(error) from error
        found: list[Event] = []
        for block in blocks:
            has_begun = index in self._calls
            number = self._calls.setdefault(index, len(self._calls)) if isinstance(block, ToolCall) else 0
            said_of_it = said(block, 0, number, logprobs)
            found += [one for one in said_of_it if not (has_begun and isinstance(one, CallBegun))]
            logprobs = ()
        return found

    def failed(self, event: JsonObject) -> list[Event]:
        inside = event.get("response")
        flat: JsonObject = {"error": event}
        said = inside if isinstance(inside, dict) else event if event.get("error") else flat
        raise GatewayError(UPSTREAM_ERROR, failure_of(said))


_KINDS: "MappingProxyType[str, Callable[[ResponsesReader, JsonObject], list[Event]]]" = MappingProxyType({
    "response.created": ResponsesReader.created,
    "response.output_text.delta": ResponsesReader.text,
    "response.output_text.done": ResponsesReader.text_done,
    "response.output_text.annotation.added": ResponsesReader.cited,
    "response.refusal.delta": ResponsesReader.refusal,
    "response.refusal.done": ResponsesReader.refusal_done,
    "response.reasoning_summary_part.added": ResponsesReader.next_thought,
    "response.reasoning_summary_text.delta": ResponsesReader.thought,
    "response.reasoning_text.delta": ResponsesReader.thought,
    "response.reasoning_summary_text.done": ResponsesReader.thought_done,
    "response.reasoning_text.done": ResponsesReader.thought_done,
    "response.output_item.added": ResponsesReader.opened,
    "response.function_call_arguments.delta": ResponsesReader.arguments,
    "response.custom_tool_call_input.delta": ResponsesReader.arguments,
    "response.function_call_arguments.done": ResponsesReader.arguments_done,
    "response.custom_tool_call_input.done": ResponsesReader.arguments_done,
    "response.output_item.done": ResponsesReader.closed,
    "response.completed": ResponsesReader.ended,
    "response.incomplete": ResponsesReader.ended,
    "response.failed": ResponsesReader.failed,
    "error": ResponsesReader.failed,
})  # fmt: skip


def _begun(event: JsonObject) -> Begun:
    response = _object(event, "response")
    created = response.get("created_at")
    return Begun(
        _text(response, "id"),
        _text(response, "model"),
        int(created) if isinstance(created, int | float) else 0,
    )


def _object(event: JsonObject, name: str) -> JsonObject:
    value = event.get(name)
    return value if isinstance(value, dict) else {}


def _text(fields: JsonObject, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _index(event: JsonObject) -> int:
    value = event.get("output_index")
    return value if isinstance(value, int) else 0
