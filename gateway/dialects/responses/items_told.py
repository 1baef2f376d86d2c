"""What a stream of the Responses API has told of its items so far, and what of them it has not.

An item is known by its `output_index`, where the server has one, else by its ids, else as the last of its kind that
is still open; and what was told of it by its parts. Servers tell all of it in pieces, or some of it with the end of
the part, of the item or of the response alone: each time only what is missing is new.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from gateway.chat import Json, JsonObject
from gateway.dialects.json_text import read_object
from gateway.dialects.responses.envelope import opened
from gateway.dialects.responses.items_in import TEXTS
from gateway.dialects.said_fields import answer_word, count, no_answer, word

MESSAGE, REASONING, CALL = "message", "reasoning", "call"
TEXT, REFUSAL, SUMMARY, THOUGHT, ARGUMENTS = "text", "refusal", "summary", "thought", "arguments"
#: Kinds of items, by their types; what is not among them has no noun here.
KINDS = {"message": MESSAGE, "reasoning": REASONING, "function_call": CALL, "custom_tool_call": CALL}
Key = tuple[str, int]  # of a part: what it is, and its index


class Part(NamedTuple):
    """Of a whole item."""

    key: Key
    text: str
    fields: JsonObject


class Item:
    __slots__ = (
        "call_id", "id", "index", "is_done", "is_ended", "is_sealed", "kind", "name", "notes", "number", "parts",
        "stated",
    )  # fmt: skip

    def __init__(self, kind: str, index: int | None = None, stated: JsonObject | None = None) -> None:
        self.kind = kind
        self.index = index
        self.stated = stated or {}  # as the server stated it last
        self.id, self.call_id = word(self.stated, "id"), word(self.stated, "call_id")
        self.name = word(self.stated, "name")
        self.parts: dict[Key, list[str]] = {}  # what was told of each
        self.is_done = False  # it was stated as a whole
        self.number = -1  # of the call that the reader told of
        self.notes: list[tuple[Key, JsonObject]] = []  # sources that were told, and of which part
        self.is_sealed = self.is_ended = False  # so it told

    def told(self, key: Key) -> str:
        return "".join(self.parts.get(key, ()))

    def say(self, key: Key, text: str) -> None:
        if text:
            self.parts.setdefault(key, []).append(text)

    def missing(self, whole: list[Part]) -> tuple[list[Part], bool]:
        """The same parts with what was not told of each; and whether something else was told."""
        told = {key: "".join(pieces) for key, pieces in self.parts.items()}
        if told and "".join(told.values()).strip() == "".join(part.text for part in whole).strip():
            return [part._replace(text="") for part in whole], False  # maybe cut into parts in another way
        rests = {part.key: rest(told.pop(part.key), part.text) for part in whole if part.key in told}
        others = Counter((key[0], text.strip()) for key, text in told.items())
        kinds = {what for what, _ in others}
        found, is_other = list[Part](), None in rests.values()
        for part in whole:
            left = rests.get(part.key, part.text) or ""
            if left and part.key not in rests:
                same = [(what, left.strip()) for what in kinds if others[what, left.strip()]]
                if same:  # servers number parts as they like
                    others[same[0]] -= 1
                    left = ""
                elif part.key[0] in kinds:
                    is_other, left = True, ""
            found.append(part._replace(text=left))
        return found, is_other

    def may_be(self, index: int | None, id_: str, stated: JsonObject) -> bool:
        """Whether something of its kind with these names can be of it."""
        name, call_id = word(stated, "name"), word(stated, "call_id")
        has_other_id = bool(id_ and self.id) and id_ != self.id
        has_other_call = bool(call_id and self.call_id) and call_id != self.call_id
        if (name and self.name and name != self.name) or (self.is_done and (has_other_id or has_other_call)):
            return False
        if index is not None and self.index is not None:
            return index == self.index  # some servers have another id in every event
        return not has_other_id and not has_other_call

    def written(self) -> JsonObject:
        """As it was stated; where more was told of it than that, with what was told."""
        stated = {part.key: part for part in parts_of(self.stated)}
        told = {key: "".join(pieces) for key, pieces in self.parts.items()}
        length = len("".join(part.text for part in stated.values()).strip())
        if self.is_done and length >= len("".join(told.values()).strip()):
            return self.stated
        made: JsonObject = {"type": self.kind, **self.stated, "status": "completed"}
        if not told:
            return made
        if self.id:
            made["id"] = self.id
        if self.kind == CALL:
            field = "input" if made["type"] == "custom_tool_call" else "arguments"
            return {**made, field: told[ARGUMENTS, 0]}
        lists: dict[str, list[Json]] = {"content": [], "summary": []}
        for key in sorted(told.keys() | stated.keys(), key=lambda key: key[1]):
            kind, field = _WRITTEN[key[0]]
            part = stated.get(key) or Part(key, "", {})
            spoken: JsonObject = {"type": kind, **part.fields, field: told.get(key, part.text)}
            if notes := [note for of, note in self.notes if of == key]:
                spoken["annotations"] = list[Json](notes)
            lists["summary" if key[0] == SUMMARY else "content"].append(spoken)
        if self.kind == MESSAGE:
            return {"role": "assistant", **made, "content": lists["content"]}
        return {**made, **lists}


_WRITTEN = {
    TEXT: ("output_text", "text"),
    REFUSAL: ("refusal", "refusal"),
    SUMMARY: ("summary_text", "text"),
    THOUGHT: ("reasoning_text", "text"),
}


class Piece(NamedTuple):
    """Of a part, which is its first one or not. `is_other`: it is not what was told before."""

    item: Item
    key: Key
    text: str
    is_first: bool
    is_other: bool = False


class Items:
    """Those of one response, in the order of their beginning."""

    __slots__ = ("_last", "_named", "_placed", "all")

    def __init__(self) -> None:
        self.all: list[Item] = []
        self._placed: dict[tuple[str, int], Item] = {}
        self._named: dict[tuple[str, str], Item] = {}
        self._last: dict[str, Item] = {}

    @property
    def says_something(self) -> bool:
        return any(item.parts or item.is_done for item in self.all)

    def piece(self, event: JsonObject) -> Piece | None:
        """What an event adds to a part, which is told by that; None of any other event.

        Raises GatewayError for what is none, or is of no call.
        """
        row = PIECES.get(word(event, "type"))
        if row is None:
            return None
        kind, what, place, field = row
        item, key = self.of(kind, event), (what, count(event, place))
        is_first = key not in item.parts
        if field == "delta":
            left: str | None = answer_word(event, field)
        else:
            left = rest(item.told(key), answer_word(event, field))
        if left is None and kind == CALL:
            raise no_answer("arguments")
        item.say(key, left or "")
        return Piece(item, key, left or "", is_first, left is None)

    def of(self, kind: str, event: JsonObject) -> Item:
        """The item of an event. Raises GatewayError for a call of which nothing was said before."""
        index, id_ = _index(event), word(event, "item_id")
        found = self._find(kind, index, id_, {})
        if found is None and kind == CALL:
            raise no_answer("output_index")
        return self._noted(found or self._made(Item(kind, index)), index, id_)

    def stated(self, event: JsonObject, stated: JsonObject, *, as_whole: bool) -> Item:
        """The item of an event that opens one of a known kind, or closes it."""
        kind, index, id_ = KINDS[word(stated, "type")], _index(event), word(stated, "id")
        found = self._find(kind, index, id_, stated)
        if found is not None and not as_whole and (found.stated or found.is_done):
            found = None  # what opens another is another, whatever it is called
        item = self._noted(found or self._made(Item(kind, index, stated)), index, id_)
        item.stated = stated
        return item

    def matched(self, output: list[JsonObject]) -> list[Item | None]:
        """Which of them the items of known kinds are that a response ended with; a new one for each that is none of
        them, and None for those of other kinds."""
        ended = [
            Item(KINDS[word(one, "type")], index, one) if word(one, "type") in KINDS else None
            for index, one in enumerate(output)
        ]
        found: dict[int, Item] = {}
        known = self.all
        for name in _NAMES:
            left: dict[object, deque[Item]] = {}
            for item in known:
                left.setdefault(name(item), deque()).append(item)
            left.pop(None, None)
            for index, one in enumerate(ended):
                if one is not None and index not in found and (same := left.get(name(one))):
                    found[index] = same.popleft()
            taken = {id(item) for item in found.values()}
            known = [item for item in known if id(item) not in taken]
        return [
            None if one is None else found.get(index) or self._made(one) for index, one in enumerate(ended)
        ]

    def _find(self, kind: str, index: int | None, id_: str, stated: JsonObject) -> Item | None:
        last = self._last.get(kind)
        for known in (
            None if index is None else self._placed.get((kind, index)),
            self._named.get((kind, id_)),
            self._named.get((kind, word(stated, "call_id"))),
            None if last is None or last.is_done else last,
        ):
            if known is not None and known.may_be(index, id_, stated):
                return known
        return None

    def _made(self, item: Item) -> Item:
        self.all.append(item)
        self._last[item.kind] = item
        return self._noted(item, item.index, item.id)

    def _noted(self, item: Item, index: int | None, id_: str) -> Item:
        """By all its names."""
        if index is not None:
            item.index = index
            self._placed[item.kind, index] = item
        if id_:
            item.id = item.id or id_
            self._named[item.kind, id_] = item
        if item.call_id:
            self._named[item.kind, item.call_id] = item
        return item


#: What an item is known by, most certain first; None: it has no such name.
_NAMES: tuple[Callable[[Item], object], ...] = (
    lambda item: (item.kind, item.name, item.id) if item.id else None,
    lambda item: (item.name, item.call_id) if item.call_id else None,
    lambda item: None if item.index is None else (item.kind, item.name, item.index),
    lambda item: (
        (item.name, item.told((ARGUMENTS, 0)) or _arguments(item.stated)) if item.kind == CALL else item.kind
    ),
)
_ROWS = (
    ("output_text", MESSAGE, TEXT, "content_index", "text"),
    ("refusal", MESSAGE, REFUSAL, "content_index", "refusal"),
    ("reasoning_summary_text", REASONING, SUMMARY, "summary_index", "text"),
    ("reasoning_text", REASONING, THOUGHT, "content_index", "text"),
    ("function_call_arguments", CALL, ARGUMENTS, "", "arguments"),
    ("custom_tool_call_input", CALL, ARGUMENTS, "", "input"),
)
#: Of events that say a piece of a part, or all of it: (kind of item, part, field of its index, field).
PIECES = {
    f"response.{name}.{end}": (kind, what, place, field if end == "done" else end)
    for name, kind, what, place, field in _ROWS
    for end in ("delta", "done")
}


def parts_of(stated: JsonObject) -> list[Part]:
    """What an item of a known kind says; what is not of its type says nothing."""
    kind = KINDS.get(word(stated, "type"))
    if kind == CALL:
        return [Part((ARGUMENTS, 0), _arguments(stated), stated)]
    content = stated.get("content")
    if kind == MESSAGE:
        if isinstance(content, str):
            return [Part((TEXT, 0), content, {})]
        return [_part(one, index) for index, one in _dicts(content) if _is_said(one)]
    said = [Part((THOUGHT, index), word(one, "text"), one) for index, one in _dicts(content)]
    said += [Part((SUMMARY, index), word(one, "text"), one) for index, one in _dicts(stated.get("summary"))]
    if isinstance(content, str):
        said.append(Part((THOUGHT, 0), content, {}))
    enclosed = opened(word(stated, "encrypted_content"), "", "").text
    return said or ([Part((THOUGHT, 0), enclosed, {})] if enclosed else [])


def rest(told: str, whole: str) -> str | None:
    """What of a whole text was not told; None where another was. Spaces around it make no other."""
    if whole.startswith(told):
        return whole[len(told) :]
    if told.strip().startswith(whole.strip()):
        return ""
    one = read_object(told)
    return "" if one is not None and one == read_object(whole) else None


def _arguments(stated: JsonObject) -> str:
    """Raises GatewayError for what are none."""
    return answer_word(stated, "input" if stated.get("type") == "custom_tool_call" else "arguments")


def _part(fields: JsonObject, index: int) -> Part:
    if fields.get("type") == "refusal":
        return Part((REFUSAL, index), word(fields, "refusal"), fields)
    return Part((TEXT, index), word(fields, "text"), fields)


def _is_said(part: JsonObject) -> bool:
    return part.get("type") in TEXTS or part.get("type") == "refusal"


def _dicts(value: Json) -> Iterable[tuple[int, JsonObject]]:
    """With their indices, which are those of the list."""
    if not isinstance(value, list):
        return []
    return [(index, one) for index, one in enumerate(value) if isinstance(one, dict)]


def _index(event: JsonObject) -> int | None:
    value = event.get("output_index")
    return value if isinstance(value, int) else None
