"""Events of a Responses stream as the response that they come to: the last one has all of it."""

from gateway.chat import Json, JsonObject
from gateway.dialects.said_fields import answer_object, count, no_answer

_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})


class ResponseGathered:
    __slots__ = ("_items", "_response")

    def __init__(self) -> None:
        self._items: dict[int, Json] = {}
        self._response: JsonObject = {}

    def take(self, event: JsonObject) -> None:
        """Raises GatewayError for what is no such event."""
        kind = event.get("type")
        if kind == "response.output_item.done":
            self._items[count(event, "output_index")] = answer_object(event, "item")
        elif kind in _ENDS:
            self._response = answer_object(event, "response")

    def whole(self) -> JsonObject:
        """Raises GatewayError for one that is none."""
        if not self._response:
            raise no_answer("response")
        output = self._response.get("output")
        # Some servers tell the items as they come, and not again.
        return self._response if output else {**self._response, "output": list(self._items.values())}
