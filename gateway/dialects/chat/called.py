"""Calls as a provider says them, and as the caller knows their tools."""

import re
from hashlib import sha256

from gateway.chat import Json, JsonObject, ToolCall
from gateway.dialects.chat.signatures import thought_signature
from gateway.dialects.json_text import json_bytes
from gateway.dialects.said_fields import answer_object, answer_word, no_answer, word
from gateway.dialects.tool_arguments import arguments_text, plain_input
from gateway.dialects.translation import Sent

_KINDS = ("", "function", "custom")
_NO_IDS = ("", "null", "None")
_NO_ID = re.compile(r"[^a-zA-Z0-9_-]")
_ID_MAX = 28  # OpenAI takes ids of 40 letters


class Calls:
    """How the calls of one reply are to be read. Those without an id get one that no other reply has, made of that
    of the reply: a provider's replies have such, and what has not is told apart by all that it says.
    """

    __slots__ = ("_custom", "_made", "_names", "_unique", "answer_tool")

    def __init__(self, sent: Sent) -> None:
        self._names = sent.names
        self._unique = ""
        self._made = 0
        self.answer_tool = sent.answer_tool
        tools = sent.request.tools if sent.request is not None else ()
        self._custom = frozenset(tool.name for tool in tools if tool.custom)

    def begin(self, reply: JsonObject) -> None:
        """With the reply, or the first event of its stream."""
        given = _NO_ID.sub("_", word(reply, "id"))[-_ID_MAX:]
        self._unique = given or sha256(json_bytes(reply)).hexdigest()[:_ID_MAX]

    def made_id(self) -> str:
        self._made += 1
        return f"call_{self._unique}_{self._made - 1}"

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
