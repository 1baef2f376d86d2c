"""What callers may not ask: where each refusal points."""

from typing import Any

import pytest

from gateway.errors import GatewayError
from tests.dialects.chat.asking import read


def part(stated: Any, role: str = "user") -> dict[str, Any]:
    return {"messages": [{"role": role, "content": [stated]}]}


def call(stated: Any) -> dict[str, Any]:
    return {"messages": [{"role": "assistant", "tool_calls": [stated]}]}


PART = "messages[0].content[0]"
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"messages": None}, "missing_required_parameter", "messages"),
    ({"messages": []}, "invalid_value", "messages"),
    ({"messages": "hi"}, "invalid_type", "messages"),
    ({"messages": ["hi"]}, "invalid_type", "messages[0]"),
    ({"messages": [{"content": "a"}]}, "missing_required_parameter", "messages[0].role"),
    ({"messages": [{"role": "robot", "content": "a"}]}, "invalid_value", "messages[0].role"),
    ({"messages": [{"role": "user"}]}, "missing_required_parameter", "messages[0].content"),
    ({"messages": [{"role": "user", "content": 3}]}, "invalid_type", "messages[0].content"),
    (part("a"), "invalid_type", "messages[0].content[0]"),
    (part({"type": "video_url"}), "invalid_value", PART + ".type"),
    (part({"type": "image_url"}, "system"), "invalid_value", PART + ".type"),
    (part({"type": "text"}), "missing_required_parameter", PART + ".text"),
    (
        part({"type": "image_url", "image_url": {"url": "data:image/png,x"}}),
        "invalid_value", PART + ".image_url.url",
    ),
    (
        part({"type": "image_url", "image_url": {"url": "a.png"}}),
        "invalid_value", PART + ".image_url.url",
    ),
    (
        part({"type": "file", "file": {}}),
        "missing_required_parameter", PART + ".file.file_data",
    ),
    (
        part({"type": "file", "file": {"file_data": "data:text/plain;base64,/w=="}}),
        "invalid_value", PART + ".file.file_data",
    ),
    ({"messages": [{"role": "tool", "content": "a"}]}, "missing_required_parameter", "messages[0].tool_call_id"),
    ({"messages": [{"role": "function", "name": "f", "content": "a"}]}, "invalid_value", "messages[0].role"),
    ({"messages": [{"role": "assistant", "audio": {"id": "a"}}]}, "unsupported_parameter", "messages[0].audio"),
    (call({"function": {}}), "missing_required_parameter", "messages[0].tool_calls[0].id"),
    (
        call({"id": "a", "function": {"name": "f", "arguments": {}}}),
        "invalid_type", "messages[0].tool_calls[0].function.arguments",
    ),
    ({"tools": [{"type": "web_search"}]}, "unsupported_value", "tools[0].type"),
    ({"tools": [{"type": "function"}]}, "missing_required_parameter", "tools[0].function"),
    ({"tools": [{"type": "function", "function": {}}]}, "missing_required_parameter", "tools[0].function.name"),
    ({"tool_choice": "maybe"}, "invalid_value", "tool_choice"),
    ({"tool_choice": 3}, "invalid_type", "tool_choice"),
    ({"tool_choice": {"type": "function"}}, "missing_required_parameter", "tool_choice.function"),
    ({"tool_choice": {"type": "file_search"}}, "invalid_value", "tool_choice.type"),
    ({"max_tokens": 0}, "invalid_value", "max_tokens"),
    ({"max_completion_tokens": "5"}, "invalid_type", "max_completion_tokens"),
    ({"temperature": 2.5}, "invalid_value", "temperature"),
    ({"n": 0}, "invalid_value", "n"),
    ({"reasoning_effort": "huge"}, "invalid_value", "reasoning_effort"),
    ({"stop": [1]}, "invalid_type", "stop"),
    ({"metadata": {"a": 1}}, "invalid_type", "metadata.a"),
    ({"modalities": ["smell"]}, "invalid_value", "modalities"),
    ({"modalities": ["audio"]}, "missing_required_parameter", "audio"),
    ({"response_format": {}}, "missing_required_parameter", "response_format.type"),
    ({"response_format": {"type": "xml"}}, "invalid_value", "response_format.type"),
    ({"response_format": {"type": "json_schema"}}, "missing_required_parameter", "response_format.json_schema"),
    ({"response_format": {"type": "json_schema", "json_schema": {}}},
     "missing_required_parameter", "response_format.json_schema.name"),
    ({"stream": "yes"}, "invalid_type", "stream"),
    ({"stream_options": {"include_usage": 1}}, "invalid_type", "stream_options.include_usage"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "code", "param"), REFUSED)
def test_refusals_say_where(fields: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(GatewayError) as error:
        read(**fields)
    assert (error.value.condition.code, error.value.param) == (code, param)
