"""What callers do not bring back of earlier replies, though who gave it wants it back with the call it stood at.

Signatures of calls, and the thoughts before them: many clients drop fields that they do not know when they repeat
a conversation (wire reference §3.7). Kept in memory by tenant key and call, for an hour after it was last of use.
What is not sealed is of use to the model alone that thought it: another one is not told it as its own. It is
found only in a conversation that asks the same, as some providers number their calls (`call_0`) and so give one
id many times. What is lost or was never known is done without.
"""

from collections import OrderedDict
from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

from gateway.chat import (
    Block,
    ChatReply,
    ChatRequest,
    Media,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from gateway.record import Record, replace

TTL_S = 3600.0
_ENTRY_BYTES = 512  # what an entry costs beside what it holds
#: Thoughts before one call that are longer are not kept.
THOUGHTS_MAX = 512 * 1024
_OWN_COUNT_MAX = 2048
_OWN_BYTES_MAX = 4 * 1024 * 1024
_BYTES_MAX = 16 * 1024 * 1024

#: The id of a call, and what had been asked when it was made.
_Name = tuple[str, bytes]


class _Kept(Record):
    """Of a call: the model that made it, its signature, and what was thought just before it."""

    model: str
    signature: Signature | None
    thoughts: tuple[Thinking, ...]
    until: float
    size: int


class Restored(NamedTuple):
    """`missing` are the caller's paths of turns under way whose calls nothing is known of."""

    request: ChatRequest
    missing: tuple[str, ...] = ()


class ReplayMemory:
    """One worker's. Times are monotonic seconds; owners are tenant keys, none of which finds another's."""

    def __init__(
        self,
        ttl_s: float = TTL_S,
        own_count_max: int = _OWN_COUNT_MAX,
        own_bytes_max: int = _OWN_BYTES_MAX,
        bytes_max: int = _BYTES_MAX,
    ) -> None:
        self._ttl_s = ttl_s
        self._own_count_max = own_count_max
        self._own_bytes_max = own_bytes_max
        self._bytes_max = bytes_max
        self._shelves: OrderedDict[str, _Shelf] = OrderedDict()  # the one used last is last
        self.bytes = 0

    def __len__(self) -> int:
        return sum(len(shelf.kept) for shelf in self._shelves.values())

    def keep(
        self, owner: str, model: str, asked: bytes, call: ToolCall, thoughts: Iterable[Thinking], now: float
    ) -> None:
        """What a reply of `model` said with a call; `asked` is what `question` says of the request."""
        kept = _Kept(model, call.signature, tuple(thoughts), now + self._ttl_s, _ENTRY_BYTES)
        kept.size += sum(len(one.text) + _size(one.signature) for one in kept.thoughts)
        kept.size += _size(kept.signature)
        shelf = self._shelf(owner)
        self.bytes += shelf.put((call.id, asked), kept)
        while len(shelf.kept) > self._own_count_max or shelf.bytes > self._own_bytes_max:
            self.bytes -= shelf.drop_oldest()
        self._expire(now)

    def keep_reply(self, owner: str, model: str, asked: bytes, reply: ChatReply, now: float) -> None:
        """The same of all calls of a whole reply."""
        for answer in reply.answers:
            thoughts: list[Thinking] = []
            for block in answer.blocks:
                if isinstance(block, Thinking):
                    thoughts.append(block)
                elif isinstance(block, ToolCall):
                    if sum(len(one.text) for one in thoughts) <= THOUGHTS_MAX:
                        self.keep(owner, model, asked, block, thoughts, now)
                    thoughts = []

    def restore(self, request: ChatRequest, owner: str, model: str, now: float) -> Restored:
        """The request with what its caller left out, as far as it is known and of use to `model`. What they brought
        goes first."""
        if not any(type(block) is ToolCall for turn in request.turns for block in turn.blocks):
            return Restored(request)
        shelf = self._shelf(owner)
        turns: list[Turn] = []
        missing: list[str] = []
        asked = b""
        for turn in request.turns:
            if turn.role == "assistant":
                found = {
                    block.id: shelf.look((block.id, asked), now, self._ttl_s)
                    for block in turn.blocks
                    if isinstance(block, ToolCall)
                }
                if found and not _is_signed(turn) and None in found.values():
                    missing.append(turn.at)
                turns.append(_restored(turn, found, model))
                continue
            if _asks(turn):
                asked, missing = _digest(turn), []
            turns.append(turn)
        return Restored(replace(request, turns=tuple(turns)), tuple(missing))

    def _shelf(self, owner: str) -> "_Shelf":
        shelf = self._shelves.get(owner)
        if shelf is None:
            shelf = self._shelves[owner] = _Shelf()
        else:
            self._shelves.move_to_end(owner)
        return shelf

    def _expire(self, now: float) -> None:
        """Of who has not been here for longest: what is over, and what is too much."""
        while self._shelves:
            owner, shelf = next(iter(self._shelves.items()))
            while shelf.kept and (self.bytes > self._bytes_max or shelf.is_over(now)):
                self.bytes -= shelf.drop_oldest()
            if shelf.kept:
                return
            del self._shelves[owner]


class _Shelf:
    """One tenant key's; the entry that was used last is last."""

    __slots__ = ("bytes", "kept")

    def __init__(self) -> None:
        self.kept: OrderedDict[_Name, _Kept] = OrderedDict()
        self.bytes = 0

    def put(self, name: _Name, kept: _Kept) -> int:
        """Returns by how much there is more."""
        before = self.kept.pop(name, None)
        more = kept.size - (0 if before is None else before.size)
        self.kept[name] = kept
        self.bytes += more
        return more

    def look(self, name: _Name, now: float, ttl_s: float) -> _Kept | None:
        kept = self.kept.get(name)
        if kept is None or kept.until <= now:
            return None
        kept.until = now + ttl_s
        self.kept.move_to_end(name)
        return kept

    def is_over(self, now: float) -> bool:
        return next(iter(self.kept.values())).until <= now

    def drop_oldest(self) -> int:
        """Returns by how much there is less."""
        size = self.kept.popitem(last=False)[1].size
        self.bytes -= size
        return size


def question(request: ChatRequest) -> bytes:
    """What was asked last, as a name for it; that of a conversation with no question is empty."""
    for turn in reversed(request.turns):
        if _asks(turn):
            return _digest(turn)
    return b""


def _asks(turn: Turn) -> bool:
    """Whether the user says something in it."""
    return turn.role == "user" and any(not isinstance(block, ToolResult) for block in turn.blocks)


def _digest(turn: Turn) -> bytes:
    said = blake2b(digest_size=16)
    for block in turn.blocks:
        if isinstance(block, Text):
            said.update(block.text.encode("utf-8", "surrogatepass"))
        elif isinstance(block, Media):
            said.update(block.kind.encode())
        said.update(b"\0")
    return said.digest()


def _is_signed(turn: Turn) -> bool:
    """Whether its caller brings signatures back."""
    return any(
        isinstance(block, ToolCall | Thinking) and block.signature is not None for block in turn.blocks
    )


def _restored(turn: Turn, found: dict[str, _Kept | None], model: str) -> Turn:
    """Thoughts stand before the call that they led to; those before the first call begin the turn."""
    if not any(one is not None and (one.thoughts or one.signature) for one in found.values()):
        return turn
    brings = any(isinstance(block, Thinking) and block.signature is not None for block in turn.blocks)
    thoughts = {id_: _of_use(one, model) for id_, one in found.items()}
    thinks = not brings and any(thoughts.values())
    blocks: list[Block] = []
    is_first = True
    for block in turn.blocks:
        if isinstance(block, Thinking) and thinks:
            continue  # what is shown of the same
        if not isinstance(block, ToolCall):
            blocks.append(block)
            continue
        kept = found.get(block.id)
        if kept is not None and thinks:
            place = 0 if is_first else len(blocks)
            blocks[place:place] = thoughts[block.id]
        if kept is not None and block.signature is None and kept.signature is not None:
            blocks.append(replace(block, signature=kept.signature))
        else:
            blocks.append(block)
        is_first = False
    return replace(turn, blocks=tuple(blocks))


def _of_use(kept: _Kept | None, model: str) -> tuple[Thinking, ...]:
    if kept is None or kept.model == model:
        return () if kept is None else kept.thoughts
    return tuple(one for one in kept.thoughts if one.signature is not None)


def _size(signature: Signature | None) -> int:
    return 0 if signature is None else len(signature.data)
