"""What callers ask and what the static upstream answers, byte for byte.

Sizes follow the reference measurements (a 481 B request, a 712 B answer, frames of about 200 B), so that
figures compare with other gateways'. Both sides of the wire read this file: a load generator knows
exactly what a right answer holds.
"""

from __future__ import annotations

import json
from functools import cache

MARKER = b"kaze-bench-marker"
"""Text that every right answer holds: once in a JSON answer, once in the last frame of a stream."""

STREAM_FRAMES = 50
"""Content frames of a stream unless the model's name asks otherwise, finish frame included; without
the usage frame and `[DONE]`."""

ANSWER_BYTES = 712
REQUEST_BYTES = 481

_CHUNK_OPEN = '{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"static",'
_USAGE = '"usage":{"prompt_tokens":21,"completion_tokens":50,"total_tokens":71}'


def request_body(model: str, *, stream: bool = False, size: int = REQUEST_BYTES) -> bytes:
    """A chat request of exactly `size` bytes (or as few as it takes), padded in the user's message."""

    def with_padding(length: int) -> bytes:
        head = f'{{"model":"{model}",' + ('"stream":true,' if stream else "")
        messages = f'"messages":[{{"role":"system","content":"You are brief."}},{_user(length)}]'
        return f'{head}"max_tokens":64,"temperature":0,{messages}}}'.encode()

    return with_padding(max(0, size - len(with_padding(0))))


def _user(length: int) -> str:
    words = "the quick brown fox jumps over the lazy dog "
    return f'{{"role":"user","content":"{(words * (length // len(words) + 1))[:length]}"}}'


@cache
def answer_body() -> bytes:
    """The JSON answer, with usage and the marker, of exactly `ANSWER_BYTES` bytes."""

    def with_padding(length: int) -> bytes:
        content = MARKER.decode() + "." * length
        answer = {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1700000000,
            "model": "static",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": content},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 21, "completion_tokens": 50, "total_tokens": 71},
        }
        return json.dumps(answer, separators=(",", ":")).encode()

    return with_padding(ANSWER_BYTES - len(with_padding(0)))


@cache
def messages_answer_body() -> bytes:
    """The same answer in Anthropic's words."""
    answer = json.loads(answer_body())
    said = {
        "id": "msg_bench",
        "type": "message",
        "role": "assistant",
        "model": "static",
        "content": [{"type": "text", "text": answer["choices"][0]["message"]["content"]}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 21, "output_tokens": 50},
    }
    return json.dumps(said, separators=(",", ":")).encode()


def frame(content: str, *, last: bool = False) -> bytes:
    """One server-sent event holding one chunk of a chat completion."""
    finish = '"stop"' if last else "null"
    delta = f'"choices":[{{"index":0,"delta":{{"content":"{content}"}},"finish_reason":{finish}}}]'
    return f"data: {_CHUNK_OPEN}{delta}}}\n\n".encode()


def usage_frame() -> bytes:
    """The frame that only a caller who asked for usage may see."""
    return f'data: {_CHUNK_OPEN}"choices":[],{_USAGE}}}\n\n'.encode()


DONE = b"data: [DONE]\n\n"
