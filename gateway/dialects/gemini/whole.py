"""Frames of a Gemini stream as the response that they come to: each has what is new, and the rest anew."""

from gateway.chat import Json, JsonObject
from gateway.dialects.gemini.reply_in import parts_of
from gateway.dialects.said_fields import answer_index, answer_objects, inside

_CANDIDATES = "candidates"


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
            self._candidates[index] = {**before, **stated, "content": content}

    def whole(self) -> JsonObject:
        for index, parts in self._parts.items():
            inside(self._candidates[index], "content")["parts"] = parts
        if not self._candidates:
            return self._fields
        return {**self._fields, _CANDIDATES: [one for _, one in sorted(self._candidates.items())]}
