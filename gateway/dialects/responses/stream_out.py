"""A neutral stream as Responses events (wire reference §2.5, "Stream event sequence").

What holds always: `response.created` is first, and numbers go up by one from 0. An item is opened once, lazily,
with the next `output_index`, and closed before the terminal event; a part is opened inside an open item and closed
before it. At most one message or thought is open at a time, and any number of calls. The terminal event holds every
item as it was closed, in the order of their indices.
"""

from collections.abc import Iterable

from gateway.chat import (
    Answer,
    Citation,
    Json,
    JsonObject,
    Logprob,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
)
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
)
from gateway.dialects.json_text import json_bytes
from gateway.dialects.refusal import refusal_of
from gateway.dialects.responses import items_out
from gateway.dialects.responses.namespaces import namespaces
from gateway.dialects.responses.reply_out import response, status_of
from gateway.dialects.translation import Asked
from gateway.errors import GatewayError
from gateway.exchange import Usage
from gateway.record import replace


class _Said:
    """The message or thought that is open, with the part of it that is being said."""

    __slots__ = ("blocks", "citations", "id", "index", "kind", "logprobs", "pieces")

    def __init__(self, kind: str, id_: str, index: int) -> None:
        self.kind = kind  # message | reasoning
        self.id = id_
        self.index = index
        self.blocks: list[Json] = []  # the parts that were closed
        self.pieces: list[str] = []
        self.citations: list[Citation] = []
        self.logprobs: list[Logprob] = []


class _Called:
    __slots__ = ("call", "id", "index", "pieces")

    def __init__(self, call: ToolCall, id_: str, index: int) -> None:
        self.call = call
        self.id = id_
        self.index = index
        self.pieces: list[str] = []


class ResponsesWriter:
    """Writes one stream."""

    __slots__ = (
        "_asked",
        "_begun",
        "_calls",
        "_items",
        "_namespaces",
        "_out",
        "_part",
        "_refused",
        "_said",
        "_stopped",
        "_usage",
        "sequence",
        "whole",
    )

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._namespaces = namespaces(asked.fields)
        self._begun = False
        self._refused = False  # by the model itself
        self._items: dict[int, Json] = {}  # closed ones, by their index
        self._said: _Said | None = None
        self._part: type[Text] | type[Refusal] | None = None  # of the open message
        self._calls: dict[int, _Called] = {}
        self._stopped: Stopped | None = None
        self._usage: Usage | None = None
        self._out: list[bytes] = []
        self.whole: JsonObject | None = None  # the response that the last event has told
        self.sequence = 0  # the number that the next event will carry

    def write(self, events: Iterable[Event]) -> bytes:
        for event in events:
            self._take(event)
        frames, self._out = b"".join(self._out), []
        return frames

    def failed_frame(self, error: GatewayError) -> bytes:
        """What follows the error event of a stream that had begun: the response as it was, failed."""
        if not self._begun:
            return b""
        failed = response(self._asked, "failed", list(self._items.values()))
        failed["error"] = {"code": error.condition.code, "message": error.message}
        self.sequence += 1  # the error event before it has the number before
        self._say("response.failed", {"response": failed})
        frames, self._out = b"".join(self._out), []
        return frames

    def _take(self, event: Event) -> None:
        match event:
            case TextPiece():
                if event.text:
                    self._text(event.text, event.logprobs)
            case ThinkingPiece():
                if event.text:
                    self._thought(event.text)
            case CallPiece():
                self._arguments(event)
            case CallBegun():
                self._open_call(event)
            case CallEnded():
                self._close_call(event.number)
            case RefusalPiece():
                self._refusal(event.text)
            case Cited():
                self._cite(event.citation)
            case ThinkingSigned():
                self._close_thought(event.signature)
            case Stopped():
                self._stopped = self._stopped or event
            case Counted():
                self._usage = event.usage
            case Begun():
                self._begin()
            case Over():
                self._end()
            case MediaPiece():
                self._asked.losses.unread((event.media.kind,))
            case _:
                pass  # signatures of texts have no place here

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            started = response(self._asked, "in_progress", [])
            self._say("response.created", {"response": started})
            self._say("response.in_progress", {"response": started})

    def _end(self) -> None:
        self._begin()
        stopped = self._stopped or Stopped("stop")
        refusal = refusal_of(stopped.stop, stopped.explanation)
        if refusal and not self._refused:
            self._refusal(refusal)
        self._close_said()
        for number in list(self._calls):
            self._close_call(number)
        answer = Answer((), stopped.stop, explanation=stopped.explanation)
        items = [self._items[index] for index in sorted(self._items)]
        status = status_of(stopped.stop)
        self.whole = response(self._asked, status, items, answer, self._usage or Usage())
        self._say(f"response.{status}", {"response": self.whole})

    # messages

    def _text(self, piece: str, logprobs: tuple[Logprob, ...]) -> None:
        said = self._message(Text)
        said.pieces.append(piece)
        said.logprobs += logprobs
        listed: list[Json] = [items_out.logprob(one) for one in logprobs]
        self._of_part(said, "response.output_text.delta", {"delta": piece, "logprobs": listed})

    def _refusal(self, piece: str) -> None:
        self._refused = True
        said = self._message(Refusal)
        said.pieces.append(piece)
        self._of_part(said, "response.refusal.delta", {"delta": piece})

    def _cite(self, citation: Citation) -> None:
        said = self._message(Text)
        event: JsonObject = {
            "annotation_index": len(said.citations),
            "annotation": items_out.annotation(citation),
        }
        said.citations.append(citation)
        self._of_part(said, "response.output_text.annotation.added", event)

    def _message(self, kind: type[Text] | type[Refusal]) -> _Said:
        said = self._said
        if said is None or said.kind != "message":
            self._close_said()
            said = self._open("message", "msg")
            item = items_out.message(said.id, [], "in_progress")
            self._say("response.output_item.added", {"output_index": said.index, "item": item})
        if self._part is not kind:
            self._close_part(said)
            self._part = kind
            empty = items_out.output_part(kind(""))
            self._of_part(said, "response.content_part.added", {"part": empty})
        return said

    def _close_part(self, said: _Said) -> None:
        if self._part is None:
            return
        spoken = "".join(said.pieces)
        if self._part is Text:
            block: Text | Refusal = Text(spoken, citations=tuple(said.citations))
            listed: list[Json] = [items_out.logprob(one) for one in said.logprobs]
            self._of_part(said, "response.output_text.done", {"text": spoken, "logprobs": listed})
        else:
            block = Refusal(spoken)
            self._of_part(said, "response.refusal.done", {"refusal": spoken})
        part = items_out.output_part(block, said.logprobs)
        self._of_part(said, "response.content_part.done", {"part": part})
        said.blocks.append(part)
        said.pieces, said.citations, said.logprobs = [], [], []
        self._part = None

    def _of_part(self, said: _Said, kind: str, event: JsonObject) -> None:
        place: JsonObject = {
            "item_id": said.id,
            "output_index": said.index,
            "content_index": len(said.blocks),
        }
        self._say(kind, place | event)

    # thoughts

    def _thought(self, piece: str) -> None:
        said = self._said
        if said is None or said.kind != "reasoning":
            self._close_said()
            said = self._open_thought()
        if not said.pieces:
            part: JsonObject = {"type": "summary_text", "text": ""}
            self._of_summary(said, "response.reasoning_summary_part.added", {"part": part})
        said.pieces.append(piece)
        self._of_summary(said, "response.reasoning_summary_text.delta", {"delta": piece})

    def _open_thought(self) -> _Said:
        said = self._open("reasoning", "rs")
        item = items_out.reasoning(Thinking(""), said.id)
        self._say("response.output_item.added", {"output_index": said.index, "item": item})
        return said

    def _close_thought(self, signature: Signature | None) -> None:
        said = self._said
        if said is None or said.kind != "reasoning":
            self._close_said()
            said = self._open_thought()
        thought = "".join(said.pieces)
        if thought:
            self._of_summary(said, "response.reasoning_summary_text.done", {"text": thought})
            part: JsonObject = {"type": "summary_text", "text": thought}
            self._of_summary(said, "response.reasoning_summary_part.done", {"part": part})
        self._said = None
        self._close(said.index, items_out.reasoning(Thinking(thought, signature), said.id))

    def _of_summary(self, said: _Said, kind: str, event: JsonObject) -> None:
        place: JsonObject = {"item_id": said.id, "output_index": said.index, "summary_index": 0}
        self._say(kind, place | event)

    # calls

    def _open_call(self, event: CallBegun) -> None:
        self._close_said()
        index = self._next_index()
        called = _Called(
            ToolCall(event.id, event.name, "", custom=event.custom), f"fc_{self._asked.id}_{index}", index
        )
        self._calls[event.number] = called
        item = items_out.call(called.call, called.id, "in_progress", self._namespaces)
        self._say("response.output_item.added", {"output_index": index, "item": item})

    def _arguments(self, event: CallPiece) -> None:
        called = self._calls.get(event.number)
        if called is None or not event.arguments:
            return
        called.pieces.append(event.arguments)
        self._of_call(called, "delta", {"delta": event.arguments})

    def _close_call(self, number: int) -> None:
        called = self._calls.pop(number, None)
        if called is None:
            return
        whole = replace(called.call, arguments="".join(called.pieces))
        said: JsonObject = {"input" if whole.custom else "arguments": whole.arguments}
        item = items_out.call(whole, called.id, known=self._namespaces)
        if not whole.custom:
            said["name"] = item["name"]
        self._of_call(called, "done", said)
        self._close(called.index, item)

    def _of_call(self, called: _Called, what: str, event: JsonObject) -> None:
        kind = "custom_tool_call_input" if called.call.custom else "function_call_arguments"
        place: JsonObject = {"item_id": called.id, "output_index": called.index}
        self._say(f"response.{kind}.{what}", place | event)

    # items

    def _next_index(self) -> int:
        return len(self._items) + len(self._calls) + (self._said is not None)

    def _open(self, kind: str, prefix: str) -> _Said:
        index = self._next_index()
        self._said = _Said(kind, f"{prefix}_{self._asked.id}_{index}", index)
        return self._said

    def _close_said(self) -> None:
        said = self._said
        if said is None:
            return
        if said.kind == "reasoning":
            self._close_thought(None)
            return
        self._close_part(said)
        self._said = None
        self._close(said.index, items_out.message(said.id, said.blocks))

    def _close(self, index: int, item: JsonObject) -> None:
        self._items[index] = item
        self._say("response.output_item.done", {"output_index": index, "item": item})

    def _say(self, kind: str, event: JsonObject) -> None:
        if not self._begun:
            self._begin()
        head: JsonObject = {"type": kind, "sequence_number": self.sequence}
        self.sequence += 1
        self._out.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), json_bytes(head | event)))
