"""Fields inside a caller's request that nobody knows: each is named by its path, whatever dialect it is in."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.chat import (
    Answer,
    ChatReply,
    ChatRequest,
    Citation,
    Json,
    JsonObject,
    Signature,
    Text,
    Thinking,
    ToolCall,
    Turn,
)
from gateway.dialects.json_text import json_bytes, read_object
from gateway.dialects.losses import Losses
from gateway.dialects.table import inbound
from gateway.dialects.translation import Asked
from gateway.errors import GatewayError

_FOO: JsonObject = {"foo": 1, "bar": None}
_SCHEMA: JsonObject = {"type": "object", "properties": {"foo": {"type": "string", "x-own": 1}}}
_CHAT: JsonObject = {
    "model": "m",
    "messages": [
        {"role": "user", "content": "hi", **_FOO},
        {"role": "user", "content": [{"type": "text", "text": "hi", **_FOO}]},
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": "https://a.b/c.png", **_FOO}}],
        },
        {
            "role": "assistant",
            "content": None,
            "annotations": [],
            "tool_calls": [
                {
                    "id": "c",
                    "index": 0,
                    "type": "function",
                    "function": {"name": "f", "arguments": "{}", **_FOO},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c", "content": "{}"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": _SCHEMA, **_FOO}, **_FOO}],
    "tool_choice": {"type": "function", "function": {"name": "f", **_FOO}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": _SCHEMA, **_FOO}},
    "stream_options": {"include_usage": True, **_FOO},
    "metadata": {"foo": "the caller's own"},
    "foo": 1,
}
_CHAT_LOST = (
    "messages[0].foo",
    "messages[1].content[0].foo",
    "messages[2].content[0].image_url.foo",
    "messages[3].tool_calls[0].function.foo",
    "tools[0].function.foo",
    "tools[0].foo",
    "tool_choice.function.foo",
    "response_format.json_schema.foo",
    "and-1-more",
)
_RESPONSES: JsonObject = {
    "model": "m",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "hi", **_FOO}], **_FOO},
        {
            "type": "function_call",
            "call_id": "c",
            "name": "f",
            "arguments": "{}",
            "status": "completed",
            **_FOO,
        },
        {
            "type": "function_call_output",
            "call_id": "c",
            "output": [{"type": "input_text", "text": "1", **_FOO}],
        },
    ],
    "tools": [{"type": "function", "name": "f", "parameters": _SCHEMA, **_FOO}],
    "reasoning": {"effort": "low", **_FOO},
    "text": {"format": {"type": "json_schema", "name": "n", "schema": _SCHEMA, **_FOO}},
}
_RESPONSES_LOST = (
    "input[0].content[0].foo",
    "input[0].foo",
    "input[1].foo",
    "input[2].output[0].foo",
    "tools[0].foo",
    "reasoning.foo",
    "text.format.foo",
)
_MESSAGES: JsonObject = {
    "model": "m",
    "max_tokens": 9,
    "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral", **_FOO}}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "hi", **_FOO}], **_FOO},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"foo": 1}}]},
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t",
                    "content": [{"type": "text", "text": "1", **_FOO}],
                }
            ],
        },
    ],
    "tools": [{"name": "f", "input_schema": _SCHEMA, **_FOO}],
    "output_config": {"format": {"type": "json_schema", "schema": _SCHEMA, **_FOO}, **_FOO},
}
_MESSAGES_LOST = (
    "system[0].cache_control.foo",
    "messages[0].content[0].foo",
    "messages[0].foo",
    "messages[2].content[0].content[0].foo",
    "tools[0].foo",
    "output_config.format.foo",
    "output_config.foo",
)
_GEMINI: JsonObject = {
    "contents": [
        {"role": "user", "parts": [{"text": "hi", **_FOO}], **_FOO},
        {"role": "model", "parts": [{"function_call": {"name": "f", "args": {"foo": 1}, **_FOO}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"foo": 1}, **_FOO}}]},
    ],
    "system_instruction": {"parts": {"text": "s", **_FOO}},
    "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": _SCHEMA, **_FOO}]}],
    "generationConfig": {"thinkingConfig": {"thinking_budget": 9, **_FOO}, "responseJsonSchema": _SCHEMA},
    "toolConfig": {"functionCallingConfig": {"mode": "AUTO", **_FOO}},
}
_GEMINI_LOST = (
    "contents[0].parts[0].foo",
    "contents[0].foo",
    "contents[1].parts[0].function_call.foo",
    "contents[2].parts[0].functionResponse.foo",
    "systemInstruction.parts.foo",
    "tools[0].functionDeclarations[0].foo",
    "generationConfig.thinkingConfig.foo",
    "toolConfig.functionCallingConfig.foo",
)
_COMPLETIONS: JsonObject = {"model": "m", "prompt": "hi", "stream_options": {**_FOO}}
_HI: dict[str, JsonObject] = {
    "chat": {"role": "user", "content": "hi"},
    "gemini": {"role": "user", "parts": [{"text": "hi"}]},
}
_ANSWERED: JsonObject = {"role": "tool", "tool_call_id": "c", "content": "1"}
_EACH = (
    ("chat", _CHAT, _CHAT_LOST),
    ("completions", _COMPLETIONS, ("stream_options.foo",)),
    ("responses", _RESPONSES, _RESPONSES_LOST),
    ("messages", _MESSAGES, _MESSAGES_LOST),
    ("generate_content", _GEMINI, _GEMINI_LOST),
)


@pytest.mark.parametrize(("api", "fields", "lost"), _EACH)
def test_each_is_named_by_its_path(api: str, fields: JsonObject, lost: tuple[str, ...]) -> None:
    losses = Losses()
    inbound(api, "").request(fields, losses)
    assert losses.names == tuple(("dropped", name) for name in lost)


@pytest.mark.parametrize(("api", "fields", "lost"), _EACH)
def test_who_wants_nothing_lost_is_refused(api: str, fields: JsonObject, lost: tuple[str, ...]) -> None:
    with pytest.raises(GatewayError) as error:
        inbound(api, "").request(fields, Losses(strict=True))
    assert (error.value.condition.code, error.value.param) == ("unsupported_parameter", lost[0])


@pytest.mark.parametrize(("api", "fields", "lost"), _EACH)
def test_without_them_nothing_is_said(api: str, fields: JsonObject, lost: tuple[str, ...]) -> None:
    losses = Losses(strict=True)
    inbound(api, "").request(_bare(fields), losses)
    assert losses.names == ()
    assert lost


def test_of_very_many_the_first_are_named_and_the_rest_counted() -> None:
    losses = Losses()
    message: JsonObject = {"role": "user", "content": "hi"} | {f"x{place}": 1 for place in range(1000)}
    inbound("chat", "").request({"messages": [message]}, losses)
    names = [name for _, name in losses.names]
    assert names == [*(f"messages[0].x{place}" for place in range(8)), "and-992-more"]
    assert b"and-992-more" in losses.line()


def test_what_is_in_a_thing_that_is_lost_as_a_whole_is_not_named_again() -> None:
    losses = Losses()
    found: JsonObject = {"type": "web_search_result", "url": "https://a.b", "title": "t", "page_age": "1 day"}
    searched: JsonObject = {
        "type": "web_search_tool_result",
        "tool_use_id": "t",
        "content": [found],
        "foo": 1,
    }
    fields: JsonObject = {"max_tokens": 9, "messages": [{"role": "assistant", "content": [searched]}]}
    inbound("messages", "").request(fields, losses)
    assert losses.names == (("dropped", "messages[0].content[0]"),)


@pytest.mark.parametrize(
    ("api", "given_back"),
    [
        ("chat", lambda reply: {"messages": [_HI["chat"], reply["choices"][0]["message"], _ANSWERED]}),
        ("responses", lambda reply: {"input": [_HI["chat"], *reply["output"]]}),
        (
            "messages",
            lambda reply: {
                "max_tokens": 9,
                "messages": [_HI["chat"], {"role": "assistant", "content": reply["content"]}],
            },
        ),
        ("generate_content", lambda reply: {"contents": [_HI["gemini"], reply["candidates"][0]["content"]]}),
    ],
)
def test_our_own_answer_given_back_loses_nothing(api: str, given_back: Callable[[Any], JsonObject]) -> None:
    thought = Thinking("hm", Signature("anthropic", "c2ln"))
    said = Text("hello", citations=(Citation("https://a.b", "t", 0, 5),))
    answer = Answer((thought, said, ToolCall("c", "f", '{"a":1}')), "tool_calls")
    asked = Asked(ChatRequest((Turn("user", (Text("hi"),)),)), "m", "1", 1, float)
    reply = inbound(api, "").reply(ChatReply((answer,), "x", "m"), asked)
    losses = Losses()
    inbound(api, "").request(read_object(json_bytes(given_back(reply))) or {}, losses)
    assert losses.names == ()


def _bare(value: JsonObject) -> JsonObject:
    """Without `foo`, but for what is the caller's own."""
    made: JsonObject = {}
    for name, one in value.items():
        if name in ("args", "input", "response", "metadata") and isinstance(one, dict):
            made[name] = one
        elif name not in ("foo", "bar"):
            made[name] = _bare_value(one)
    return made


def _bare_value(value: Json) -> Json:
    if isinstance(value, dict):
        return _bare(value)
    return [_bare_value(one) for one in value] if isinstance(value, list) else value
