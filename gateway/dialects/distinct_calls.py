"""Calls of one id: told apart where they would be taken for one (wire reference §2.0).

What holds of the result: no two calls of a conversation, nor of one answer, have one id; the n-th result of an id
answers the n-th of the calls that had it, and each call has one at most. Some servers count their calls from 0 in
every answer, and some give all of one answer the same id.
"""

from collections.abc import Iterator

from gateway.capabilities import Capabilities
from gateway.chat import Answer, Block, ChatReply, ChatRequest, JsonObject, ToolCall, ToolResult, Turn
from gateway.chat_events import CallBegun, Event
from gateway.dialects.losses import Losses
from gateway.dialects.translation import Outbound, Sent, StreamReader
from gateway.record import Record, replace


def with_distinct_calls(request: ChatRequest, losses: Losses) -> ChatRequest:
    """The request itself where no id comes twice. Of results that are more than the calls the last one stays.

    Raises GatewayError when nothing may be lost.
    """
    blocks = [block for turn in request.turns for block in turn.blocks]
    called = [block.id for block in blocks if type(block) is ToolCall]
    answered = [block.id for block in blocks if type(block) is ToolResult]
    if len(set(called)) == len(called) and len(set(answered)) == len(answered):
        return request
    return replace(request, turns=tuple(_Conversation(set(called), losses).turns(request.turns)))


class Distinct:
    """An `Outbound` whose answers have no two calls of one id."""

    __slots__ = ("_spoken",)

    def __init__(self, spoken: Outbound) -> None:
        self._spoken = spoken

    def request(self, request: ChatRequest, model: str, can: Capabilities, losses: Losses) -> Sent:
        return self._spoken.request(request, model, can, losses)

    def reply(self, body: JsonObject, sent: Sent) -> ChatReply:
        reply = self._spoken.reply(body, sent)
        return replace(reply, answers=tuple(_distinct(answer) for answer in reply.answers))

    def stream(self, sent: Sent, frame_max: int) -> StreamReader:
        return _Reader(self._spoken.stream(sent, frame_max))


class _Calls(Record):
    """Those of one id that are answered in order: the ids they have now, and where the results of them stand."""

    ids: list[str]
    results: list[tuple[int, int]]


class _Conversation:
    """What was read of one so far. `known` are the ids that no call may be given."""

    __slots__ = ("_begun", "_calls", "_known", "_losses", "_written")

    def __init__(self, known: set[str], losses: Losses) -> None:
        self._known = known
        self._begun: set[str] = set()
        self._calls: dict[str, _Calls] = {}
        self._losses = losses
        self._written: list[list[Block | None]] = []  # None: left out

    def turns(self, turns: tuple[Turn, ...]) -> Iterator[Turn]:
        for turn in turns:
            self._written.append([])
            for block in turn.blocks:
                self._take(block)
        for turn, written in zip(turns, self._written, strict=True):
            kept = tuple(block for block in written if block is not None)
            if kept or not turn.blocks:
                yield replace(turn, blocks=kept)

    def _take(self, block: Block) -> None:
        if isinstance(block, ToolCall):
            block = replace(block, id=self._call(block.id))
        elif isinstance(block, ToolResult) and block.id in self._calls:
            block = replace(block, id=self._result(self._calls[block.id]))
        self._written[-1].append(block)

    def _call(self, id_: str) -> str:
        own = _other(id_, self._known) if id_ in self._begun else id_
        self._begun.add(own)
        self._known.add(own)
        calls = self._calls.get(id_)
        if calls is None or calls.results:
            self._calls[id_] = _Calls([own], [])
        else:
            calls.ids.append(own)
        return own

    def _result(self, calls: _Calls) -> str:
        if len(calls.results) == len(calls.ids):
            turn, place = calls.results.pop()
            before = self._written[turn][place]
            assert isinstance(before, ToolResult)
            self._losses.dropped(before.at)
            self._written[turn][place] = None
        calls.results.append((len(self._written) - 1, len(self._written[-1])))
        return calls.ids[len(calls.results) - 1]


class _Reader:
    """A `StreamReader` of such answers."""

    __slots__ = ("_known", "_reader")

    def __init__(self, reader: StreamReader) -> None:
        self._reader = reader
        self._known: dict[int, set[str]] = {}  # by choice

    def read(self, data: bytes) -> list[Event]:
        return self._told_apart(self._reader.read(data))

    def finish(self) -> list[Event]:
        return self._told_apart(self._reader.finish())

    def _told_apart(self, events: list[Event]) -> list[Event]:
        for place, event in enumerate(events):
            if type(event) is CallBegun and event.id:
                known = self._known.setdefault(event.choice, set())
                id_ = event.id
                if id_ in known:
                    id_ = _other(id_, known)
                    events[place] = replace(event, id=id_)
                known.add(id_)
        return events


def _distinct(answer: Answer) -> Answer:
    ids = [block.id for block in answer.blocks if type(block) is ToolCall and block.id]
    if len(set(ids)) == len(ids):
        return answer
    begun, known = set[str](), set(ids)
    blocks: list[Block] = []
    for block in answer.blocks:
        if not isinstance(block, ToolCall) or block.id not in begun:
            blocks.append(block)
        else:
            id_ = _other(block.id, known)
            known.add(id_)
            blocks.append(replace(block, id=id_))
        if isinstance(block, ToolCall) and block.id:
            begun.add(block.id)
    return replace(answer, blocks=tuple(blocks))


def _other(id_: str, known: set[str]) -> str:
    """One that is not known, the same whenever it is made of the same."""
    number = 2
    while (made := f"{id_}_{number}") in known:
        number += 1
    return made
