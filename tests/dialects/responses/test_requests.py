"""Requests and whole replies of the Responses API, both ways (wire reference §2.5, §2.6)."""

from typing import Any

import pytest
from openai.types.responses import Response

from gateway.capabilities import Capabilities
from gateway.chat import (
    Answer,
    ChatReply,
    ChatRequest,
    Format,
    Media,
    Parameters,
    Signature,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from gateway.dialects.losses import Losses
from gateway.dialects.responses.bridge import needs_responses
from gateway.dialects.responses.dialect import ResponsesIn, ResponsesOut
from gateway.dialects.translation import Asked, Sent
from gateway.errors import GatewayError
from gateway.exchange import Usage
from tests.dialects.conversations import later

_CAN = Capabilities()
_SENT = Sent("/responses", {})


def _read(losses: Losses | None = None, **fields: Any) -> ChatRequest:
    return ResponsesIn().request({"model": "m", **fields}, losses or Losses())


def _body(request: ChatRequest, losses: Losses | None = None, can: Capabilities = _CAN) -> dict[str, Any]:
    return dict(ResponsesOut().request(request, "gpt", can, losses or Losses()).body)


def test_resp_basic() -> None:
    request = _read(input="hi", instructions="be brief", max_output_tokens=9, reasoning={"effort": "low"})
    assert request.system == (Text("be brief"),)
    assert request.turns == (Turn("user", (Text("hi"),), "input"),)
    assert request.parameters.max_output == 9
    assert request.parameters.effort == "low"
    asked = Asked(request, "gpt", "7", 5, later, fields={"instructions": "be brief"})
    reply = ChatReply((Answer((Text("hello"),), "stop"),), usage=Usage(3, 2, source="provider"))
    response = Response.model_validate(ResponsesIn().reply(reply, asked))
    assert response.output_text == "hello"
    assert response.status == "completed"
    assert response.instructions == "be brief"
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.total_tokens) == (3, 5)
    assert response.usage.output_tokens_details.reasoning_tokens == 0


def test_what_the_model_said_in_a_row_is_one_turn() -> None:
    request = _read(
        input=[
            {"role": "developer", "content": "first"},
            {"role": "user", "content": [{"type": "input_text", "text": "weather?"}]},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed"},
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "one moment"}],
            },
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "raw"},
            {"type": "function_call_output", "call_id": "c1", "output": "rain"},
            {
                "type": "custom_tool_call_output",
                "call_id": "c2",
                "output": [{"type": "input_text", "text": "x"}],
            },
            {"type": "web_search_call", "id": "ws", "status": "completed"},
            {"role": "user", "content": "and then?"},
        ]
    )
    assert request.system == (Text("first"),)
    roles = [(turn.role, len(turn.blocks), turn.at) for turn in request.turns]
    assert roles == [
        ("user", 1, "input[1]"),
        ("assistant", 4, "input[2]"),
        ("user", 2, "input[6]"),
        ("user", 1, "input[9]"),
    ]
    said = request.turns[1].blocks
    assert said[0] == Thinking("", Signature("openai", "sealed", "rs_1"))
    assert said[2:] == (
        ToolCall("c1", "f", "{}", "input[4]"),
        ToolCall("c2", "g", "raw", "input[5]", custom=True),
    )


def test_resp_tools_flat_nested() -> None:
    request = _read(
        input="x",
        tools=[
            {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True},
            {"type": "custom", "name": "g", "format": {"type": "grammar"}},
        ],
        tool_choice={"type": "function", "name": "f"},
        text={
            "format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}},
            "verbosity": "low",
        },
    )
    assert [(tool.name, tool.custom, tool.strict) for tool in request.tools] == [
        ("f", False, True),
        ("g", True, None),
    ]
    assert request.parameters.tool_choice == ToolChoice("required", ("f",))
    assert request.parameters.format == Format("schema", {"type": "object"}, "n")
    with pytest.raises(GatewayError) as caught:
        _read(input="x", tools=[{"type": "web_search"}])
    assert (caught.value.condition.name, caught.value.param) == ("unsupported_value", "tools[0].type")
    losses = Losses(lenient=True)
    assert _read(losses, input="x", tools=[{"type": "web_search"}]).tools == ()
    assert losses.line() == b"changed=tools[0]"


@pytest.mark.parametrize(
    ("fields", "condition", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_not_found", "previous_response_id"),
        ({"background": True}, "unsupported_parameter", "background"),
        ({"conversation": "conv_1"}, "unsupported_parameter", "conversation"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "unsupported_value", "input[0].type"),
        ({"input": [{"role": "robot", "content": "x"}]}, "invalid_value", "input[0].role"),
        ({"input": None}, "missing_required_parameter", "input"),
        ({"temperature": "hot"}, "invalid_type", "temperature"),
        ({"max_output_tokens": 0}, "invalid_value", "max_output_tokens"),
        ({"reasoning": {"effort": "huge"}}, "invalid_value", "reasoning.effort"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:x"}]}]},
         "invalid_value", "input[0].content[0].image_url"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_by_its_path(
    fields: dict[str, Any], condition: str, param: str
) -> None:
    with pytest.raises(GatewayError) as caught:
        _read(**{"input": "x", **fields})
    assert (caught.value.condition.name, caught.value.param) == (condition, param)


def test_what_is_lost_is_said_and_refused_where_nothing_may_be() -> None:
    losses = Losses()
    _read(losses, input="x", truncation="auto", max_tool_calls=3, service_tier="ultrafast", new_thing=1)
    assert losses.line() == b"dropped=truncation,max_tool_calls; changed=service_tier"
    with pytest.raises(GatewayError) as caught:
        _read(Losses(strict=True), input="x", truncation="auto")
    assert caught.value.param == "truncation"


def test_c_to_r_bridge_request() -> None:
    request = ChatRequest(
        (
            Turn("user", (Text("hi"), Media("image", "m", "image/png", "QUJD", detail="low")), "messages[0]"),
            Turn("assistant", (
                Thinking("t", Signature("openai", "sealed", "rs_1")),
                Thinking("foreign", Signature("anthropic", "sig")),
                Text("calling"),
                ToolCall("c1", "f", '{"a":1}'),
            )),
            Turn("user", (ToolResult("c1", (Text("42"),)), Text("go on"))),
        ),
        (Text("be brief"),),
        (Tool("f", "", "does", {"type": "object"}),),
        Parameters(max_output=5, effort="high", temperature=0.5, seed=1, parallel_calls=False, cache_key="k"),
        others={"logit_bias": {"1": 2}},
        names={"max_output": "max_completion_tokens"},
    )  # fmt: skip
    losses = Losses()
    body = _body(request, losses)
    assert body["store"] is False
    assert body["include"] == ["reasoning.encrypted_content"]
    assert body["reasoning"] == {"effort": "high"}
    assert [item.get("role") or item["type"] for item in body["input"]] == [
        "developer", "user", "reasoning", "assistant", "function_call", "function_call_output", "user",
    ]  # fmt: skip
    assert body["input"][2] == {"type": "reasoning", "summary": [{"type": "summary_text", "text": "t"}],
                                "encrypted_content": "sealed", "id": "rs_1"}  # fmt: skip
    assert body["input"][1]["content"][1] == {
        "type": "input_image", "detail": "low", "image_url": "data:image/png;base64,QUJD",
    }  # fmt: skip
    assert body["tools"] == [
        {
            "type": "function",
            "name": "f",
            "description": "does",
            "parameters": {"type": "object"},
            "strict": False,
        }
    ]
    assert (body["max_output_tokens"], body["parallel_tool_calls"], body["prompt_cache_key"]) == (
        5,
        False,
        "k",
    )
    assert losses.line() == b"dropped=seed,temperature,logit_bias"


def test_what_was_read_is_written_as_it_was() -> None:
    fields: dict[str, Any] = {
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"x": 1}'},
            {"type": "function_call_output", "call_id": "c", "output": "r"},
        ],
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}],
        "tool_choice": {
            "type": "allowed_tools",
            "mode": "auto",
            "tools": [{"type": "function", "name": "f"}],
        },
        "temperature": 0.3,
        "text": {"format": {"type": "json_object"}},
    }
    body = _body(_read(**fields))
    assert {name: body[name] for name in fields} == fields


@pytest.mark.parametrize(("noun", "value"), [("stop", ("END",)), ("choices", 2)])
def test_what_the_api_lacks_and_changes_the_answer_is_refused(noun: str, value: object) -> None:
    stated = Parameters(**{noun: value})  # type: ignore[arg-type]
    request = ChatRequest((Turn("user", (Text("x"),)),), parameters=stated, names={"choices": "n"})
    with pytest.raises(GatewayError) as caught:
        _body(request)
    assert caught.value.param == {"choices": "n"}.get(noun, noun)


def test_a_reply_is_read_with_its_calls_and_thoughts() -> None:
    body: dict[str, Any] = {
        "id": "resp_1",
        "status": "completed",
        "model": "gpt",
        "created_at": 7,
        "output": [
            {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "hm"}],
             "encrypted_content": "e"},
            {"type": "message", "content": [{"type": "output_text", "text": "hi", "annotations": []}]},
            {"type": "function_call", "call_id": "c", "name": "short_1", "arguments": "{}"},
        ],
        "usage": {"input_tokens": 5, "output_tokens": 3, "total_tokens": 8,
                  "input_tokens_details": {"cached_tokens": 2}},
    }  # fmt: skip
    sent = Sent("/responses", {}, names={"short_1": "the caller's long name"})
    reply = ResponsesOut().reply(body, sent)
    assert reply.answers[0].blocks == (
        Thinking("hm", Signature("openai", "e", "rs")),
        Text("hi"),
        ToolCall("c", "the caller's long name", "{}", "output[2]"),
    )
    assert reply.answers[0].stop == "tool_calls"
    assert (reply.usage.input, reply.usage.cache_read, reply.usage.output) == (5, 2, 3)


@pytest.mark.parametrize("body", [{}, {"output": [], "status": "failed", "error": {"message": "no"}}])
def test_what_is_no_response_is_no_answer(body: dict[str, Any]) -> None:
    with pytest.raises(GatewayError):
        ResponsesOut().reply(body, _SENT)


def test_a_foreign_thought_comes_back_through_a_caller_without_state() -> None:
    thought = Thinking("deep", Signature("anthropic", "sig=="))
    asked = Asked(ChatRequest(()), "m", "1", 0, later)
    written = ResponsesIn().reply(ChatReply((Answer((thought, Text("x")), "stop"),)), asked)
    items = written["output"]
    assert isinstance(items, list)
    again = _read(input=[*items, {"role": "user", "content": "more"}])
    assert again.turns[0].blocks == (thought, Text("x"))


@pytest.mark.parametrize("sealed", ["gw1:", "gw1:!!!", "gw1:aGVsbG8=", "gw1:" + "eJyLjgUAARUAuQ=="])
def test_a_broken_envelope_is_a_thought_without_signature(sealed: str) -> None:
    item = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "t"}],
        "encrypted_content": sealed,
    }
    request = _read(input=[{"role": "user", "content": "a"}, item])
    assert request.turns[1].blocks == (Thinking("t"),)


@pytest.mark.parametrize(
    ("can", "tools", "effort", "needed"),
    [
        (Capabilities(), True, "high", False),
        (Capabilities(chat_tools_ok=False), True, None, True),
        (Capabilities(chat_tools_ok=False), False, "high", False),
        (Capabilities(chat_tools_effort=False), True, "none", False),
        (Capabilities(chat_tools_effort=False), True, "low", True),
        (Capabilities(chat_tools_effort=False), True, None, False),
        (Capabilities(chat_tools_unsaid=False), True, None, True),
        (Capabilities(chat_tools_unsaid=False), True, "none", False),
        (Capabilities(chat_tools_unsaid=False), False, None, False),
        (Capabilities(chat_ok=False), False, None, True),
    ],
)
def test_bridge(can: Capabilities, tools: bool, effort: Any, needed: bool) -> None:
    request = ChatRequest((), tools=(Tool("f"),) if tools else (), parameters=Parameters(effort=effort))
    assert needs_responses(request, can) is needed


@pytest.mark.parametrize(("budget", "needed"), [(0, False), (2048, True)])
def test_a_budget_of_thought_is_an_effort(budget: int, needed: bool) -> None:
    said = Parameters(thinking_budget=budget)
    can = Capabilities(chat_tools_effort=False, chat_tools_unsaid=False)
    assert needs_responses(ChatRequest((), tools=(Tool("f"),), parameters=said), can) is needed


def test_ids_of_calls_that_are_too_long_are_replaced_alike() -> None:
    long = "c" * 65
    turns = (
        Turn("assistant", (ToolCall(long, "f", "{}"),)),
        Turn("user", (ToolResult(long, (Text("42"),)),)),
    )
    call, result = _body(ChatRequest(turns))["input"]
    assert call["call_id"] == result["call_id"] != long
    assert len(call["call_id"]) <= 64
    turns = (Turn("assistant", (ToolCall("c" * 64, "f", "{}"),)),)
    assert _body(ChatRequest(turns))["input"][0]["call_id"] == "c" * 64


@pytest.mark.parametrize("required", [["a"], []])
def test_a_schema_is_strict_where_it_can_be(required: list[str]) -> None:
    schema: Any = {"type": "object", "properties": {"a": {"type": "string"}}, "required": required}
    asked = Parameters(format=Format("schema", schema, "output"))
    said = _body(ChatRequest((Turn("user", (Text("hi"),)),), parameters=asked))["text"]["format"]
    closed = {**schema, "additionalProperties": False}
    assert (said["strict"], said["schema"]) == ((True, closed) if required else (False, schema))


@pytest.mark.parametrize(
    ("asked", "sent", "lost"),
    [
        ({"effort": "none"}, "low", "changed=reasoning_effort"),
        ({"effort": "max"}, "xhigh", "changed=reasoning_effort"),
        ({"effort": "medium"}, "medium", None),
        ({"thinking_budget": 9000}, "high", None),
        ({}, None, None),
    ],
)
def test_a_model_is_asked_for_a_level_that_it_knows(
    asked: dict[str, Any], sent: str | None, lost: str | None
) -> None:
    """However the caller put it; and one that always thinks is asked for no temperature."""
    can = Capabilities(thinking="always", sampling=True, effort_levels=("low", "medium", "high", "xhigh"))
    names = {"effort": "reasoning_effort", "temperature": "temperature"}
    parameters = Parameters(temperature=0.2, **asked)
    losses = Losses()
    body = _body(ChatRequest((Turn("user", (Text("hi"),)),), parameters=parameters, names=names), losses, can)
    assert body.get("reasoning", {}).get("effort") == sent
    assert "temperature" not in body
    told = losses.line().decode()
    assert "temperature" in told
    assert lost is None or "reasoning_effort" in told


def test_a_tool_that_failed_is_told_as_failed() -> None:
    picture = Media("image", "messages[2]", media_type="image/png", data="AA==")
    turns = (
        Turn("user", (Text("hi"),)),
        Turn("assistant", (ToolCall("c1", "f", "{}"), ToolCall("c2", "f", "{}"))),
        Turn(
            "user",
            (ToolResult("c1", (Text("bad"),), is_error=True), ToolResult("c2", (picture,), is_error=True)),
        ),
    )
    outputs = [item["output"] for item in _body(ChatRequest(turns))["input"] if "output" in item]
    assert outputs[0] == "Error: bad"
    assert outputs[1][0] == {"type": "input_text", "text": "Error: "}


@pytest.mark.parametrize("details", [None, {}, {"reason": None}, {"reason": "tired"}])
def test_what_is_incomplete_is_never_told_as_finished(details: Any) -> None:
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "half"}]}
    body = {"status": "incomplete", "incomplete_details": details, "output": [message]}
    assert ResponsesOut().reply(body, _SENT).answers[0].stop == "length"
