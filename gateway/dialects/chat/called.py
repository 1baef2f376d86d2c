"""Calls as a provider says them, and as the caller knows their tools."""

from gateway.chat import Json, JsonObject, ToolCall
from gateway.dialects.chat.signatures import thought_signature
from gateway.dialects.tool_arguments import arguments_text, plain_input
from gateway.dialects.translation import Sent

_NO_IDS = ("", "null", "None")


class Calls:
    """How the calls of one reply are to be read."""

    __slots__ = ("_custom", "_names", "answer_tool")

    def __init__(self, sent: Sent) -> None:
        self._names = sent.names
        self.answer_tool = sent.answer_tool
        tools = sent.request.tools if sent.request is not None else ()
        self._custom = frozenset(tool.name for tool in tools if tool.custom)

    def name(self, sent: str) -> str:
        """What the caller calls the tool."""
        return self._names.get(sent, sent)

    def is_custom(self, name: str) -> bool:
        """Whether the caller's tool takes plain text."""
        return name in self._custom

    def whole(self, call: JsonObject) -> ToolCall | None:
        """None for what is no call."""
        inner = inner_of(call)
        sent = inner.get("name")
        if not isinstance(sent, str) or not sent:
            return None
        name, said = self.name(sent), arguments_of(inner)
        custom = self.is_custom(name)
        if custom and "input" not in inner:
            said = plain_input(said)
        return ToolCall(call_id(call), name, said, custom=custom, signature=thought_signature(call))


def inner_of(call: JsonObject) -> JsonObject:
    inner = call.get("function")
    if inner is None:
        inner = call.get("custom")
    return inner if isinstance(inner, dict) else {}


def arguments_of(inner: JsonObject) -> str:
    """Their text; of a server that has an object there, its text. Of a plain-text tool the input."""
    said: Json = inner.get("arguments")
    if said is None:
        said = inner.get("input")
    if isinstance(said, str):
        return said
    return arguments_text(said) if isinstance(said, dict) else ""


def call_id(call: JsonObject) -> str:
    """ "" where the provider gives none: whoever writes the reply makes one."""
    id_ = call.get("id")
    return id_ if isinstance(id_, str) and id_ not in _NO_IDS else ""
