"""Anthropic's stream as neutral events (wire reference §2.1, Stream events).

What always holds: `message_start` comes first; blocks are known by their index, and a block is of one kind from its
start to its stop, within which its pieces come. One table says what each kind of event does, another what opens a
block of each kind; events that have no row say nothing (Anthropic adds kinds as it likes), and of a block that has
none, or a piece, its kind is told. What breaks these rules is an error: what it was to say nobody knows. The usage
of the first event and of later ones are totals, so that together they are always all that was used. The stream is
whole only with `message_stop`. An error is told once what was said before it was.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from gateway.chat import JsonObject
from gateway.chat_events import (
    Begun,
    CallBegun,
    CallEnded,
    CallPiece,
    Cited,
    Counted,
    Event,
    Over,
    Stopped,
    TextPiece,
    ThinkingPiece,
    ThinkingSigned,
    Unread,
)
from gateway.dialects.call_ids import MadeIds
from gateway.dialects.event_cutter import EventCutter, ended_early
from gateway.dialects.json_text import event_object
from gateway.dialects.messages.reply_in import citation_of, custom_tools, explanation_of, tier_of, word
from gateway.dialects.messages.stops import is_known, neutral_stop
from gateway.dialects.messages.thoughts import seal_of, signature_of
from gateway.dialects.said_fields import answer_object, answer_word
from gateway.dialects.tool_arguments import arguments_text, check_inputs, is_half_input, plain_input
from gateway.dialects.translation import Sent
from gateway.dialects.usage import read_usage
from gateway.errors import UPSTREAM_INVALID, GatewayError, ReportedError

_TEXT, _THOUGHT, _CALL, _PLAIN_CALL, _ANSWER = "text", "thought", "call", "plain call", "answer"
_ODD = "odd"  # what Anthropic's servers did themselves


class _Block:
    """One that is open. `pieces` is what was said of a call to a plain-text tool; `said`: something was."""

    __slots__ = ("kind", "number", "pieces", "said")

    def __init__(self, kind: str, number: int = 0) -> None:
        self.kind = kind
        self.number = number
        self.pieces: list[str] = []
        self.said = False


class MessagesReader:
    """Reads one stream."""

    __slots__ = (
        "_blocks", "_calls", "_custom", "_cutter", "_failure", "_has_half", "_ids", "_over", "_sent",
        "_start_usage", "_stopped", "_tier",
    )  # fmt: skip

    def __init__(self, sent: Sent, frame_max: int) -> None:
        self._sent = sent
        self._custom = custom_tools(sent)
        self._cutter = EventCutter(frame_max)
        self._ids: MadeIds | None = None  # once it has begun
        self._blocks: dict[int, _Block] = {}
        self._calls = 0
        self._has_half = False  # of a plain-text tool's input
        self._start_usage: JsonObject = {}
        self._tier = ""
        self._stopped = False
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
                if self._over:
                    break
                self._take(data, found)
        except GatewayError as failure:
            self._failure = failure
            if not found:
                raise
        return found

    def _take(self, data: bytes, found: list[Event]) -> None:
        event = event_object(data)
        kind = event.get("type")
        if kind == "content_block_delta":
            self._piece(event, found)
        elif kind == "error":
            raise ReportedError(data)
        elif isinstance(kind, str) and (read := _KINDS.get(kind)) is not None:
            if self._ids is None and kind != _BEGINS:
                raise _odd_event()
            found += read(self, event)

    def begun(self, event: JsonObject) -> list[Event]:
        message = _object(event, "message")
        self._ids = MadeIds(message)
        usage = message.get("usage")
        found: list[Event] = [Begun(word(message, "id"), word(message, "model"))]
        if isinstance(usage, dict):
            self._start_usage, self._tier = usage, tier_of(usage)
            found += self._counted({})
        return found

    def opened(self, event: JsonObject) -> list[Event]:
        block = _object(event, "content_block")
        kind, index = answer_word(block, "type"), _index(event)
        found = self._close(index)  # what was open there
        opens = _OPENINGS.get(kind)
        if opens is not None:
            return found + opens(self, index, block)
        if not kind:
            raise _odd_event()
        self._blocks[index] = _Block(_ODD)
        return [*found, Unread((kind,))]

    def opened_text(self, index: int, block: JsonObject) -> list[Event]:
        self._blocks[index] = _Block(_TEXT)
        return [TextPiece(said)] if (said := answer_word(block, "text")) else []

    def opened_thought(self, index: int, block: JsonObject) -> list[Event]:
        opened = self._blocks[index] = _Block(_THOUGHT)
        said = answer_word(block, "thinking")
        opened.said = bool(said)
        return [ThinkingPiece(said)] if said else []

    def sealed_thought(self, _index: int, block: JsonObject) -> list[Event]:
        signature = seal_of(word(block, "data"))
        return [] if signature is None else [ThinkingSigned(signature)]

    def opened_call(self, index: int, block: JsonObject) -> list[Event]:
        name, given = answer_word(block, "name"), answer_object(block, "input")
        if not name:
            raise _odd_event()
        if self._sent.answer_tool and name == self._sent.answer_tool:
            opened = self._blocks[index] = _Block(_ANSWER)
            found: list[Event] = []
        else:
            name = self._sent.names.get(name, name)
            custom, id_ = name in self._custom, word(block, "id")
            if not id_ and self._ids is not None:
                id_ = self._ids.next()
            opened = self._blocks[index] = _Block(_PLAIN_CALL if custom else _CALL, self._calls)
            self._calls += 1
            found = [CallBegun(opened.number, id_, name, custom)]
        if given:  # some compatible servers say all of it at once
            self._say(opened, arguments_text(given), found)
        return found

    def closed(self, event: JsonObject) -> list[Event]:
        return self._close(_index(event))

    def _close_all(self) -> list[Event]:
        """Those that nobody closed: what their calls were given is still to be told."""
        return [event for index in [*self._blocks] for event in self._close(index)]

    def _close(self, index: int) -> list[Event]:
        block = self._blocks.pop(index, None)
        if block is None or block.kind in (_TEXT, _THOUGHT, _ODD):
            return []
        if block.kind == _ANSWER:
            return [] if block.said else [TextPiece("{}")]
        found: list[Event] = [CallEnded(block.number)]
        if block.kind == _PLAIN_CALL:
            given = "".join(block.pieces)
            self._has_half = self._has_half or is_half_input(given)
            found.insert(0, CallPiece(block.number, plain_input(given)))
        elif not block.said:
            found.insert(0, CallPiece(block.number, "{}"))
        return found

    def _piece(self, event: JsonObject, found: list[Event]) -> None:
        """What a delta adds to its block."""
        delta, block = _object(event, "delta"), self._blocks.get(_index(event))
        kind = answer_word(delta, "type")
        if block is None or block.kind not in _BLOCKS_OF.get(kind, (block.kind,)):
            raise _odd_event()
        if block.kind == _ODD:
            return
        if kind == "text_delta":
            found.append(TextPiece(_said(delta, "text")))
        elif kind == "input_json_delta":
            said = _said(delta, "partial_json")
            if said:
                self._say(block, said, found)
        elif kind == "thinking_delta":
            block.said = True
            found.append(ThinkingPiece(_said(delta, "thinking")))
        elif kind == "signature_delta":
            signature = signature_of(_said(delta, "signature"), block.said)
            if signature is not None:
                found.append(ThinkingSigned(signature))
        elif kind == "citations_delta":
            citation = citation_of(delta.get("citation"))
            found.append(Unread(("citations",)) if citation is None else Cited(citation))
        else:
            found.append(Unread((kind or "delta",)))

    def _say(self, block: _Block, text: str, found: list[Event]) -> None:
        """A piece of a call's arguments, or of the answer that is one's."""
        block.said = True
        if block.kind == _CALL:
            found.append(CallPiece(block.number, text))
        elif block.kind == _PLAIN_CALL:
            block.pieces.append(text)
        elif block.kind == _ANSWER:
            found.append(TextPiece(text))

    def delta(self, event: JsonObject) -> list[Event]:
        """Of the message: why it ended, and what it used by then."""
        delta, usage = _object(event, "delta"), event.get("usage")
        found: list[Event] = []
        if delta.get("stop_reason") is not None and not self._stopped:
            stop = neutral_stop(delta["stop_reason"])
            if self._sent.answer_tool and stop == "tool_calls" and not self._calls:
                stop = "stop"
            explanation = explanation_of(stop, delta.get("stop_details"))
            found += self._close_all()
            self._stopped = True
            if not is_known(delta["stop_reason"]):
                found.append(Unread(("stop_reason",)))
            check_inputs(self._has_half, stop)
            found.append(Stopped(stop, word(delta, "stop_sequence"), explanation))
        return found + self._counted(usage if isinstance(usage, dict) else {})

    def _counted(self, usage: JsonObject) -> list[Event]:
        found = read_usage(self._start_usage, usage)
        return [] if found is None else [Counted(found, self._tier)]

    def over(self, _event: JsonObject) -> list[Event]:
        self._over = True
        if self._stopped:
            return [Over()]
        return [*self._close_all(), Unread(("stop_reason",)), Stopped("stop"), Over()]


_BEGINS = "message_start"
_KINDS: Mapping[str, Callable[[MessagesReader, JsonObject], list[Event]]] = MappingProxyType({
    _BEGINS: MessagesReader.begun,
    "content_block_start": MessagesReader.opened,
    "content_block_stop": MessagesReader.closed,
    "message_delta": MessagesReader.delta,
    "message_stop": MessagesReader.over,
})  # fmt: skip
_OPENINGS: Mapping[str, Callable[[MessagesReader, int, JsonObject], list[Event]]] = MappingProxyType({
    "text": MessagesReader.opened_text,
    "thinking": MessagesReader.opened_thought,
    "redacted_thinking": MessagesReader.sealed_thought,
    "tool_use": MessagesReader.opened_call,
})  # fmt: skip
#: What the pieces of each kind may be of.
_BLOCKS_OF: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "text_delta": (_TEXT, _ODD),
    "citations_delta": (_TEXT, _ODD),
    "thinking_delta": (_THOUGHT, _ODD),
    "signature_delta": (_THOUGHT, _ODD),
    "input_json_delta": (_CALL, _PLAIN_CALL, _ANSWER, _ODD),
})  # fmt: skip


def _object(event: JsonObject, name: str) -> JsonObject:
    value = event.get(name)
    if not isinstance(value, dict):
        raise _odd_event()
    return value


def _index(event: JsonObject) -> int:
    value = event.get("index")
    if not isinstance(value, int):
        raise _odd_event()
    return value


def _said(delta: JsonObject, name: str) -> str:
    value = delta.get(name)
    if not isinstance(value, str):
        raise _odd_event()
    return value


def _odd_event() -> GatewayError:
    return GatewayError(UPSTREAM_INVALID, "The provider sent an event that its dialect does not have.")
