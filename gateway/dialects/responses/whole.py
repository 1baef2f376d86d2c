"""Events of a Responses stream as the response that they come to.

The last one has all of it; but some servers tell items as they come, or their parts, and not again.
"""

from gateway.chat import Json, JsonObject
from gateway.dialects.responses.items_told import CALL, KINDS, MESSAGE, TEXT, Item, Items, parts_of
from gateway.dialects.responses.reply_in import ended_response
from gateway.dialects.said_fields import answer_object, answer_objects, count, inside, no_answer, word

_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})
_OPENED, _CLOSED = "response.output_item.added", "response.output_item.done"


class ResponseGathered:
    __slots__ = ("_items", "_others", "_response")

    def __init__(self) -> None:
        self._items = Items()
        self._others: list[
            tuple[int, JsonObject]
        ] = []  # of other kinds, and how many of the known stood before
        self._response: JsonObject = {}

    def take(self, event: JsonObject) -> None:
        """Raises GatewayError for what is no such event."""
        kind = word(event, "type")
        if kind in (_OPENED, _CLOSED):
            self._state(event, answer_object(event, "item"), kind == _CLOSED)
        elif kind == "response.output_text.annotation.added":
            note = inside(event, "annotation")
            self._items.of(MESSAGE, event).notes.append(((TEXT, count(event, "content_index")), note))
        elif kind in _ENDS:
            self._response = ended_response(event)
        elif (piece := self._items.piece(event)) is not None and piece.is_other:
            raise no_answer(piece.item.kind)

    def whole(self) -> JsonObject:
        """Raises GatewayError for one that is none."""
        if not self._response:
            raise no_answer("response")
        output = answer_objects(self._response, "output")
        known = list(self._items.all)
        ended = list(zip(output, self._items.matched(output), strict=True))
        found: list[Json] = []
        for stated, item in ended:
            if item is not None:
                item.stated, item.is_done = stated, True
            found.append(stated if item is None else item.written())
        again = {id(item) for _, item in ended}
        return {**self._response, "output": [*self._untold(output, known, again), *found]}

    def _state(self, event: JsonObject, stated: JsonObject, is_whole: bool) -> None:
        if word(stated, "type") in KINDS:
            item = self._items.stated(event, stated, as_whole=is_whole)
            item.is_done = item.is_done or is_whole
        elif is_whole:
            self._others.append((len(self._items.all), stated))

    def _untold(self, output: list[JsonObject], known: list[Item], again: set[int]) -> list[Json]:
        """What the response does not tell again, which came before it."""
        names = {(word(one, "type"), word(one, "id")) for one in output}
        placed = [
            (place, one) for place, one in self._others if (word(one, "type"), word(one, "id")) not in names
        ]
        placed += [
            (place, item.written())
            for place, item in enumerate(known)
            if id(item) not in again and _says_something(item)
        ]
        return [one for _, one in sorted(placed, key=lambda row: row[0])]


def _says_something(item: Item) -> bool:
    says = item.kind == CALL or any(part.text for part in parts_of(item.stated))
    return bool(says or item.is_done or item.parts)
