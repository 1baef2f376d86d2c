"""What is left of a conversation when its seals are taken out, in the words of each provider's API."""

import json
from typing import Any

import pytest

from gateway.dialects.gemini.contents_out import STAND_IN
from gateway.dialects.without_seals import without_seals

_USER: Any = {"role": "user", "content": "hi"}
_CALL: Any = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
_THOUGHT: Any = {"type": "thinking", "thinking": "hm", "signature": "s"}
_HIDDEN: Any = {"type": "redacted_thinking", "data": "s"}
_FUNCTION: Any = {"name": "f", "args": {}}


def google(signature: str) -> Any:
    return {"extra_content": {"google": {"thought_signature": signature}}}


@pytest.mark.parametrize(
    ("api", "given", "left"),
    [
        (
            "messages",
            {"messages": [_USER, {"role": "assistant", "content": [_THOUGHT, _HIDDEN, _CALL]}]},
            {"messages": [_USER, {"role": "assistant", "content": [_CALL]}]},
        ),
        ("messages", {"messages": [_USER, {"role": "assistant", "content": [_HIDDEN]}]}, {"messages": [_USER]}),
        (
            "messages",
            {"thinking": {"type": "enabled"}, "messages": [{"role": "assistant", "content": [_THOUGHT, _CALL]}]},
            {"messages": [{"role": "assistant", "content": [_CALL]}]},
        ),
        (
            "messages",
            {"thinking": {"type": "adaptive"}, "messages": [{"role": "assistant", "content": [_THOUGHT, _CALL]}]},
            {"thinking": {"type": "adaptive"}, "messages": [{"role": "assistant", "content": [_CALL]}]},
        ),
        (
            "responses",
            {"input": [{"type": "reasoning", "id": "rs_1", "encrypted_content": "s"},
                       {"type": "function_call", "id": "fc_1", "call_id": "c"}]},
            {"input": [{"type": "function_call", "call_id": "c"}]},
        ),
        (
            "generate_content",
            {"contents": [{"parts": [{"text": "a", "thoughtSignature": "s"},
                                     {"functionCall": _FUNCTION, "thoughtSignature": "s"},
                                     {"functionCall": _FUNCTION}]}]},
            {"contents": [{"parts": [{"text": "a"}, {"functionCall": _FUNCTION, "thoughtSignature": STAND_IN},
                                     {"functionCall": _FUNCTION}]}]},
        ),
        (
            "chat",
            {"messages": [{"role": "assistant", **google("s"), "tool_calls": [{"id": "c", **google("s")}]}]},
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "c", **google(STAND_IN)}]}]},
        ),
        (
            "chat",
            {"messages": [{"role": "assistant", "content": "a", "reasoning_details": [{"data": "s"}]}]},
            {"messages": [{"role": "assistant", "content": "a"}]},
        ),
    ],
)  # fmt: skip
def test_what_is_left(api: str, given: dict[str, Any], left: dict[str, Any]) -> None:
    short = without_seals(api, json.dumps(given).encode())
    assert short is not None
    assert json.loads(short) == left
    assert without_seals(api, short) is None


@pytest.mark.parametrize("api", ["messages", "responses", "generate_content", "chat", "embeddings"])
def test_where_there_is_none(api: str) -> None:
    plain = {"messages": [_USER], "input": "hi", "contents": [{"parts": [{"text": "hi"}]}]}
    for raw in (json.dumps(plain).encode(), b"[]", b"{", b'{"messages":5,"input":5,"contents":5}'):
        assert without_seals(api, raw) is None
