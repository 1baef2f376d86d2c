"""Conversations and tools on their way to providers: what each is sent of them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.capabilities import USUAL, Capabilities
from gateway.chat import (
    Block,
    ChatRequest,
    Media,
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
from gateway.dialects.chat.dialect import CHAT_IN, chat_out
from gateway.dialects.chat.quirks import QUIRKS
from gateway.dialects.losses import Losses
from tests.dialects.chat.asking import write
from tests.dialects.chat.written import HI, SQL, TOOL, asking, lost, messages, refused
from tests.dialects.conversations import PDF, PNG, requests, spoken


@given(requests())
def test_there_and_back(request: ChatRequest) -> None:
    """Of OpenAI's dialect in the middle nothing is lost."""
    losses = Losses()
    again = CHAT_IN.request(write(request, "openai", "gpt-4.1", losses=losses), losses)
    assert losses.line() == b""
    assert spoken(again) == spoken(request)
    assert again.parameters == request.parameters or not request.tools
    assert [(tool.name, tool.description, tool.schema) for tool in again.tools] == [
        (tool.name, tool.description, tool.schema) for tool in request.tools
    ]
    assert again.stream == request.stream


@given(st.sampled_from(sorted(QUIRKS)), requests())
def test_every_provider_can_be_asked(flavour: str, request: ChatRequest) -> None:
    """And is asked in all the words of the conversation; results follow the calls."""
    body = write(request, flavour)
    blocks = [*request.system, *(block for turn in request.turns for block in turn.blocks)]
    said = json.dumps(body["messages"], ensure_ascii=False)
    for block in blocks:
        if isinstance(block, Text):
            assert json.dumps(block.text, ensure_ascii=False)[1:-1] in said
    roles = [message["role"] for message in body["messages"]]
    assert set(roles) <= {"system", "developer", "user", "assistant", "tool"}
    for place, role in enumerate(roles):
        if role == "tool":
            assert roles[place - 1] in ("assistant", "tool")


def test_a_plain_request() -> None:
    sent = chat_out("generic").request(asking(system=["a", "b"], max_output=5), "m", USUAL, Losses())
    assert (sent.path, sent.streams, sent.api, sent.answer_tool) == ("/chat/completions", False, "chat", "")
    assert sent.body == {
        "model": "m",
        "messages": [{"role": "system", "content": "a\n\nb"}, {"role": "user", "content": "hi"}],
        "max_tokens": 5,
    }


@pytest.mark.parametrize(
    ("flavour", "model", "role"),
    [
        ("openai", "gpt-6-sol", "developer"), ("openai", "o3", "developer"), ("azure", "gpt-5.4", "developer"),
        ("openai", "gpt-4.1", "system"), ("groq", "gpt-6", "system"), ("generic", "o3", "system"),
    ],
)  # fmt: skip
def test_who_instructs(flavour: str, model: str, role: str) -> None:
    assert messages(system=["a"], flavour=flavour, model=model)[0]["role"] == role


def test_instructions_in_the_middle() -> None:
    later = Turn("system", (Text("be brief"),), "messages[1]")
    assert messages(HI, later, HI)[1] == {"role": "system", "content": "be brief"}
    for flavour in ("mistral", "vllm"):
        assert messages(HI, later, HI, flavour=flavour)[1] == {
            "role": "user",
            "content": "Operator note (not from the user): be brief",
        }


def result(id_: str, *blocks: Text | Media, error: bool = False) -> ToolResult:
    return ToolResult(id_, blocks, "messages[2]", is_error=error)


def test_results_go_first_then_the_rest_of_the_turn() -> None:
    turn = Turn("user", (Text("look"), result("a", Text("1"), Text("2")), result("b", error=True)))
    assert messages(turn) == [
        {"role": "tool", "tool_call_id": "a", "content": "1\n2"},
        {"role": "tool", "tool_call_id": "b", "content": "Error: "},
        {"role": "user", "content": [{"type": "text", "text": "look"}]},
    ]


def test_images_of_a_result_follow_in_the_users_turn() -> None:
    image = Media("image", "x", "image/png", PNG)
    assert messages(Turn("user", (result("a", Text("see"), image), Text("and?")))) == [
        {"role": "tool", "tool_call_id": "a", "content": "see\n[image attached below]"},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                {"type": "text", "text": "and?"},
            ],
        },
    ]


def test_parts() -> None:
    turn = Turn(
        "user",
        (
            Text("a"),
            Media("image", "x", url="https://a/", detail="low"),
            Media("audio", "x", "audio/mpeg", "AAAA"),
            Media("audio", "x", "audio/flac", "AAAA"),
            Media("document", "x", "application/pdf", PDF),
            Media("document", "x", "application/pdf", PDF, name="b.pdf"),
            Media("document", "x", "text/plain", text="plain", name="c.txt"),
        ),
    )
    assert messages(turn)[0]["content"] == [
        {"type": "text", "text": "a"},
        {"type": "image_url", "image_url": {"url": "https://a/", "detail": "low"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "flac"}},
        {
            "type": "file",
            "file": {"filename": "document.pdf", "file_data": f"data:application/pdf;base64,{PDF}"},
        },
        {"type": "file", "file": {"filename": "b.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
        {"type": "text", "text": "c.txt\nplain"},
    ]


@pytest.mark.parametrize(
    "media",
    [
        Media("image", "at", file_id="file-1"),
        Media("document", "at", file_id="file-1"),
        Media("document", "at", url="https://a/"),
        Media("audio", "at", url="https://a/"),
    ],
)
def test_what_only_another_provider_could_find(media: Media) -> None:
    assert refused(asking(Turn("user", (media,)))) == ("unsupported_value", "at")


def assistant(*blocks: Block, flavour: str = "generic") -> dict[str, Any]:
    return messages(HI, Turn("assistant", blocks, "messages[1]"), HI, flavour=flavour)[1]


def test_what_the_assistant_said() -> None:
    call = ToolCall("a", "f", '{"a": 1}')
    written = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    assert assistant(Text("a"), Text("b")) == {"role": "assistant", "content": "ab"}
    assert assistant() == {"role": "assistant", "content": ""}
    assert assistant(call) == {"role": "assistant", "content": None, "tool_calls": [written]}
    assert assistant(call, flavour="groq") == {"role": "assistant", "tool_calls": [written]}
    assert assistant(ToolCall("a", "f", ""))["tool_calls"][0]["function"]["arguments"] == "{}"
    assert assistant(Refusal("no")) == {"role": "assistant", "content": "no"}
    assert assistant(Refusal("no"), flavour="openai") == {
        "role": "assistant",
        "content": None,
        "refusal": "no",
    }


def test_what_an_assistant_drew_is_lost() -> None:
    drawn = Turn("assistant", (Text("a"), Media("image", "messages[1].images", "image/png", PNG)))
    assert lost(asking(HI, drawn, HI)) == "dropped=messages[1].images"


def test_plain_text_tools() -> None:
    call = ToolCall("a", "sql", 'SELECT "x"', custom=True)
    assert assistant(call, flavour="openai")["tool_calls"] == [
        {"id": "a", "type": "custom", "custom": {"name": "sql", "input": 'SELECT "x"'}}
    ]
    assert assistant(call)["tool_calls"] == [
        {
            "id": "a",
            "type": "function",
            "function": {"name": "sql", "arguments": '{"input":"SELECT \\"x\\""}'},
        }
    ]
    request = asking(tools=(SQL,))
    assert write(request, "openai")["tools"] == [
        {"type": "custom", "custom": {"name": "sql", "format": {"type": "grammar", "grammar": SQL.grammar}}}
    ]
    schema = write(request)["tools"][0]["function"]["parameters"]
    assert schema["required"] == ["input"]
    assert lost(request) == "dropped=tools[1].custom.format"


THOUGHTS = (
    Thinking("a", Signature("anthropic", "s")),
    Thinking("b"),
    Thinking("", Signature("anthropic-claude-v1", "d")),
)


@pytest.mark.parametrize(
    ("flavour", "fields"),
    [
        ("generic", {"content": "c"}),
        ("openai", {"content": "c"}),
        ("deepseek", {"content": "c", "reasoning_content": "ab"}),
        ("xai", {"content": "c", "reasoning_content": "ab"}),
        ("vllm", {"content": "c", "reasoning_content": "ab", "reasoning": "ab"}),
        ("mistral", {"content": [
            {"type": "thinking", "thinking": [{"type": "text", "text": "ab"}]}, {"type": "text", "text": "c"},
        ]}),
        ("openrouter", {"content": "c", "reasoning_details": [
            {"index": 0, "type": "reasoning.text", "text": "a"},
            {"index": 1, "type": "reasoning.text", "text": "b"},
            {"index": 2, "format": "anthropic-claude-v1", "type": "reasoning.encrypted", "data": "d"},
        ]}),
    ],
)  # fmt: skip
def test_reasoning_goes_back_to_who_wants_it(flavour: str, fields: dict[str, Any]) -> None:
    """Signatures to nobody but who made them."""
    assert assistant(*THOUGHTS, Text("c"), flavour=flavour) == {"role": "assistant", **fields}


def test_signatures_of_gemini_go_to_its_compatible_endpoint_alone() -> None:
    call = ToolCall("a", "f", "{}", signature=Signature("gemini", "s"))
    said = Text("a", signature=Signature("gemini", "t"))
    found = assistant(said, call)
    assert found["extra_content"] == {"google": {"thought_signature": "t"}}
    assert found["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "s"}}
    assert "extra_content" not in json.dumps(assistant(said, call, flavour="openai"))
    other = ToolCall("a", "f", "{}", signature=Signature("anthropic", "s"))
    assert "extra_content" not in assistant(other)["tool_calls"][0]


@pytest.mark.parametrize("flavour", ["openai", "mistral"])
@pytest.mark.parametrize("id_", ["call_1", "x" * 100, "a b c d e", "abc123XYZ", ""])
def test_ids_of_calls_fit_and_stay_pairs(flavour: str, id_: str) -> None:
    turn = Turn("user", (result(id_, Text("1")),))
    found = messages(HI, Turn("assistant", (ToolCall(id_, "f", "{}"),)), turn, flavour=flavour)
    sent = found[1]["tool_calls"][0]["id"]
    assert found[2]["tool_call_id"] == sent
    if flavour == "mistral":
        assert len(sent) == 9 and sent.isalnum()
        assert (sent == id_) == (id_ == "abc123XYZ")
    else:
        assert 0 < len(sent) <= 64
        assert (sent == id_) == (0 < len(id_) <= 64)


def test_names_of_tools_fit_and_are_told_back() -> None:
    name = "x" * 100
    tool = Tool(name, schema={"type": "object"})
    past = Turn("assistant", (ToolCall("a", name, "{}"),))
    request = asking(HI, past, HI, tools=(tool,), tool_choice=ToolChoice("required", (name,)))
    sent = chat_out("generic").request(request, "m", USUAL, Losses())
    body: Any = sent.body
    short = body["tools"][0]["function"]["name"]
    assert len(short) == 64
    assert sent.names == {short: name}
    assert body["messages"][1]["tool_calls"][0]["function"]["name"] == short
    assert body["tool_choice"]["function"]["name"] == short


def test_tools() -> None:
    bare, strict = (
        Tool("g", "tools[1].function"),
        Tool("h", "tools[2].function", schema={"$schema": "x", "type": "object"}, strict=True),
    )
    found = write(asking(tools=(TOOL, bare, strict)))["tools"]
    assert [tool["function"] for tool in found] == [
        {"name": "f", "description": "d", "parameters": TOOL.schema},
        {"name": "g", "parameters": {"type": "object", "properties": {}}},
        {"name": "h", "parameters": {"$schema": "x", "type": "object"}, "strict": True},
    ]
    mistral = write(asking(tools=(strict,)), "mistral")["tools"][0]["function"]
    assert mistral == {"name": "h", "parameters": {"type": "object"}}
    assert lost(asking(tools=(strict,)), "mistral") == "dropped=tools[2].function.strict"
    assert lost(asking(tools=(strict,)), "xai") == "dropped=tools[2].function.strict"


F, G = {"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "g"}}


@pytest.mark.parametrize(
    ("choice", "openai", "generic", "mistral"),
    [
        (ToolChoice("auto"), "auto", "auto", "auto"),
        (ToolChoice("none"), "none", "none", "none"),
        (ToolChoice("required"), "required", "required", "any"),
        (ToolChoice("required", ("f",)), F, F, F),
        (
            ToolChoice("required", ("f", "g")),
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [F, G]}}, "required", "any",
        ),
        (
            ToolChoice("auto", ("f",)),
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [F]}}, "auto", "auto",
        ),
    ],
)  # fmt: skip
def test_which_tools_may_be_called(choice: ToolChoice, openai: Any, generic: Any, mistral: Any) -> None:
    request = asking(tools=(TOOL, Tool("g"), Tool("other")), tool_choice=choice)
    for flavour, expected in (("openai", openai), ("generic", generic), ("mistral", mistral)):
        body = write(request, flavour)
        assert body["tool_choice"] == expected
        sent = [tool["function"]["name"] for tool in body["tools"]]
        listed = choice.names and flavour != "openai" and expected != F
        assert sent == (list(choice.names) if listed else ["f", "g", "other"])
        assert lost(request, flavour) == ("changed=tool_choice" if listed else "")


def test_a_plain_text_tool_is_chosen_as_what_it_is() -> None:
    request = asking(tools=(SQL,), tool_choice=ToolChoice("required", ("sql",)))
    assert write(request, "openai")["tool_choice"] == {"type": "custom", "custom": {"name": "sql"}}
    assert write(request)["tool_choice"] == {"type": "function", "function": {"name": "sql"}}


def test_a_call_that_cannot_be_forced() -> None:
    must = ToolChoice("required")
    names = {"tool_choice": "toolConfig"}
    request = asking(tools=(TOOL,), tool_choice=must, names=names)
    assert refused(request, can=Capabilities(forced_tool_choice=False)) == ("unsupported_value", "toolConfig")
    assert refused(asking(tool_choice=must)) == ("invalid_value", "tool_choice")
    assert "tool_choice" not in write(asking(tool_choice=ToolChoice("auto")))


def test_parallel_calls() -> None:
    assert write(asking(tools=(TOOL,), parallel_calls=False))["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in write(asking(parallel_calls=False))
    cannot = Capabilities(parallel_control=False)
    assert lost(asking(tools=(TOOL,), parallel_calls=False), can=cannot) == "dropped=parallel_calls"
    assert lost(asking(tools=(TOOL,), parallel_calls=True), can=cannot) == ""
