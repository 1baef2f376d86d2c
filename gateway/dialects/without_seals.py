"""A request without what only its own provider could have sealed: signatures of thoughts, encrypted reasoning.

They are bound to an organisation or a route, and another one refuses the whole conversation for them; without them
it is asked the same with less of what was thought before (wire reference §3.1). What is left is what each provider
takes: Anthropic no thought without its signature, nor a budget for more of it where a call has lost its own; OpenAI
no item by an id that belongs to reasoning; Gemini a stand-in at a call, which it does not check.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from gateway.chat import Json, JsonObject
from gateway.dialects.chat.reasoning import DETAILS
from gateway.dialects.chat.signatures import EXTRA, thought_signature, write_signature
from gateway.dialects.gemini.contents_out import STAND_IN
from gateway.dialects.json_text import json_bytes, read_object
from gateway.dialects.said_fields import dicts
from gateway.record import replace

_THOUGHTS = ("thinking", "redacted_thinking")
_OF_PART = "thoughtSignature"


def without_seals(api: str, body: bytes) -> bytes | None:
    """The body of a request to a provider's `api`; None where there is nothing of the kind in it."""
    strip = _BY_API.get(api)
    fields = read_object(body) if strip is not None else None
    if strip is None or fields is None or not strip(fields):
        return None
    return json_bytes(fields)


def _of_messages(fields: JsonObject) -> bool:
    messages: list[Json] = []
    found = calls = False
    for message in dicts(fields.get("messages")):
        content = message.get("content")
        if isinstance(content, list):
            kept = [block for block in content if _kind(block) not in _THOUGHTS]
            calls = calls or any(_kind(block) == "tool_use" for block in kept)
            if len(kept) < len(content):
                found = True
                if not kept:
                    continue
                message["content"] = kept
        messages.append(message)
    if found:
        fields["messages"] = messages
        if calls and _kind(fields.get("thinking")) == "enabled":
            del fields["thinking"]
    return found


def _of_responses(fields: JsonObject) -> bool:
    items = fields.get("input")
    if not isinstance(items, list):
        return False
    kept = [item for item in items if _kind(item) != "reasoning"]
    if len(kept) == len(items):
        return False
    for item in dicts(kept):
        if _kind(item) != "item_reference":
            item.pop("id", None)
    fields["input"] = kept
    return True


def _of_gemini(fields: JsonObject) -> bool:
    found = False
    for content in dicts(fields.get("contents")):
        for part in dicts(content.get("parts")):
            if part.get(_OF_PART, STAND_IN) != STAND_IN:
                found = True
                if "functionCall" in part:
                    part[_OF_PART] = STAND_IN
                else:
                    del part[_OF_PART]
    return found


def _of_chat(fields: JsonObject) -> bool:
    found = False
    for message in dicts(fields.get("messages")):
        found = message.pop(DETAILS, None) is not None or found
        if thought_signature(message) is not None:
            del message[EXTRA]
            found = True
        for call in dicts(message.get("tool_calls")):
            signature = thought_signature(call)
            if signature is not None and signature.data != STAND_IN:
                write_signature(call, replace(signature, data=STAND_IN))
                found = True
    return found


def _kind(value: Json) -> Json:
    return value.get("type") if isinstance(value, dict) else None


_BY_API: Mapping[str, Callable[[JsonObject], bool]] = MappingProxyType(
    {
        "messages": _of_messages,
        "responses": _of_responses,
        "generate_content": _of_gemini,
        "chat": _of_chat,
    }
)
