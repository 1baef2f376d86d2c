"""What an event of a stream adds to one of its choices.

Servers have a whole `message` where a delta should be: of what is new, or, behind the deltas, of all that these
have said. So a message adds the fields that no delta had. After the reason why it ended nothing is added.
"""

from gateway.chat import JsonObject
from gateway.dialects.chat.spoken import says_something
from gateway.dialects.said_fields import answer_object


class AddedFields:
    """Of one choice; who reads it says when it has `finished`."""

    __slots__ = ("_said", "finished")

    def __init__(self) -> None:
        self.finished = False
        self._said: set[str] = set()  # fields of deltas

    def of(self, stated: JsonObject) -> tuple[JsonObject, tuple[str, ...]]:
        """(the fields that are added, what of the event is not). Raises GatewayError for what is no event."""
        if delta := answer_object(stated, "delta"):
            if self.finished:
                return {}, ("delta",) if says_something(delta) else ()
            if not self._said.issuperset(delta):
                self._said |= {name for name, value in delta.items() if value}
            return delta, ()
        message = answer_object(stated, "message")
        added = (
            {}
            if self.finished
            else {name: value for name, value in message.items() if name not in self._said}
        )
        told = {name: value for name, value in message.items() if name not in added}
        return added, ("message",) if says_something(told) else ()
