"""Requests of Anthropic's callers: each field's noun, and what is refused by the caller's own path."""

from typing import Any

import pytest
from anthropic.types.beta.message_create_params import MessageCreateParamsNonStreaming

from gateway.chat import (
    Block,
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
from gateway.dialects.messages.dialect import INBOUND
from gateway.dialects.messages.table import REQUEST_IN
from gateway.dialects.messages.versions import FIRST, NEWEST, version_of
from gateway.errors import GatewayError
from gateway.record import replace
from tests.dialects.messages.conversations import PNG

JPEG_SAID = {"type": "base64", "media_type": "image/jpeg", "data": PNG}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQ="}


def body(*content: Any, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": list(content) or "hi"}]
    return {"model": "m", "max_tokens": 100, "messages": messages, **more}


def read(fields: dict[str, Any], version: str = NEWEST, losses: Losses | None = None) -> ChatRequest:
    return INBOUND[version].request(fields, Losses() if losses is None else losses)


def block(fields: Any) -> Block:
    return read(body(fields), FIRST).turns[0].blocks[0]


def lost(fields: dict[str, Any]) -> dict[str, str]:
    losses = Losses()
    read(fields, FIRST, losses)
    return {name: kind for kind, name in losses.names}


def refused(fields: dict[str, Any], version: str = FIRST) -> tuple[str | None, str | None]:
    with pytest.raises(GatewayError) as caught:
        read(fields, version)
    return caught.value.condition.code, caught.value.param


def test_msg_to_chat_basic() -> None:
    asked = read(
        body(
            {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            system=[
                {"type": "text", "text": "x-anthropic-billing-header: cc_version=2"},
                {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}},
            ],
            stream=True,
        )
    )
    assert asked.turns == (Turn("user", (Text("hi", "long"),), "messages[0]"),)
    assert asked.system == (Text("Be brief.", "short"),)
    assert asked.stream
    assert asked.parameters == Parameters(max_output=100)
    assert (asked.named("max_output"), asked.named("effort")) == ("max_tokens", "output_config.effort")


def test_versions() -> None:
    assert [version_of(one) for one in ("", FIRST, NEWEST, "2031-01-01")] == [FIRST, FIRST, NEWEST, NEWEST]
    document = {"type": "document", "source": PDF}
    said = body()
    said["messages"] += [{"role": "assistant", "content": [document]}, {"role": "user", "content": "and?"}]
    assert isinstance(read(said, FIRST).turns[1].blocks[0], Media)
    assert refused(said, NEWEST) == ("invalid_value", "messages[1].content[0].type")
    cited = body({"type": "text", "text": "hi", "citations": [{"type": "char_location"}]})
    assert read(cited, FIRST).turns
    assert refused(cited, NEWEST) == ("invalid_value", "messages[0].content[0].citations")
    warm = body(temperature=0.5, top_p=0.9, top_k=3)
    assert read(warm, NEWEST).parameters == Parameters(max_output=100, temperature=0.5, top_p=0.9, top_k=3)


def test_images_are_what_their_bytes_say() -> None:
    at = "messages[0].content[0]"
    assert block({"type": "image", "source": JPEG_SAID}) == Media("image", at, "image/png", PNG)
    assert block({"type": "image", "source": {"type": "url", "url": "https://x"}}) == Media(
        "image", at, url="https://x"
    )
    assert block({"type": "image", "source": {"type": "file", "file_id": "file_1"}}) == Media(
        "image", at, file_id="file_1"
    )


def test_documents() -> None:
    at = "messages[0].content[0]"
    pdf = {"type": "document", "source": PDF, "title": "t"}
    assert block(pdf) == Media("document", at, "application/pdf", PDF["data"], name="t")
    plain = {"type": "text", "media_type": "text/plain", "data": "words"}
    assert block({"type": "document", "source": plain}) == Media("document", at, "text/plain", text="words")
    parts = {
        "type": "content",
        "content": [{"type": "text", "text": "a"}, {"type": "image", "source": JPEG_SAID}],
    }
    assert block({"type": "document", "source": parts}) == Media("document", at, "text/plain", text="a")
    assert lost(body({"type": "document", "source": parts})) == {f"{at}.source.content[1]": "dropped"}
    assert block({"type": "document", "source": {"type": "content", "content": "b"}}) == Media(
        "document", at, "text/plain", text="b"
    )
    linked = {"type": "document", "source": {"type": "url", "url": "https://x"}}
    assert block(linked) == Media("document", at, "application/pdf", url="https://x")
    kept = {"type": "document", "source": {"type": "file", "file_id": "file_1"}}
    assert block(kept) == Media("document", at, file_id="file_1")
    more = {**pdf, "context": "c", "citations": {"enabled": True}}
    assert lost(body(more)) == {f"{at}.context": "dropped", f"{at}.citations": "dropped"}


def test_search_results_are_text() -> None:
    found = {"type": "search_result", "title": "T", "source": "S", "content": [{"type": "text", "text": "C"}]}
    assert block(found) == Text("T\nS\nC")


def test_thoughts() -> None:
    def thought(signature: str, text: str = "hm") -> Block:
        return block({"type": "thinking", "thinking": text, "signature": signature})

    assert thought("sig") == Thinking("hm", Signature("anthropic", "sig"))
    assert thought("sig", "") == Thinking("", Signature("anthropic", "sig", "thinking"))
    assert thought("gw1:openai:rs_1:a:b") == Thinking("hm", Signature("openai", "a:b", "rs_1"))
    assert thought("gw1:") == Thinking("hm")
    assert block({"type": "redacted_thinking", "data": "x"}) == Thinking("", Signature("anthropic", "x"))
    assert block({"type": "redacted_thinking", "data": "gw1:openai::x"}) == Thinking(
        "", Signature("openai", "x")
    )


def test_calls_and_results() -> None:
    used = {"type": "tool_use", "id": "a", "name": "f", "input": {"b": 1, "a": "ü"}}
    inner = [
        {"type": "text", "text": "t"},
        {"type": "image", "source": JPEG_SAID},
        {"type": "tool_reference", "tool_name": "g"},
    ]
    answered = {"type": "tool_result", "tool_use_id": "a", "content": inner, "is_error": True}
    at = "messages[0].content[0]"
    assert block(used) == ToolCall("a", "f", '{"b":1,"a":"ü"}', at)
    assert block(answered) == ToolResult(
        "a", (Text("t"), Media("image", f"{at}.content[1]", "image/png", PNG), Text("g")), at, is_error=True
    )
    assert block({"type": "tool_result", "tool_use_id": "a"}) == ToolResult("a", (), at)
    assert block({**answered, "content": "said"}) == ToolResult("a", (Text("said"),), at, is_error=True)


def test_what_anthropics_servers_did_is_told() -> None:
    used = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}}
    found = {
        "type": "web_search_tool_result",
        "tool_use_id": "s",
        "content": [
            {"type": "web_search_result", "title": "T", "url": "https://x", "encrypted_content": "…"}
        ],
    }
    asked = read(body(used, found, {"type": "web_search_tool_result", "content": {"error_code": "x"}}))
    assert asked.turns[0].blocks == (Text('\n[web_search {"query":"q"}]\n'), Text("\nT: https://x\n"))
    assert lost(body(used)) == {"messages[0].content[0]": "dropped"}
    assert block({"type": "compaction", "content": "so far"}) == Text("so far")
    assert lost(body({"type": "compaction", "content": None})) == {"messages[0].content[0]": "dropped"}


def test_instructions_stay_where_they_are() -> None:
    fields = body()
    fields["messages"] = [
        {"role": "system", "content": "first"},
        {"role": "user", "content": "q"},
        {"role": "system", "content": [{"type": "text", "text": "then"}]},
    ]
    asked = read({**fields, "system": "top"})
    assert asked.system == (Text("top"), Text("first"))
    assert [turn.role for turn in asked.turns] == ["user", "system"]


def test_tools() -> None:
    schema = {"type": "object"}
    tool = {
        "name": "f",
        "description": "d",
        "input_schema": schema,
        "strict": True,
        "eager_input_streaming": True,
    }
    told = {**tool, "type": "custom", "cache_control": {"type": "ephemeral"}}
    asked = read(body(tools=[tool, told]))
    assert asked.tools[0] == Tool("f", "tools[0]", "d", schema, True)
    assert asked.tools[1].cache == "short"
    more = {"input_examples": [{}], "defer_loading": True, "allowed_callers": ["code_execution_20260120"]}
    assert lost(body(tools=[{**tool, **more}])) == {f"tools[0].{name}": "dropped" for name in more}
    assert lost(body(tools=[{**tool, "allowed_callers": ["direct"], "defer_loading": False}])) == {}


@pytest.mark.parametrize(
    "kind", ["web_search_20250305", "bash_20250124", "computer_toolset_20260801", "mcp_toolset"]
)
def test_msg_to_chat_server_tool(kind: str) -> None:
    assert refused(body(tools=[{"type": kind, "name": "x"}])) == ("unsupported_value", "tools[0].type")


@pytest.mark.parametrize(
    ("said", "choice", "parallel"),
    [
        ({"type": "auto"}, ToolChoice("auto"), None),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolChoice("required"), False),
        (
            {"type": "tool", "name": "f", "disable_parallel_tool_use": False},
            ToolChoice("required", ("f",)),
            None,
        ),
        ({"type": "none"}, ToolChoice("none"), None),
    ],
)
def test_tool_choices(said: Any, choice: ToolChoice, parallel: bool | None) -> None:
    asked = read(body(tool_choice=said)).parameters
    assert (asked.tool_choice, asked.parallel_calls) == (choice, parallel)


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({"thinking": {"type": "disabled"}}, Parameters(effort="none")),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, Parameters(thinking_budget=2000)),
        ({"thinking": {"type": "adaptive", "display": "summarized"}}, Parameters(shows_thinking=True)),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, Parameters(shows_thinking=False)),
        ({"thinking": {"type": "between_tools"}}, Parameters()),
        ({"output_config": {"effort": "max"}, "thinking": {"type": "adaptive"}}, Parameters(effort="max")),
        (
            {"output_config": {"effort": "low"}, "thinking": {"type": "enabled", "budget_tokens": 5000}},
            Parameters(effort="low", thinking_budget=5000),
        ),
        ({"output_config": {"effort": "low"}, "thinking": {"type": "disabled"}}, Parameters(effort="none")),
        ({"metadata": {"user_id": "u"}}, Parameters(end_user="u")),
        ({"metadata": {}}, Parameters()),
        ({"service_tier": "standard_only"}, Parameters(tier="default")),
        ({"service_tier": "auto", "speed": "fast"}, Parameters(tier="priority")),
        ({"speed": "standard"}, Parameters()),
        ({"stop_sequences": ["a", "b"]}, Parameters(stop=("a", "b"))),
        ({"cache_control": {"type": "ephemeral"}}, Parameters(auto_cache="short")),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": {"a": 1}}}},
            Parameters(format=Format("schema", {"a": 1}, "output")),
        ),
        (
            {"output_format": {"type": "json_schema", "schema": {}}},
            Parameters(format=Format("schema", {}, "output")),
        ),
        ({"temperature": None, "tools": None, "system": None}, Parameters()),
    ],
)
def test_parameters(fields: dict[str, Any], asked: Parameters) -> None:
    assert read(body(**fields)).parameters == replace(asked, max_output=100)


def test_names_of_what_is_said_elsewhere() -> None:
    asked = read(body(thinking={"type": "disabled"}, speed="fast"))
    assert (asked.named("effort"), asked.named("tier")) == ("thinking", "speed")
    assert lost(body(thinking={"type": "between_tools"}, output_config={"task_budget": {"total": 1}})) == {
        "output_config.task_budget": "dropped",
        "thinking": "dropped",
    }


def test_fields_without_a_noun_are_kept_for_those_who_know_them() -> None:
    more = {"inference_geo": "eu", "fallbacks": "default", "never_heard_of": 1}
    assert read(body(**more, betas=["a"])).others == more


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"max_tokens": None}, "missing_required_parameter", "max_tokens"),
        ({"max_tokens": 0}, "unsupported_value", "max_tokens"),
        ({"max_tokens": "5"}, "invalid_type", "max_tokens"),
        ({"messages": None}, "missing_required_parameter", "messages"),
        ({"messages": []}, "invalid_value", "messages"),
        ({"messages": "hi"}, "invalid_type", "messages"),
        ({"messages": [1]}, "invalid_type", "messages[0]"),
        ({"messages": [{"content": "x"}]}, "missing_required_parameter", "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "invalid_value", "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "missing_required_parameter", "messages[0].content"),
        ({"temperature": 1.2}, "invalid_value", "temperature"),
        ({"top_k": -1}, "invalid_value", "top_k"),
        ({"stop_sequences": [1]}, "invalid_type", "stop_sequences"),
        ({"system": [{"type": "image"}]}, "invalid_value", "system[0].type"),
        ({"tool_choice": {"type": "tool"}}, "missing_required_parameter", "tool_choice.name"),
        ({"tools": [{"name": "f"}]}, "missing_required_parameter", "tools[0].input_schema"),
        ({"thinking": {"type": "enabled"}}, "missing_required_parameter", "thinking.budget_tokens"),
        ({"thinking": {}}, "missing_required_parameter", "thinking.type"),
        ({"output_config": {"effort": "huge"}}, "invalid_value", "output_config.effort"),
        (
            {"output_config": {"format": {"type": "json_schema"}}},
            "missing_required_parameter",
            "output_config.format.schema",
        ),
        ({"cache_control": {"ttl": "2h"}}, "invalid_value", "cache_control.ttl"),
        ({"container": "c"}, "unsupported_parameter", "container"),
        ({"mcp_servers": [{"url": "x"}]}, "unsupported_parameter", "mcp_servers"),
        ({"thread": {"id": "t"}}, "unsupported_parameter", "thread"),
    ],
)
def test_what_is_refused(change: dict[str, Any], code: str, param: str) -> None:
    assert refused({**body(), **change}) == (code, param)


@pytest.mark.parametrize(
    ("given", "code", "where"),
    [
        ({"type": "text"}, "missing_required_parameter", "text"),
        ({"text": "x"}, "missing_required_parameter", "type"),
        ({"type": "hologram"}, "invalid_value", "type"),
        ({"type": "container_upload", "file_id": "f"}, "invalid_value", "type"),
        ({"type": "image"}, "missing_required_parameter", "source"),
        ({"type": "image", "source": {"url": "x"}}, "missing_required_parameter", "source.type"),
        ({"type": "image", "source": {**JPEG_SAID, "data": "?"}}, "invalid_value", "source.data"),
        ({"type": "image", "source": PDF}, "invalid_value", "source.media_type"),
        ({"type": "document", "source": JPEG_SAID}, "invalid_value", "source.media_type"),
        ({"type": "tool_use", "id": "a", "name": "f"}, "missing_required_parameter", "input"),
        ({"type": "tool_use", "id": "a", "name": "f", "input": "{}"}, "invalid_type", "input"),
        ({"type": "tool_result"}, "missing_required_parameter", "tool_use_id"),
        (
            {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "browser_state"}]},
            "invalid_value",
            "content[0].type",
        ),
    ],
)
def test_blocks_that_are_refused(given: Any, code: str, where: str) -> None:
    assert refused(body(given)) == (code, f"messages[0].content[0].{where}")


def test_every_field_that_the_sdk_knows_has_a_row() -> None:
    known = set(MessageCreateParamsNonStreaming.__annotations__)
    assert len(known) > 25
    assert known - {row.field for row in REQUEST_IN} == set()
