"""Frames of an Anthropic stream: each with `event:`, which its SDKs go by."""

from gateway.chat import JsonObject
from gateway.dialects.json_text import json_bytes

#: Keeps a connection alive; SDKs pass over it.
PING = b'event: ping\ndata: {"type": "ping"}\n\n'
MESSAGE_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'

_START = b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":%b}\n\n'
_STOP = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
_DELTA = (
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":%b}}\n\n'
)
_MESSAGE_START = b'event: message_start\ndata: {"type":"message_start","message":%b}\n\n'
_MESSAGE_DELTA = b'event: message_delta\ndata: {"type":"message_delta","delta":%b,"usage":%b}\n\n'

_ENDS = ("stop_reason", "stop_sequence", "stop_details")
#: Kinds of deltas and the field of each.
TEXT = b"text_delta", b"text"
THINKING = b"thinking_delta", b"thinking"
SIGNATURE = b"signature_delta", b"signature"
ARGUMENTS = b"input_json_delta", b"partial_json"


def message_start(message: JsonObject) -> bytes:
    return _MESSAGE_START % json_bytes(message)


def block_start(index: int, block: JsonObject) -> bytes:
    return _START % (index, json_bytes(block))


def block_delta(index: int, kind: tuple[bytes, bytes], text: str) -> bytes:
    return _DELTA % (index, *kind, json_bytes(text))


def block_stop(index: int) -> bytes:
    return _STOP % index


def message_delta(delta: JsonObject, usage: JsonObject) -> bytes:
    """`usage` is all that was used, not what came since."""
    return _MESSAGE_DELTA % (json_bytes(delta), json_bytes(usage))


def frames_of_message(message: JsonObject) -> bytes:
    """A whole message as a stream of it, for a provider that would not stream. What blocks it has besides texts,
    thoughts and calls are said whole where they begin."""
    content, usage = message.get("content"), message.get("usage")
    frames = [message_start({**message, "content": [], "stop_reason": None, "stop_sequence": None})]
    for index, block in enumerate(content if isinstance(content, list) else ()):
        if isinstance(block, dict):
            frames += _block_frames(index, block)
    ends = {name: value for name, value in message.items() if name in _ENDS}
    frames += (message_delta(ends, usage if isinstance(usage, dict) else {"output_tokens": 0}), MESSAGE_STOP)
    return b"".join(frames)


def _block_frames(index: int, block: JsonObject) -> list[bytes]:
    kind = block.get("type")
    said: list[tuple[tuple[bytes, bytes], str]] = []
    opened = dict(block)
    for of, delta, name, empty in _STREAMED:
        value = block.get(name)
        if kind == of and value:
            said.append((delta, value if isinstance(value, str) else json_bytes(value).decode()))
            opened[name] = empty if isinstance(empty, str) else {}
    deltas = [block_delta(index, delta, text) for delta, text in said]
    return [block_start(index, opened), *deltas, block_stop(index)]


#: Of a block of each kind: the delta that brings a field, the field, and what stands for it where the block begins.
_STREAMED: tuple[tuple[str, tuple[bytes, bytes], str, str | None], ...] = (
    ("text", TEXT, "text", ""),
    ("thinking", THINKING, "thinking", ""),
    ("thinking", SIGNATURE, "signature", ""),
    ("tool_use", ARGUMENTS, "input", None),
)
