"""Calls as a provider says them, and as the caller knows their tools."""

from gateway.chat import Json, JsonObject, ToolCall
from gateway.dialects.call_ids import MadeIds
from gateway.dialects.chat.signatures import thought_signature
from gateway.dialects.said_fields import answer_object, answer_word, no_answer, word
from gateway.dialects.tool_arguments import arguments_text, is_half_input, plain_input
from gateway.dialects.translation import Sent

_KINDS = ("", "function", "custom")
_NO_IDS = ("", "null", "None")


class Calls:
    """How the calls of one reply are to be read. Those without an id get one of the reply's."""

    __slots__ = ("_custom", "_made", "_names", "answer_tool", "has_half")

    def __init__(self, sent: Sent) -> None:
        self._names = sent.names
        self._made: MadeIds | None = None
        self.answer_tool = sent.answer_tool
        self.has_half = False  # of an input, in a whole call
        tools = sent.request.tools if sent.request is not None else ()
        self._custom = frozenset(tool.name for tool in tools if tool.custom)

    def begin(self, reply: JsonObject) -> None:
        """With the reply, or the first event of its stream."""
        self._made = MadeIds(reply)

    def made_id(self) -> str:
        assert self._made is not None, "it has begun"
        return self._made.next()

    def name(self, sent: str) -> str:
        """What the caller calls the tool."""
        return self._names.get(sent, sent)

    def is_custom(self, name: str) -> bool:
        """Whether the caller's tool takes plain text."""
        return name in self._custom

    def whole(self, call: JsonObject) -> ToolCall:
        """Raises GatewayError for what is no call, or one of nothing."""
        inner = inner_of(call)
        sent = answer_word(inner, "name")
        if not sent:
            raise no_answer("tool_calls")
        name, said = self.name(sent), arguments_of(inner)
        custom = self.is_custom(name)
        if custom and "input" not in inner:
            self.has_half = self.has_half or is_half_input(said)
            said = plain_input(said)
        return ToolCall(
            call_id(call) or self.made_id(), name, said, custom=custom, signature=thought_signature(call)
        )


def unread_call(call: JsonObject) -> str:
    """The kind of one that nobody here knows; "" for what is a function's or a plain-text tool's, or says none."""
    kind = word(call, "type")
    return "" if kind in _KINDS or inner_of(call) else kind


def inner_of(call: JsonObject) -> JsonObject:
    """Raises GatewayError for what is no call."""
    return answer_object(call, "function") or answer_object(call, "custom")


def arguments_of(inner: JsonObject) -> str:
    """Their text; of a server that has an object there, its text. Of a plain-text tool the input.

    Raises GatewayError for what is neither.
    """
    said: Json = inner.get("arguments")
    if said is None:
        said = inner.get("input")
    if isinstance(said, str):
        return said
    if said is not None and not isinstance(said, dict):
        raise no_answer("arguments")
    return "" if said is None else arguments_text(said)


def call_id(stated: JsonObject, name: str = "id") -> str:
    """Of a call, or of its result by the name that it has there; "" where none is given."""
    id_ = word(stated, name)
    return "" if id_ in _NO_IDS else id_
