"""Requests of callers: what is read of them."""

import base64
from typing import Any

import pytest

from gateway.chat import (
    ChatRequest,
    Format,
    Media,
    Parameters,
    Refusal,
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
from gateway.record import replace
from tests.dialects.chat.asking import read
from tests.dialects.conversations import PDF, PNG

USER = {"role": "user", "content": "hi"}


def turns(*messages: dict[str, Any]) -> tuple[Turn, ...]:
    return read(messages=[USER, *messages]).turns[1:]


def parts(*several: dict[str, Any]) -> tuple[Any, ...]:
    return read(messages=[{"role": "user", "content": list(several)}]).turns[0].blocks


def test_a_plain_request() -> None:
    request = read()
    assert request.turns == (Turn("user", (Text("hi"),), "messages[0]"),)
    assert (request.system, request.tools, request.stream, request.others) == ((), (), False, {})
    assert request.parameters == Parameters()


def test_leading_instructions_are_the_system_later_ones_turns() -> None:
    request = read(
        messages=[
            {"role": "system", "content": "a"},
            {"role": "developer", "content": [{"type": "text", "text": "b"}]},
            USER,
            {"role": "system", "content": "c"},
        ]
    )
    assert request.system == (Text("a"), Text("b"))
    assert request.turns[1] == Turn("system", (Text("c"),), "messages[3]")


def test_results_after_each_other_are_one_turn() -> None:
    calls = [{"id": id_, "type": "function", "function": {"name": "f", "arguments": "{}"}} for id_ in "ab"]
    found = turns(
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "2"}], "name": "f"},
        {"role": "user", "content": "and?"},
    )
    assert found == (
        Turn(
            "assistant",
            (
                ToolCall("a", "f", "{}", "messages[1].tool_calls[0].function"),
                ToolCall("b", "f", "{}", "messages[1].tool_calls[1].function"),
            ),
            "messages[1]",
        ),
        Turn(
            "user",
            (
                ToolResult("a", (Text("1"),), "messages[2]"),
                ToolResult("b", (Text("2"),), "messages[3]", "f"),
            ),
            "messages[2]",
        ),
        Turn("user", (Text("and?"),), "messages[4]"),
    )


def test_results_at_the_end_are_a_turn() -> None:
    call = {"id": "a", "function": {"name": "f"}}
    found = turns(
        {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "a", "content": ""}
    )
    assert found[-1] == Turn("user", (ToolResult("a", (), "messages[2]"),), "messages[2]")


def test_arguments_stay_the_text_that_they_are() -> None:
    for arguments in ("", "{bad", '{"b": 1, "a":2}'):
        call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}}
        (turn,) = turns({"role": "assistant", "content": None, "tool_calls": [call]})
        assert isinstance(turn.blocks[0], ToolCall)
        assert turn.blocks[0].arguments == arguments


def test_calls_of_plain_text_tools() -> None:
    call = {"id": "a", "type": "custom", "custom": {"name": "sql", "input": "SELECT"}}
    found = turns(
        {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "a", "content": "1"}
    )
    assert found[0].blocks == (ToolCall("a", "sql", "SELECT", "messages[1].tool_calls[0].custom", True),)
    assert found[1].blocks == (ToolResult("a", (Text("1"),), "messages[2]", custom=True),)


def test_functions_of_old_have_ids_made_for_them() -> None:
    said: list[dict[str, Any]] = []
    for number in range(2):
        said.append({"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}})
        said.append({"role": "function", "name": "f", "content": str(number)})
    blocks = [turn.blocks[0] for turn in turns(*said)]
    assert [block.id for block in blocks if isinstance(block, ToolCall | ToolResult)] == [
        "fc_0",
        "fc_0",
        "fc_1",
        "fc_1",
    ]


@pytest.mark.parametrize(
    ("fields", "blocks"),
    [
        ({"reasoning_content": "r"}, (Thinking("r"),)),
        ({"reasoning": "r"}, (Thinking("r"),)),
        ({"thinking_blocks": [{"thinking": "r", "signature": "s"}]}, (Thinking("r", Signature("anthropic", "s")),)),
        (
            {"reasoning": "r", "reasoning_details": [{"signature": "s", "format": "anthropic", "index": 0}]},
            (Thinking("r", Signature("anthropic", "s")),),
        ),
        (
            {"reasoning_content": "ab", "reasoning_details": [
                {"type": "reasoning.text", "text": "a", "signature": "s", "format": "anthropic", "index": 0},
                {"type": "reasoning.text", "text": "b", "index": 1},
                {"type": "reasoning.encrypted", "data": "d", "format": "anthropic", "index": 2},
            ]},
            (Thinking("a", Signature("anthropic", "s")), Thinking("b"), Thinking("", Signature("anthropic", "d"))),
        ),
        ({"reasoning_details": "odd", "thinking_blocks": [3], "reasoning": 7}, ()),
    ],
)  # fmt: skip
def test_reasoning_in_whatever_field_comes_first(fields: dict[str, Any], blocks: tuple[Any, ...]) -> None:
    (turn,) = turns({"role": "assistant", "content": "a", **fields})
    given = next(
        (f"messages[1].{name}" for name in ("reasoning_details", "thinking_blocks") if name in fields), ""
    )
    assert turn.blocks == (*(replace(one, at=given) for one in blocks), Text("a"))


def test_what_else_an_assistant_said() -> None:
    signed = {"extra_content": {"google": {"thought_signature": "s"}}}
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}, **signed}
    content = [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "b"}]
    (turn, second, empty) = turns(
        {"role": "assistant", "content": content, "refusal": "c", "tool_calls": [call]},
        {"role": "assistant", "content": "d", **signed},
        {"role": "assistant", "content": None},
    )
    assert turn.blocks == (
        Text("a"),
        Refusal("b"),
        Refusal("c"),
        ToolCall("a", "f", "", "messages[1].tool_calls[0].function", signature=Signature("gemini", "s")),
    )
    assert second.blocks == (Text("d", signature=Signature("gemini", "s")),)
    assert empty.blocks == ()


def test_parts_of_a_message() -> None:
    text = base64.b64encode("é".encode()).decode()
    assert parts(
        {"type": "text", "text": "a"},
        {"type": "text", "text": ""},
        {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{PNG}", "detail": "low"}},
        {"type": "image_url", "image_url": "https://example.com/a.png"},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_data": PDF}},
        {"type": "file", "file": {"file_data": f"data:text/plain;base64,{text}", "filename": "a.txt"}},
        {"type": "file", "file": {"file_data": f"data:application/octet-stream;base64,{PNG}"}},
        {"type": "file", "file": {"file_data": "https://example.com/a.pdf"}},
        {"type": "file", "file": {"file_id": "file-1"}},
    ) == (
        Text("a"),
        Media("image", "messages[0].content[2]", "image/png", PNG, detail="low"),
        Media("image", "messages[0].content[3]", url="https://example.com/a.png"),
        Media("audio", "messages[0].content[4]", "audio/mp3", "AAAA"),
        Media("document", "messages[0].content[5]", "application/pdf", PDF, name="a.pdf"),
        Media("document", "messages[0].content[6]", "application/pdf", PDF),
        Media("document", "messages[0].content[7]", "text/plain", text="é", name="a.txt"),
        Media("image", "messages[0].content[8]", "image/png", PNG),
        Media("document", "messages[0].content[9]", url="https://example.com/a.pdf"),
        Media("document", "messages[0].content[10]", file_id="file-1"),
    )


@pytest.mark.parametrize(
    ("mark", "cache"),
    [
        ({"prompt_cache_breakpoint": {"mode": "explicit"}}, "short"),
        ({"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}, "long"),
        ({"cache_control": {"type": "ephemeral"}}, "short"),
        ({"cache_control": {"type": "ephemeral", "ttl": "1h"}}, "long"),
        ({}, None),
    ],
)
def test_marks_for_the_cache(mark: dict[str, Any], cache: str | None) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://a/"}}
    assert [block.cache for block in parts({"type": "text", "text": "a", **mark}, {**image, **mark})] == [
        cache,
        cache,
    ]
    tool = {"type": "function", "function": {"name": "f"}}
    assert read(tools=[{**tool, **mark}]).tools[0].cache == cache


def test_tools_and_which_may_be_called() -> None:
    schema = {"type": "object", "properties": {}}
    grammar = {"definition": "x", "syntax": "lark"}
    tools = [
        {
            "type": "function",
            "function": {"name": "f", "description": "d", "parameters": schema, "strict": True},
        },
        {"function": {"name": "g"}},
        {"type": "custom", "custom": {"name": "sql", "format": {"type": "grammar", "grammar": grammar}}},
    ]
    assert read(tools=tools).tools == (
        Tool("f", "tools[0].function", "d", schema, True),
        Tool("g", "tools[1].function"),
        Tool("sql", "tools[2].custom", custom=True, grammar=grammar),
    )
    assert read(functions=[{"name": "f"}]).tools == (Tool("f", "functions[0]"),)


@pytest.mark.parametrize(
    ("stated", "choice"),
    [
        ("none", ToolChoice("none")),
        ("auto", ToolChoice("auto")),
        ("required", ToolChoice("required")),
        ("any", ToolChoice("required")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("required", ("f",))),
        ({"type": "custom", "custom": {"name": "sql"}}, ToolChoice("required", ("sql",))),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
                {"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "sql"}},
            ]}},
            ToolChoice("required", ("f", "sql")),
        ),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"function": {"name": "f"}}]}},
            ToolChoice("auto", ("f",)),
        ),
    ],
)  # fmt: skip
def test_choices_of_tools(stated: Any, choice: ToolChoice) -> None:
    assert read(tool_choice=stated).parameters.tool_choice == choice


def test_choices_of_functions() -> None:
    assert read(function_call="none").parameters.tool_choice == ToolChoice("none")
    assert read(function_call={"name": "f"}).parameters.tool_choice == ToolChoice("required", ("f",))
    assert read(function_call={"name": "f"}, tool_choice="auto").parameters.tool_choice == ToolChoice("auto")


def test_parameters_with_the_callers_words_for_them() -> None:
    request = read(
        max_completion_tokens=5, max_tokens=7, temperature=0.5, top_p=0.9, top_k=40, min_p=0.1, stop="END",
        seed=3, n=2,
        presence_penalty=1, frequency_penalty=-1, logprobs=True, top_logprobs=4, reasoning_effort="high",
        parallel_tool_calls=False, service_tier="flex", user="u", safety_identifier="s", metadata={"a": "b"},
        prompt_cache_key="k", verbosity="low", response_format={"type": "json_object"},
        modalities=["text", "audio"], audio={"voice": "a", "format": "mp3"}, stream=True,
    )  # fmt: skip
    assert request.parameters == Parameters(
        max_output=5, temperature=0.5, top_p=0.9, top_k=40, min_p=0.1, stop=("END",), seed=3, choices=2,
        presence_penalty=1, frequency_penalty=-1, logprobs=True, top_logprobs=4, effort="high",
        parallel_calls=False,
        format=Format("json"), tier="flex", end_user="s", metadata=(("a", "b"),), cache_key="k", verbosity="low",
        audio_out={"voice": "a", "format": "mp3"},
    )  # fmt: skip
    assert request.stream
    assert [request.named(noun) for noun in ("max_output", "end_user", "choices", "effort", "format", "seed")] == [
        "max_completion_tokens", "safety_identifier", "n", "reasoning_effort", "response_format", "seed",
    ]  # fmt: skip
    other = read(max_tokens=7, user="u")
    assert (other.parameters.max_output, other.parameters.end_user) == (7, "u")
    assert (other.named("max_output"), other.named("end_user")) == ("max_tokens", "user")


def test_null_is_as_good_as_nothing() -> None:
    fields = (
        "max_tokens",
        "temperature",
        "stop",
        "tools",
        "tool_choice",
        "response_format",
        "stream_options",
        "foo",
    )
    request = read(**dict.fromkeys((*fields, "stream", "modalities", "functions", "metadata")))
    assert (request.parameters, request.others) == (Parameters(), {})


def test_what_has_no_noun_is_kept_for_who_knows_it() -> None:
    others = {"logit_bias": {"1": 2}, "foo": [1], "store": True, "prompt_cache_options": {"mode": "implicit"}}
    request: ChatRequest = read(**others, stream_options={"include_usage": True})
    assert request.others == others


def test_a_schema_for_the_answer() -> None:
    schema = {"type": "object"}
    stated = {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": schema, "strict": False, "description": "d"},
    }
    assert read(response_format=stated).parameters.format == Format("schema", schema, "n", "d", False)
    assert read(response_format={"type": "text"}).parameters.format == Format("text")


def test_names_of_who_spoke_are_lost() -> None:
    losses = Losses()
    read(
        losses,
        messages=[
            {"role": "user", "content": "a", "name": "Ann"},
            {"role": "tool", "tool_call_id": "a", "name": "f", "content": ""},
        ],
    )
    assert losses.line() == b"dropped=messages[0].name"
