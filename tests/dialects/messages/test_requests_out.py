"""Requests to Anthropic: the golden cases, each accepted by the simulator's reader, and what is refused or lost."""

from typing import Any

import pytest

from gateway.capabilities import Capabilities
from gateway.chat import (
    ChatRequest,
    Format,
    Parameters,
    Signature,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from gateway.dialects.losses import Losses
from gateway.dialects.messages.dialect import MessagesOut
from gateway.errors import GatewayError
from tests.dialects.messages.asked import (
    ADAPTIVE,
    BUDGET,
    NEWEST,
    OLD,
    assistant,
    contents,
    lost,
    messages,
    refused,
    system,
    user,
    written,
)

CALL = ToolCall("a", "f", '{"x":1}', "messages[1].tool_calls[0]")
RESULT = ToolResult("a", (Text("r"),), "messages[2]")
TOOL = Tool("f", "tools[0]", "Does.", {"type": "object", "properties": {"x": {"type": "integer"}}})
SCHEMA: Any = {
    "type": "object",
    "properties": {
        "n": {"type": "integer", "minimum": 1},
        "e": {"oneOf": [{"type": "string", "format": "email"}]},
    },
    "required": ["n"],
    "additionalProperties": False,
}


def test_ant_basic() -> None:
    sent = written(user("hi"), system=(Text("Be brief."), Text(" "), Text("Be kind.", "short")))
    assert sent.body == {
        "model": "claude-haiku-4-5",
        "max_tokens": 32_000,
        "system": [
            {"type": "text", "text": "Be brief."},
            {"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}},
        ],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }
    assert (sent.path, sent.api, sent.headers) == (
        "/messages",
        "messages",
        b"anthropic-version: 2026-10-21\r\n",
    )
    assert written(can=OLD).body["max_tokens"] == 8192
    assert written(can=Capabilities()).body["max_tokens"] == 8192


def test_ant_consecutive_users() -> None:
    sent = written(user("a"), user("b"), assistant("c"), assistant("d"), user("e"), user("f"))
    assert contents(sent) == [("user", ["text"] * 2), ("assistant", ["text"] * 2), ("user", ["text"] * 2)]


def test_ant_tool_roundtrip() -> None:
    sent = written(user("q"), assistant(CALL), user(RESULT), tools=(TOOL,))
    assert messages(sent)[1:] == [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}}]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "r"}]}
            ],
        },
    ]
    assert sent.body["tools"] == [{"name": "f", "description": "Does.", "input_schema": TOOL.schema}]


def test_ant_parallel_tools_results_split() -> None:
    calls = [ToolCall(id_, "f", "{}") for id_ in "abc"]
    results = [user(ToolResult(id_, (Text(id_),))) for id_ in "cba"]
    sent = written(user("q"), assistant(*calls), user("before"), *results, user("after"), tools=(TOOL,))
    assert contents(sent)[2] == ("user", ["tool_result"] * 3 + ["text"] * 2)


def test_ant_tool_args_empty_invalid() -> None:
    sent = written(user("q"), assistant(ToolCall("a", "f", "")), user(RESULT), tools=(TOOL,))
    assert messages(sent)[1]["content"][0]["input"] == {}
    bad = ToolCall("a", "f", "{bad", "messages[1].tool_calls[0].function")
    assert refused(user("q"), assistant(bad), user(RESULT)) == (
        "invalid_value",
        "messages[1].tool_calls[0].function.arguments",
    )


def test_calls_and_results_answer_each_other() -> None:
    with_call = (user("q"), assistant(CALL))
    assert refused(*with_call, user("so?")) == ("invalid_value", CALL.at)
    assert refused(*with_call) == ("invalid_value", CALL.at)
    assert refused(user("q"), assistant("text"), user(RESULT)) == ("invalid_value", RESULT.at)
    assert refused(user(RESULT)) == ("invalid_value", RESULT.at)
    again = ToolResult("a", (Text("second"),), is_error=True)
    sent = written(*with_call, user(RESULT, again), tools=(TOOL,))
    assert messages(sent)[2]["content"] == [
        {
            "type": "tool_result",
            "tool_use_id": "a",
            "content": [{"type": "text", "text": "second"}],
            "is_error": True,
        }
    ]
    empty = written(*with_call, user(ToolResult("a", ())), tools=(TOOL,))
    assert messages(empty)[2]["content"] == [{"type": "tool_result", "tool_use_id": "a"}]


def test_ids_and_names_are_cleaned_alike() -> None:
    name = "weather.of/" + "x" * 200
    call, result = ToolCall("call:1|2", name, "{}"), ToolResult("call:1|2", ())
    sent = written(user("q"), assistant(call), user(result), tools=(Tool(name, schema=TOOL.schema),))
    used, answered = messages(sent)[1]["content"][0], messages(sent)[2]["content"][0]
    assert used["id"] == answered["tool_use_id"] != call.id
    tools: Any = sent.body["tools"]
    assert used["name"] == tools[0]["name"]
    assert len(used["name"]) == 128
    assert sent.names == {used["name"]: name}


def test_ant_history_tools_no_defs() -> None:
    sent = written(user("q"), assistant(CALL), user(RESULT))
    assert sent.body["tools"] == [{"name": "f", "input_schema": {"type": "object", "properties": {}}}]
    assert "tool_choice" not in sent.body


def test_ant_empty_text() -> None:
    assert refused(user("")) == ("invalid_value", "messages[0]")
    assert refused(user(" \n")) == ("invalid_value", "messages[0]")
    sent = written(user("", "hi"), assistant(""), user("there"))
    assert contents(sent) == [("user", ["text", "text"])]


def test_the_conversation_begins_with_a_user() -> None:
    assert refused(assistant("hi", at="messages[0]"), user("hi")) == ("invalid_value", "messages[0]")
    assert refused(assistant("", at="messages[0]")) == ("invalid_value", "messages[0]")
    with pytest.raises(GatewayError):
        MessagesOut().request(ChatRequest(()), "m", BUDGET, Losses())


def test_ant_prefill() -> None:
    sent = written(user("q"), assistant("The answer is \n "), can=OLD)
    assert messages(sent)[1]["content"] == [{"type": "text", "text": "The answer is"}]
    assert refused(user("q"), assistant("The answer is"), can=NEWEST) == ("unsupported_value", "messages[1]")


def test_thoughts_of_its_own_go_back_and_no_others() -> None:
    own = Thinking("hm", Signature("anthropic", "sig"))
    sealed = Thinking("", Signature("anthropic", "data"))
    unshown = Thinking("", Signature("anthropic", "sig2", "thinking"))
    foreign = Thinking("other", Signature("openai", "enc", "rs_1"))
    sent = written(
        user("q"), assistant("said", own, sealed, unshown, foreign, Thinking("plain")), user("go on")
    )
    assert messages(sent)[1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "data"},
        {"type": "thinking", "thinking": "", "signature": "sig2"},
        {"type": "text", "text": "said"},
    ]
    between = (own, CALL, Text("x"), sealed)
    sent = written(user("q"), assistant(*between), user(RESULT), tools=(TOOL,))
    assert contents(sent)[1][1] == ["thinking", "tool_use", "text", "redacted_thinking"]


def test_instructions_in_the_middle() -> None:
    turns = (user("q"), assistant("a"), user("b"), system("Be brief."), system("Be kind."))
    own = written(*turns, can=NEWEST, model="claude-opus-5-5")
    assert contents(own) == [
        ("user", ["text"]),
        ("assistant", ["text"]),
        ("user", ["text"]),
        ("system", ["text"] * 2),
    ]
    note = written(*turns)
    assert messages(note)[2]["content"][1]["text"] == "Operator note (not from the user): Be brief."
    amid = written(user("q"), assistant(CALL), system("Mind."), user(RESULT), tools=(TOOL,), can=NEWEST)
    assert contents(amid)[2] == ("user", ["tool_result", "text"])
    before_a_user = written(user("q"), system("Mind."), user("b"), can=NEWEST, model="claude-opus-5-5")
    assert contents(before_a_user) == [("user", ["text"] * 3)]


def test_ant_forced_tool_new_model() -> None:
    forced = Parameters(tool_choice=ToolChoice("required"))
    assert refused(tools=(TOOL,), parameters=forced, can=NEWEST) == ("unsupported_value", "tool_choice")
    assert refused(parameters=forced) == ("invalid_value", "tool_choice")


@pytest.mark.parametrize(
    ("choice", "parallel", "sent"),
    [
        (None, None, None),
        (ToolChoice("auto"), None, {"type": "auto"}),
        (ToolChoice("none"), False, {"type": "none"}),
        (ToolChoice("required"), None, {"type": "any"}),
        (
            ToolChoice("required", ("f",)),
            False,
            {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        ),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (None, True, None),
    ],
)
def test_choices_of_tools(choice: ToolChoice | None, parallel: bool | None, sent: Any) -> None:
    asked = Parameters(tool_choice=choice, parallel_calls=parallel)
    assert written(tools=(TOOL,), parameters=asked).body.get("tool_choice") == sent


def test_of_several_names_only_those_are_offered() -> None:
    tools = tuple(Tool(name, schema=TOOL.schema) for name in "abc")
    body = written(tools=tools, parameters=Parameters(tool_choice=ToolChoice("required", ("a", "c")))).body
    offered: Any = body["tools"]
    assert [tool["name"] for tool in offered] == ["a", "c"]
    assert body["tool_choice"] == {"type": "any"}


def test_what_tools_take() -> None:
    grammar = Tool("g", "tools[0]", custom=True, grammar={"syntax": "lark"})
    assert lost(tools=(grammar,)) == {"tools[0].format.grammar": "dropped"}
    offered: Any = written(tools=(grammar, Tool("h"), Tool("i", schema={"properties": {}}))).body["tools"]
    assert offered[0]["input_schema"]["properties"] == {"input": {"type": "string"}}
    assert [tool["input_schema"]["type"] for tool in offered] == ["object"] * 3
    assert refused(tools=(Tool("l", "tools[0]", schema={"type": "array"}),)) == ("invalid_value", "tools[0]")
    assert refused(tools=(TOOL,), can=Capabilities(tools=False)) == ("unsupported_parameter", "tools")
    strict: Any = written(tools=(Tool("s", schema=SCHEMA, strict=True),)).body["tools"]
    assert strict[0]["strict"] is True
    assert "minimum" not in strict[0]["input_schema"]["properties"]["n"]
    open_ = Tool("o", "tools[0]", schema={"type": "object", "additionalProperties": True}, strict=True)
    assert lost(tools=(open_,)) == {"tools[0].strict": "dropped"}


def test_ant_schema_output() -> None:
    asked = Parameters(format=Format("schema", SCHEMA, "output"))
    config: Any = written(parameters=asked, can=NEWEST, model="claude-opus-5-5").body["output_config"]
    schema = config["format"]["schema"]
    assert config["format"]["type"] == "json_schema"
    assert schema["properties"]["n"] == {"type": "integer", "description": "Note: minimum value: 1."}
    assert schema["properties"]["e"] == {"anyOf": [{"type": "string", "format": "email"}]}


def test_a_schema_that_is_not_native_is_a_forced_call() -> None:
    asked = Parameters(format=Format("schema", SCHEMA), effort="high")
    sent = written(parameters=asked, can=OLD)
    tools: Any = sent.body["tools"]
    assert (tools[0]["name"], tools[0]["input_schema"]) == ("json_tool_call", SCHEMA)
    assert sent.body["tool_choice"] == {"type": "tool", "name": "json_tool_call"}
    assert sent.answer_tool == "json_tool_call"
    beside = written(parameters=asked, can=OLD, tools=(TOOL,))
    assert beside.body["tool_choice"] == {"type": "any"}
    one = Parameters(format=Format("schema", SCHEMA), tool_choice=ToolChoice("required", ("f",)))
    named = written(parameters=one, can=OLD, tools=(TOOL,))
    assert (named.body["tool_choice"], named.answer_tool) == ({"type": "tool", "name": "f"}, "")
    recursive: Any = {"type": "object", "properties": {"x": {"$ref": "#"}}}
    hard = Parameters(format=Format("schema", recursive))
    assert refused(parameters=hard, can=NEWEST) == ("unsupported_value", "format")
    assert written(parameters=hard, can=BUDGET).answer_tool
    listed = Parameters(format=Format("schema", {"type": "array"}))
    assert refused(parameters=listed, can=OLD) == ("unsupported_value", "format")
    thinking = Parameters(format=Format("schema", recursive), effort="high")
    assert lost(parameters=thinking) == {"effort": "dropped"}


def test_any_json_is_asked_for_in_words() -> None:
    asked = Parameters(format=Format("json"))
    assert lost(parameters=asked) == {"format": "changed"}
    assert written(parameters=asked).body["system"] == [
        {"type": "text", "text": "Respond with a single JSON object."}
    ]
    assert lost(parameters=Parameters(format=Format("text"))) == {}


_SHOWN = {"type": "adaptive", "display": "summarized"}


@pytest.mark.parametrize(
    ("can", "asked", "thinking", "effort", "loss"),
    [
        (BUDGET, Parameters(), None, None, {}),
        (BUDGET, Parameters(effort="none"), {"type": "disabled"}, None, {}),
        (BUDGET, Parameters(effort="minimal"), {"type": "enabled", "budget_tokens": 1024}, None, {}),
        (BUDGET, Parameters(effort="xhigh"), {"type": "enabled", "budget_tokens": 24_576}, None, {}),
        (
            BUDGET,
            Parameters(effort="high", max_output=2000),
            {"type": "enabled", "budget_tokens": 1999},
            None,
            {},
        ),
        (BUDGET, Parameters(effort="low", max_output=1024), None, None, {"effort": "dropped"}),
        (BUDGET, Parameters(thinking_budget=5000), {"type": "enabled", "budget_tokens": 5000}, None, {}),
        (
            BUDGET,
            Parameters(thinking_budget=500),
            {"type": "enabled", "budget_tokens": 1024},
            None,
            {"thinking_budget": "clamped"},
        ),
        (BUDGET, Parameters(thinking_budget=-1), {"type": "enabled", "budget_tokens": 8192}, None, {}),
        (BUDGET, Parameters(thinking_budget=0), {"type": "disabled"}, None, {}),
        (
            BUDGET,
            Parameters(effort="low", shows_thinking=False),
            {"type": "enabled", "budget_tokens": 2048, "display": "omitted"},
            None,
            {},
        ),
        (BUDGET, Parameters(shows_thinking=True), None, None, {}),
        (ADAPTIVE, Parameters(effort="none"), {"type": "disabled"}, None, {}),
        (ADAPTIVE, Parameters(effort="minimal"), _SHOWN, "low", {}),
        (ADAPTIVE, Parameters(effort="xhigh"), _SHOWN, "high", {"effort": "clamped"}),
        (ADAPTIVE, Parameters(effort="max"), _SHOWN, "max", {}),
        (ADAPTIVE, Parameters(thinking_budget=9000), _SHOWN, "high", {}),
        (ADAPTIVE, Parameters(thinking_budget=-1), _SHOWN, None, {}),
        (ADAPTIVE, Parameters(shows_thinking=False), {"type": "adaptive", "display": "omitted"}, None, {}),
        (NEWEST, Parameters(effort="none"), None, "low", {"effort": "dropped"}),
        (NEWEST, Parameters(effort="xhigh"), _SHOWN, "xhigh", {}),
        (OLD, Parameters(effort="high"), None, None, {"effort": "dropped"}),
        (OLD, Parameters(effort="none"), None, None, {}),
        (OLD, Parameters(thinking_budget=2000), None, None, {"thinking_budget": "dropped"}),
    ],
)
def test_ant_effort_adaptive(
    can: Capabilities, asked: Parameters, thinking: Any, effort: Any, loss: Any
) -> None:
    body = written(can=can, parameters=asked, model="claude-opus-5-5" if can is NEWEST else "m").body
    config: Any = body.get("output_config") or {}
    assert (body.get("thinking"), config.get("effort")) == (thinking, effort)
    assert lost(can=can, parameters=asked) == loss


def test_no_level_known_no_effort_said() -> None:
    can = Capabilities(thinking="adaptive")
    assert written(can=can, parameters=Parameters(effort="high")).body["thinking"] == _SHOWN
    assert lost(can=can, parameters=Parameters(effort="high")) == {"effort": "dropped"}


def test_what_thinking_cannot_go_with() -> None:
    hard = Parameters(effort="high")
    with_tools = (user("q"), assistant(CALL), user(RESULT))
    assert lost(*with_tools, parameters=hard) == {"effort": "dropped"}
    thought = (user("q"), assistant(Thinking("t", Signature("anthropic", "s")), CALL), user(RESULT))
    assert lost(*thought, parameters=hard) == {}
    assert lost(*with_tools, parameters=hard, can=NEWEST) == {}
    forced = Parameters(effort="high", tool_choice=ToolChoice("required"))
    assert lost(tools=(TOOL,), parameters=forced) == {"effort": "dropped"}
    assert lost(tools=(TOOL,), parameters=forced, can=ADAPTIVE) == {"effort": "dropped"}
    assert lost(user("q"), assistant("a"), parameters=hard) == {"effort": "dropped"}


@pytest.mark.parametrize(
    ("can", "asked", "sent", "loss"),
    [
        (BUDGET, Parameters(temperature=0.2), {"temperature": 0.2}, {}),
        (BUDGET, Parameters(temperature=1.5), {"temperature": 1.0}, {"temperature": "clamped"}),
        (BUDGET, Parameters(temperature=0.2, top_p=0.5), {"temperature": 0.2}, {"top_p": "dropped"}),
        (BUDGET, Parameters(temperature=0.2, top_p=1), {"temperature": 0.2}, {}),
        (BUDGET, Parameters(top_p=0.5, top_k=3), {"top_p": 0.5, "top_k": 3}, {}),
        (NEWEST, Parameters(temperature=1.0, top_p=1.0), {}, {}),
        (
            NEWEST,
            Parameters(temperature=0.0, top_p=0.9, top_k=5),
            {},
            {"temperature": "dropped", "top_p": "dropped", "top_k": "dropped"},
        ),
        (BUDGET, Parameters(temperature=0.2, effort="high"), {}, {"temperature": "dropped"}),
        (BUDGET, Parameters(top_p=0.96, effort="high"), {"top_p": 0.96}, {}),
        (BUDGET, Parameters(top_p=0.9, top_k=4, effort="high"), {}, {"top_p": "dropped", "top_k": "dropped"}),
    ],
)
def test_sampling(can: Capabilities, asked: Parameters, sent: Any, loss: Any) -> None:
    made = written(can=can, parameters=asked, model="claude-opus-5-5" if can is NEWEST else "m")
    assert {name: made.body[name] for name in ("temperature", "top_p", "top_k") if name in made.body} == sent
    version = b"2023-06-01" if sent else b"2026-10-21"
    assert made.headers == b"anthropic-version: " + version + b"\r\n"
    assert lost(can=can, parameters=asked) == loss
