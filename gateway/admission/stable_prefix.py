"""What of a prompt stays the same from one turn to the next, as one number: where its cache may be warm.

Providers cache prompts by their beginning. That is tools, instructions and, so that not every conversation with the
same instructions goes to one key, the messages up to the first from the user. Of each text its beginning and its
length are hashed, a few KB in all: a mistake costs a cache miss and no more.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

#: Shorter prompts are not cached by anybody (OpenAI and Anthropic from 1,024 tokens on).
CACHED_FROM_BYTES = 3072
_TEXT_CHARACTERS = 512
_MESSAGES_MAX = 4
_PARTS_MAX = 4
_TOOLS_MAX = 8
#: What comes before the conversation, and the conversation: OpenAI chat, responses, Anthropic, Gemini.
_INSTRUCTIONS = ("system", "instructions", "systemInstruction")
_CONVERSATION = ("messages", "input", "contents")


def stable_prefix(tenant: str, fields: Mapping[str, Any], body_bytes: int) -> int:
    """A number for (tenant, beginning of the prompt), the same in every worker; 0 when nothing could be cached."""
    if body_bytes < CACHED_FROM_BYTES:
        return 0
    pieces = [tenant]
    tools = fields.get("tools")
    if isinstance(tools, list):
        pieces.append(f"{len(tools)} tools")
        pieces += [_tool_name(tool) for tool in tools[:_TOOLS_MAX]]
    for name in _INSTRUCTIONS:
        value = fields.get(name)
        if value:
            _add_texts(value, pieces)
    for name in _CONVERSATION:
        value = fields.get(name)
        if value:
            _add_opening(value, pieces)
    text = "\0".join(pieces).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest()) or 1


def _add_opening(messages: Any, pieces: list[str]) -> None:
    """The messages up to the first of the user, which stays where it is while the conversation grows."""
    if not isinstance(messages, list):
        _add_texts(messages, pieces)
        return
    for message in messages[:_MESSAGES_MAX]:
        if isinstance(message, dict):
            role = message.get("role")
            pieces.append(f"as {role}" if isinstance(role, str) else "as nobody")
            _add_texts(message.get("content") or message.get("parts"), pieces)
            if role == "user":
                break


def _add_texts(content: Any, pieces: list[str]) -> None:
    """A text, or the texts among parts. What else parts have (cache marks, ids) moves as a conversation grows."""
    if isinstance(content, dict):
        content = content.get("parts")
    if isinstance(content, str):
        pieces.append(f"{len(content)} {content[:_TEXT_CHARACTERS]}")
    elif isinstance(content, list):
        for part in content[:_PARTS_MAX]:
            text = part.get("text") if isinstance(part, dict) else None
            if isinstance(text, str):
                pieces.append(f"{len(text)} {text[:_TEXT_CHARACTERS]}")


def _tool_name(tool: Any) -> str:
    if not isinstance(tool, dict):
        return ""
    function = tool.get("function")
    name = function.get("name") if isinstance(function, dict) else tool.get("name")
    return name[:_TEXT_CHARACTERS] if isinstance(name, str) else ""
