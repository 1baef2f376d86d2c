"""Conversations that go to Anthropic as they are, though another provider answered a part of them.

Its thoughts stand there with a mark instead of a signature (`thoughts`), and Anthropic would refuse the request for
it: without them it is one that it could have answered all along.
"""

from gateway.chat import Json, JsonObject
from gateway.dialects.document import Document
from gateway.dialects.json_text import json_bytes, read_object
from gateway.dialects.messages.thoughts import MARK

_QUOTED = b'"' + MARK.encode()


def may_have_foreign_thoughts(raw: bytes) -> bool:
    """Whether it is worth looking: nearly never, and then one search is all that it costs."""
    return raw.find(_QUOTED) >= 0


def with_own_thoughts(document: Document) -> Document:
    """The request without those of others."""
    fields = read_object(document.raw) or {}
    messages = fields.get("messages")
    if not isinstance(messages, list):
        return document
    return document.edited(document.spliced({"messages": json_bytes(without_foreign_thoughts(messages))}))


def without_foreign_thoughts(messages: list[Json]) -> list[Json]:
    """The `messages` of a request without marked blocks, and without messages that had nothing else."""
    kept: list[Json] = []
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        if not isinstance(message, dict) or not isinstance(content, list):
            kept.append(message)
            continue
        own = [block for block in content if not (isinstance(block, dict) and _is_marked(block))]
        if own or not content:
            kept.append({**message, "content": own})
    return kept


def _is_marked(block: JsonObject) -> bool:
    kind = block.get("type")
    field = (
        {"thinking": "signature", "redacted_thinking": "data"}.get(kind) if isinstance(kind, str) else None
    )
    value = block.get(field) if field is not None else None
    return isinstance(value, str) and value.startswith(MARK)
