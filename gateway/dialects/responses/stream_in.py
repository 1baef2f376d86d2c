"""A provider's Responses stream as neutral events (wire reference §2.6, "Stream").

A table of event kinds; what has no row says nothing that is not said again. Calls are numbered in the order of
their beginning. Each part of an item is told once (`gateway.dialects.responses.items_told`): in pieces, as they
come; or else when it, or its item, is done; or else with the terminal event, which has them all. The stream is
whole only with that. An error is told once what was said before it was.
"""

from collections.abc import Callable
from types import MappingProxyType

from gateway.chat import Citation, JsonObject, Logprob, Media
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
    RefusalPiece,
    Stopped,
    TextPiece,
    ThinkingPiece,
    ThinkingSigned,
    Unread,
)
from gateway.dialects.event_cutter import EventCutter, ended_early
from gateway.dialects.json_text import event_object
from gateway.dialects.responses import envelope
from gateway.dialects.responses.items_in import CITED
from gateway.dialects.responses.items_told import (
    ARGUMENTS,
    CALL,
    KINDS,
    MESSAGE,
    PIECES,
    REASONING,
    REFUSAL,
    TEXT,
    Item,
    Items,
    Key,
    parts_of,
)
from gateway.dialects.responses.namespaces import within
from gateway.dialects.responses.reply_in import (
    blocks_of,
    ended_response,
    failure_of,
    logprob,
    no_response,
    stop_of,
    unread_end,
    unread_item,
)
from gateway.dialects.said_fields import (
    answer_object,
    answer_objects,
    answer_word,
    count,
    dicts,
    inside,
    no_answer,
    word,
)
from gateway.dialects.translation import Sent
from gateway.dialects.usage import usage_of
from gateway.errors import UPSTREAM_ERROR, GatewayError


class ResponsesReader:
    """Reads one stream."""

    __slots__ = ("_begun", "_calls", "_cutter", "_failure", "_items", "_over", "_sent")

    def __init__(self, sent: Sent, frame_max: int) -> None:
        self._sent = sent
        self._cutter = EventCutter(frame_max)
        self._items = Items()
        self._calls = 0  # that were told of
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

    def piece(self, event: JsonObject) -> list[Event]:
        """Of a part; or the whole of it once more, which some servers say for the first time."""
        piece = self._items.piece(event)
        assert piece is not None, "a row of such events"
        found: list[Event] = [Unread((piece.item.kind,))] if piece.is_other else []
        if piece.text or "delta" in event:
            fields = event if piece.is_first or "delta" in event else {}
            found.append(self._said(piece.item, piece.key, piece.text, piece.is_first, fields))
        return found

    def _said(self, item: Item, key: Key, text: str, is_first: bool, fields: JsonObject) -> Event:
        what = key[0]
        if what == TEXT:
            return TextPiece(text, logprobs=_logprobs(fields))
        if what == REFUSAL:
            return RefusalPiece(text)
        if what == ARGUMENTS:
            if item.is_ended and text:
                raise no_answer("arguments")
            return CallPiece(item.number, text)
        has_more = is_first and text and len(item.parts) > 1
        return ThinkingPiece(f"\n\n{text}" if has_more else text)

    def cited(self, event: JsonObject) -> list[Event]:
        note = inside(event, "annotation")
        if note.get("type") != CITED:
            return [Unread((word(note, "type") or "annotations",))]
        item = self._items.of(MESSAGE, event)
        item.notes.append(((TEXT, count(event, "content_index")), note))
        return [_cited(note)]

    def opened(self, event: JsonObject) -> list[Event]:
        stated = answer_object(event, "item")
        if KINDS.get(word(stated, "type")) == CALL:
            if not answer_word(stated, "name") or not word(stated, "call_id"):
                raise no_answer("item")
            return [self._called(self._items.stated(event, stated, as_whole=False))]
        if word(stated, "type") in KINDS:
            self._items.stated(event, stated, as_whole=False)
        unread = unread_item(stated)
        return [Unread(unread)] if unread else []

    def _called(self, item: Item) -> CallBegun:
        item.number = self._calls
        self._calls += 1
        name = within(word(item.stated, "namespace"), item.name)
        custom = item.stated.get("type") == "custom_tool_call"
        return CallBegun(item.number, item.call_id, self._sent.names.get(name, name), custom)

    def closed(self, event: JsonObject) -> list[Event]:
        stated = answer_object(event, "item")
        if word(stated, "type") not in KINDS:
            return [Unread(unread_item(stated))]
        return self._whole(self._items.stated(event, stated, as_whole=True), stated)

    def ended(self, event: JsonObject) -> list[Event]:
        response = ended_response(event)
        if response.get("status") == "failed":
            raise GatewayError(UPSTREAM_ERROR, failure_of(response))
        if not self._items.says_something and not isinstance(response.get("output"), list):
            raise no_answer("output")
        found: list[Event] = []
        output = answer_objects(response, "output")
        for stated, item in zip(output, self._items.matched(output), strict=True):
            found += [Unread(unread_item(stated))] if item is None else self._whole(item, stated)
        for item in self._items.all:
            if not item.is_done and not item.parts and item.stated:
                found += self._whole(item, item.stated)  # some servers say all of it when they open it
        if unread := unread_end(response):
            found.append(Unread(unread))
        found.append(Stopped(stop_of(response, bool(self._calls))))
        found.append(Counted(usage_of(response, "responses"), word(response, "service_tier")))
        self._over = True
        return [*found, Over()]

    def _whole(self, item: Item, stated: JsonObject) -> list[Event]:
        """What was not told of an item that is whole."""
        unread = unread_item(stated)
        found: list[Event] = [Unread(unread)] if unread else []
        if not item.parts and not item.is_done and item.number < 0:
            found += self._new(item, stated)
        item.is_done = True
        parts, is_other = item.missing(parts_of(stated))
        if is_other:
            if item.kind == CALL:
                raise no_answer("arguments")
            found.append(Unread((item.kind,)))
        cited = len(item.notes)
        for part in parts:
            if part.text:
                is_first = part.key not in item.parts
                item.say(part.key, part.text)
                found.append(self._said(item, part.key, part.text, is_first, part.fields if is_first else {}))
            notes = [note for note in dicts(part.fields.get("annotations")) if note.get("type") == CITED]
            found += [_cited(note) for note in notes[cited:]]
            item.notes += [(part.key, note) for note in notes[cited:]]
            cited = max(0, cited - len(notes))
        return found + self._ends(item, stated)

    def _new(self, item: Item, stated: JsonObject) -> list[Event]:
        """Of an item of which nothing was said: that it begins, and what comes in no pieces."""
        try:
            blocks = blocks_of(stated, "item", self._sent)
        except GatewayError as error:
            raise no_response(error) from error
        found: list[Event] = [MediaPiece(block) for block in blocks if isinstance(block, Media)]
        return [*found, self._called(item)] if item.kind == CALL else found

    def _ends(self, item: Item, stated: JsonObject) -> list[Event]:
        if item.kind == CALL and not item.is_ended:
            item.is_ended = True
            return [CallEnded(item.number)]
        sealed = word(stated, "encrypted_content") if item.kind == REASONING and not item.is_sealed else ""
        signature = envelope.opened(sealed, word(stated, "id"), "").signature
        if signature is None:
            return []
        item.is_sealed = True
        return [ThinkingSigned(signature)]

    def failed(self, event: JsonObject) -> list[Event]:
        inside = event.get("response")
        flat: JsonObject = {"error": event}
        said = inside if isinstance(inside, dict) else event if event.get("error") else flat
        raise GatewayError(UPSTREAM_ERROR, failure_of(said))


_KINDS: "MappingProxyType[str, Callable[[ResponsesReader, JsonObject], list[Event]]]" = MappingProxyType({
    "response.created": ResponsesReader.created,
    **dict.fromkeys(PIECES, ResponsesReader.piece),
    "response.output_text.annotation.added": ResponsesReader.cited,
    "response.output_item.added": ResponsesReader.opened,
    "response.output_item.done": ResponsesReader.closed,
    "response.completed": ResponsesReader.ended,
    "response.incomplete": ResponsesReader.ended,
    "response.failed": ResponsesReader.failed,
    "error": ResponsesReader.failed,
})  # fmt: skip


def _begun(event: JsonObject) -> Begun:
    response = inside(event, "response")
    created = response.get("created_at")
    return Begun(
        word(response, "id"),
        word(response, "model"),
        int(created) if isinstance(created, int | float) else 0,
    )


def _cited(note: JsonObject) -> Cited:
    start, end = note.get("start_index"), note.get("end_index")
    place = (start, end) if isinstance(start, int) and isinstance(end, int) else (0, 0)
    return Cited(Citation(word(note, "url"), word(note, "title"), *place))


def _logprobs(fields: JsonObject) -> tuple[Logprob, ...]:
    return tuple(logprob(one) for one in dicts(fields.get("logprobs")))
