"""Frames of a Gemini stream as the response that they come to: each has what is new, and the rest anew.

New are parts, their log probabilities, and sources.
"""

from gateway.chat import Json, JsonObject
from gateway.dialects.gemini.reply_in import parts_of
from gateway.dialects.said_fields import answer_index, answer_objects, dicts, inside

_CANDIDATES, _GROUNDING, _PLACES = "candidates", "groundingMetadata", "groundingChunkIndices"
#: Whose lists go on.
_ADDED = frozenset({_GROUNDING, "citationMetadata", "logprobsResult"})


class GeminiGathered:
    __slots__ = ("_candidates", "_fields", "_parts")

    def __init__(self) -> None:
        self._fields: JsonObject = {}
        self._candidates: dict[int, JsonObject] = {}
        self._parts: dict[int, list[Json]] = {}

    def take(self, event: JsonObject) -> None:
        """Raises GatewayError for what is no such frame."""
        self._fields |= event
        for stated in answer_objects(event, _CANDIDATES):
            index = answer_index(stated)
            before = self._candidates.get(index, {})
            self._parts.setdefault(index, []).extend(parts_of(stated))
            content = {**inside(before, "content"), **inside(stated, "content")}
            _count_on(inside(stated, _GROUNDING), inside(before, _GROUNDING))
            added = {
                name: _added(inside(before, name), inside(stated, name)) for name in _ADDED & stated.keys()
            }
            self._candidates[index] = {**before, **stated, **added, "content": content}

    def whole(self) -> JsonObject:
        for index, parts in self._parts.items():
            inside(self._candidates[index], "content")["parts"] = parts
        if not self._candidates:
            return self._fields
        return {**self._fields, _CANDIDATES: [one for _, one in sorted(self._candidates.items())]}


def _added(before: JsonObject, stated: JsonObject) -> JsonObject:
    """`before` with its lists gone on."""
    for name, value in stated.items():
        several = before.get(name)
        if isinstance(several, list) and isinstance(value, list):
            several += value
        else:
            before[name] = value
    return before


def _count_on(grounding: JsonObject, before: JsonObject) -> None:
    """Its supports name sources by their places, which are now behind those before."""
    known = len(dicts(before.get("groundingChunks")))
    for support in dicts(grounding.get("groundingSupports")):
        if isinstance(places := support.get(_PLACES), list):
            support[_PLACES] = [place + known if isinstance(place, int) else place for place in places]
