"""The messages of a caller's chat completions as the provider takes them, where both speak the same.

Which byte sequences a conversation must have for that to be needed at all follows from the flavour's `Quirks`; one
without them is not looked into.
"""

from typing import cast

from gateway.chat import Json, JsonObject
from gateway.dialects.call_ids import call_id_of
from gateway.dialects.chat.called import call_id
from gateway.dialects.chat.messages_out import give_back
from gateway.dialects.chat.old_calls import as_tool_calls
from gateway.dialects.chat.quirks import Quirks
from gateway.dialects.chat.reasoning import GIVEN_BACK, THOUGHTS, thoughts_of
from gateway.dialects.document import Document
from gateway.dialects.json_fields import path
from gateway.dialects.json_text import read_json
from gateway.dialects.known_fields import without_unknown
from gateway.dialects.losses import Losses
from gateway.dialects.said_fields import dicts

_ASSISTANT = (b'"assistant"',)
_DEVELOPER = (b'"developer"',)
_THOUGHTS = (b'"reasoning', b'"thinking_blocks"')
_NULLS = (b":null", b": null")
_NAMES = (b'"name"',)
_CALLS = (b'"tool_call_id"', b'"tool_calls"')


class MessagePatch:
    """By the quirks of one flavour."""

    __slots__ = ("_known", "_quirks", "_thinks", "marks")

    def __init__(self, quirks: Quirks) -> None:
        self._quirks = quirks
        self._known = (quirks.known or {}).get("messages")
        self._thinks = bool(quirks.thinking) or quirks.strict_messages
        marks: list[bytes] = []
        marks += () if quirks.developer is not None else _DEVELOPER
        marks += _THOUGHTS if self._thinks else ()
        marks += () if quirks.nulls else _NULLS
        marks += () if quirks.names else _NAMES
        marks += _CALLS if quirks.call_id_letters else ()
        marks += _ASSISTANT if quirks.prefix else ()
        self.marks = tuple(marks)

    def concerns(self, document: Document) -> bool:
        """Whether a message may have to be changed."""
        if self._quirks.known is not None:
            return True
        start, end = document.span("messages")
        return any(document.raw.find(mark, start, end) >= 0 for mark in self.marks)

    def changed(self, document: Document, losses: Losses) -> list[Json] | None:
        """The messages; None where all are as they should be, or what they should not be at all."""
        messages = read_json(document.raw[slice(*document.span("messages"))])
        if not isinstance(messages, list):
            return None
        known = messages if self._known is None or "function_call" in self._known else as_tool_calls(messages)
        written: list[Json] = [
            self._message(one, path("messages", place), losses) if isinstance(one, dict) else one
            for place, one in enumerate(known)
        ]
        last = written[-1] if written else None
        if self._quirks.prefix and isinstance(last, dict) and _is_to_go_on(last):
            written[-1] = {**last, "prefix": True}
        return written if written != messages else None

    def _message(self, message: JsonObject, at: str, losses: Losses) -> JsonObject:
        quirks, role, made = self._quirks, message.get("role"), dict(message)
        if role == "developer" and quirks.developer is None:
            made["role"] = "system"
        if role != "tool" and not quirks.names and made.pop("name", None) is not None:
            losses.dropped(path(at, "name"))
        if role == "tool" and quirks.call_id_letters and "tool_call_id" in message:  # as its call's is made
            made["tool_call_id"] = call_id_of(call_id(message, "tool_call_id"), quirks.call_id_letters)
        if role == "assistant":
            self._assistant(made, at, losses)
        return (
            made if self._known is None else cast(JsonObject, without_unknown(made, self._known, at, losses))
        )

    def _assistant(self, message: JsonObject, at: str, losses: Losses) -> None:
        quirks = self._quirks
        if self._thinks and not THOUGHTS.isdisjoint(message):
            self._think(message, at, losses)
        if not quirks.nulls:
            for name in [name for name, value in message.items() if value is None]:
                del message[name]
        if quirks.call_id_letters and message.get("tool_calls"):
            message["tool_calls"] = [
                {**call, "id": call_id_of(call_id(call), quirks.call_id_letters)}
                for call in dicts(message["tool_calls"])
            ]

    def _think(self, message: JsonObject, at: str, losses: Losses) -> None:
        """Earlier reasoning goes where the provider looks for it, or nowhere."""
        wanted = self._quirks.thinking
        missing = [name for name in wanted if name not in message]
        if "content" in wanted and not isinstance(message.get("content"), list):
            missing = ["content"]
        thoughts = thoughts_of(message)
        for name in THOUGHTS.intersection(message).difference(wanted):
            if message.pop(name) and name in GIVEN_BACK and not wanted:
                losses.dropped(path(at, name))
        if thoughts and missing:
            give_back(message, thoughts, missing)


def _is_to_go_on(message: JsonObject) -> bool:
    return message.get("role") == "assistant" and not message.get("tool_calls") and "prefix" not in message
