"""The calls of a streamed answer: which of them each entry of `tool_calls` goes on with, and what it adds.

By OpenAI's rule the first entry of a call has its index, id and name, later ones its index and a piece of the
arguments. Servers break it: whole calls that all have index 0, or none; the id or the name again in every piece;
another id in every piece; the same id for all calls; the id `null`. So an entry belongs to the call that has its id
and, where several have it, its index; else, where it names no tool, to that of its index, or without an index to
the last. One with an id and a name begins a call, unless a call of that id, index and name is not whole yet, or it
says nothing. One with a name alone does so, too, unless its index has a call of that name that is not of the same
event and lacks arguments.

What holds always: a call begins once and with its name; numbers count up from 0; every piece is told once.
"""

from collections.abc import Iterator

from gateway.chat import JsonObject
from gateway.chat_events import CallBegun, CallPiece, Event, TextPiece, Unread
from gateway.dialects.chat.called import Calls, arguments_of, call_id, inner_of, unread_call
from gateway.dialects.chat.signatures import thought_signature
from gateway.dialects.json_text import read_object
from gateway.dialects.said_fields import answer_objects, answer_word
from gateway.dialects.tool_arguments import is_half_input, plain_input
from gateway.errors import UPSTREAM_INVALID, GatewayError


class _Call:
    """`held` is what was said of its arguments, `index` -1 where it came without one."""

    __slots__ = ("held", "id", "index", "is_answer", "is_wrapped", "name", "number")

    def __init__(self, id_: str, index: int) -> None:
        self.id = id_
        self.index = index
        self.name = ""  # the caller's
        self.number = -1
        self.is_answer = False  # its arguments are the answer's text
        self.is_wrapped = False  # plain text inside an object
        self.held: list[str] = []


class CalledStream:
    """Of one choice."""

    __slots__ = ("_all", "_by_id", "_by_index", "_calls", "_choice", "_last", "_unread", "begun", "has_half")

    def __init__(self, calls: Calls, choice: int) -> None:
        self._calls = calls
        self._choice = choice
        self._all: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._by_id: dict[str, _Call] = {}
        self._last: _Call | None = None
        self._unread: dict[int, str] = {}  # kinds, by index
        self.begun = 0  # calls that were told of
        self.has_half = False  # of an input, at the end

    def take(self, delta: JsonObject) -> Iterator[Event]:
        """What one event's `tool_calls` say. Raises GatewayError for what are none."""
        before = len(self._all)
        for entry in answer_objects(delta, "tool_calls"):
            if kind := self.unread(entry):
                yield Unread((kind,), self._choice)
                continue
            yield from self._say(self._call(entry, before), entry)

    def unread(self, entry: JsonObject) -> str:
        """The kind of a call that nobody here knows, at its beginning and in all its pieces; "" for any other."""
        index = entry.get("index")
        kind = unread_call(entry)
        if kind and isinstance(index, int):
            self._unread[index] = kind
        if kind or not isinstance(index, int) or inner_of(entry):
            return kind
        return self._unread.get(index, "")

    def end(self) -> Iterator[Event]:
        """No more comes. Raises GatewayError for a call of nothing."""
        for call in self._all:
            if not call.name:
                raise GatewayError(UPSTREAM_INVALID, "The provider sent a call without a name.")
            if not call.is_wrapped:
                continue
            given = "".join(call.held)
            self.has_half = self.has_half or is_half_input(given)
            if said := plain_input(given):
                yield CallPiece(call.number, said, self._choice)

    def _call(self, entry: JsonObject, before: int) -> _Call:
        """`before`: how many calls there were before this event."""
        id_, stated, inner = call_id(entry), entry.get("index"), inner_of(entry)
        index = stated if isinstance(stated, int) else -1
        name = answer_word(inner, "name")
        there = self._last if index < 0 else self._by_index.get(index)
        known = there if id_ and there is not None and there.id == id_ else self._by_id.get(id_)
        if known is not None:
            is_other = bool(name) and self._is_next(known, name, index, arguments_of(inner))
        else:
            known = there
            is_other = known is not None and bool(name) and bool(id_ or self._is_other(known, name, before))
        if known is None or is_other:
            known = _Call(id_, index)
            self._all.append(known)
        if id_:
            self._by_id[id_] = known
        if index >= 0:
            self._by_index[index] = known
        self._last = known
        return known

    def _is_next(self, call: _Call, name: str, index: int, said: str) -> bool:
        """Whether an entry with this name and the call's id is another call."""
        if index >= 0 and call.index >= 0 and index != call.index:
            return True
        if call.name and self._calls.name(name) != call.name:
            return True
        return said.lstrip().startswith("{") and read_object("".join(call.held)) is not None

    def _is_other(self, call: _Call, name: str, before: int) -> bool:
        """Whether an entry with this name and no id is another call than the one at its index."""
        if not call.name:
            return False
        if self._calls.name(name) != call.name or call in self._all[before:]:
            return True
        return read_object("".join(call.held)) is not None

    def _say(self, call: _Call, entry: JsonObject) -> Iterator[Event]:
        inner = inner_of(entry)
        name, said = answer_word(inner, "name"), arguments_of(inner)
        if not call.name:
            if not name:
                call.held.append(said)
                return
            yield from self._begin(call, name, entry)
            said, call.held = "".join((*call.held, said)), []
        call.held.append(said)
        if not said or call.is_wrapped:
            return
        if call.is_answer:
            yield TextPiece(said, self._choice)
        else:
            yield CallPiece(call.number, said, self._choice)

    def _begin(self, call: _Call, name: str, entry: JsonObject) -> Iterator[Event]:
        call.name = self._calls.name(name)
        call.is_answer = call.name == self._calls.answer_tool
        if call.is_answer:
            return
        call.number = self.begun
        self.begun += 1
        is_plain = "custom" in entry
        call.is_wrapped = not is_plain and self._calls.is_custom(call.name)
        yield CallBegun(
            call.number,
            call.id or self._calls.made_id(),
            call.name,
            is_plain or call.is_wrapped,
            thought_signature(entry),
            self._choice,
        )
