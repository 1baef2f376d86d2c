"""Whatever a caller asks for reaches the provider, is named as lost, or refused; only what a table leaves out in
silence (verdict I) may make no difference.

Each noun is asked of each provider's dialect, beside the same request without it.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from gateway.capabilities import Capabilities
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
from gateway.dialects.chat import table as chat
from gateway.dialects.chat.quirks import QUIRKS
from gateway.dialects.field_row import Row
from gateway.dialects.gemini import table as gemini
from gateway.dialects.json_text import json_bytes
from gateway.dialects.losses import Losses
from gateway.dialects.messages import table as messages
from gateway.dialects.ollama import table as ollama
from gateway.dialects.responses import table as responses
from gateway.dialects.table import inbound, outbound
from gateway.errors import GatewayError
from gateway.record import replace
from tests.dialects.messages.asked import BUDGET

#: (dialect, API, flavour) of providers, with the table of what is written for them.
OUT: dict[tuple[str, str, str], tuple[Row, ...]] = {
    ("anthropic", "messages", ""): messages.REQUEST_OUT,
    ("gemini", "generate_content", ""): gemini.REQUEST_OUT,
    ("ollama", "chat", ""): ollama.REQUEST_OUT,
    ("openai", "responses", ""): responses.REQUEST_OUT,
    **{("openai", "chat", flavour): chat.REQUEST_OUT for flavour in (*QUIRKS, "generic") if flavour != "azure"},
    ("azure", "chat", ""): chat.REQUEST_OUT,
}  # fmt: skip
#: They have no effort, and think by budgets, which most dialects then have no words for: that is told, too.
POOR = Capabilities(
    sampling=False, penalties=False, logprobs=False, parallel_control=False, native_schema=False
)
PDF = "JVBERi0xLjQK"
PNG = "iVBORw0KGgoAAAANSUhEUg=="
SCHEMA: Any = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
TOOL, OTHER = Tool("f", "tools[0]", "d", SCHEMA), Tool("g", "tools[1]", "e", SCHEMA)
HI = Turn("user", (Text("hi"),), "messages[0]")
ASKED = ChatRequest((HI,))
SAID = Turn("assistant", (Text("a"),), "m")
CALLED = (
    HI,
    Turn("assistant", (ToolCall("c", "f", "{}", "messages[1].tool_calls[0]"),), "messages[1]"),
    Turn("user", (ToolResult("c", (Text("r"),), "messages[2]", "f"),), "messages[2]"),
)

#: Each with a value that is not what the providers do anyway.
PARAMETERS = Parameters(
    max_output=2048, temperature=0.5, top_p=0.5, top_k=3, min_p=0.1, stop=("END",), seed=1, choices=2,
    presence_penalty=1, frequency_penalty=1, logprobs=True, effort="low", thinking_budget=2048, shows_thinking=True,
    tool_choice=ToolChoice("required"), parallel_calls=False, format=Format("json"), tier="flex", end_user="u",
    metadata=(("a", "b"),), cache_key="k", auto_cache="short", verbosity="low", image_out=True,
    audio_out={"voice": "alloy", "format": "wav"},
)  # fmt: skip


def _documents(**fields: Any) -> ChatRequest:
    media = Media("document", "messages[0].content[0]", **fields)
    return ChatRequest((Turn("user", (media, Text("hi")), "messages[0]"),))


def _image(**fields: Any) -> ChatRequest:
    media = Media("image", "messages[0].content[0]", "image/png", PNG, **fields)
    return ChatRequest((Turn("user", (media, Text("hi")), "messages[0]"),))


def _thought(*thoughts: Thinking) -> ChatRequest:
    said = Turn("assistant", (*thoughts, Text("yes")), "messages[1]")
    return ChatRequest((HI, said, Turn("user", (Text("go on"),), "messages[2]")))


def _tooled(tool: Tool, **said: Any) -> ChatRequest:
    return ChatRequest((HI,), tools=(tool, OTHER), parameters=Parameters(**said))


def _answered(**fields: Any) -> ChatRequest:
    (result,) = CALLED[2].blocks
    changed = replace(CALLED[2], blocks=(replace(result, **fields),))
    return ChatRequest((*CALLED[:2], changed), tools=(TOOL,))


def _formed(**fields: Any) -> ChatRequest:
    return ChatRequest((HI,), parameters=Parameters(format=Format("schema", SCHEMA, "n", **fields)))


def _spoken(how: Any) -> ChatRequest:
    return ChatRequest((HI,), parameters=Parameters(audio_out=how))


def _parameters() -> Iterator[tuple[str, ChatRequest, ChatRequest]]:
    for noun in set(Parameters.__struct_fields__) - {"top_logprobs"}:
        with_tools = (TOOL,) if noun in ("tool_choice", "parallel_calls") else ()
        base = ChatRequest((HI,), tools=with_tools)
        yield noun, base, replace(base, parameters=Parameters(**{noun: getattr(PARAMETERS, noun)}))
    base = ChatRequest((HI,), parameters=Parameters(logprobs=True))
    yield "top_logprobs", base, replace(base, parameters=Parameters(logprobs=True, top_logprobs=3))


_FOREIGN = Signature("unknown", "s")
#: (noun, the request without it, the request with it)
ASKING: tuple[tuple[str, ChatRequest, ChatRequest], ...] = (
    *_parameters(),
    ("system", ASKED, replace(ASKED, system=(Text("s"),))),
    ("turns", ASKED, replace(ASKED, turns=(HI, SAID, HI))),
    ("stream", ASKED, replace(ASKED, stream=True)),
    ("others.(any other)", ASKED, replace(ASKED, others={"novel": 1})),
    ("Refusal", ASKED, replace(ASKED, turns=(HI, Turn("assistant", (Refusal("no"),), "m"), HI))),
    ("Turn.role", replace(ASKED, turns=(HI, SAID, HI)),
     replace(ASKED, turns=(HI, SAID, Turn("system", (Text("n"),), "m"), HI))),
    ("Text", ASKED, replace(ASKED, turns=(Turn("user", (Text("hi"), Text("more")), "m"),))),
    ("Media.data", ASKED, _image()),
    ("Media.detail", _image(), _image(detail="high")),
    ("Media.detail", _image(detail="auto"), _image(detail="low")),
    ("Media.text", ASKED, _documents(media_type="text/plain", text="said")),
    ("Media.name", _documents(media_type="text/plain", text="said"),
     _documents(media_type="text/plain", text="said", name="T")),
    ("Media.name", _documents(media_type="application/pdf", data=PDF),
     _documents(media_type="application/pdf", data=PDF, name="T")),
    ("Media.url", ASKED, _documents(media_type="application/pdf", url="https://a.example/b.pdf")),
    ("Media.file_id", ASKED, _documents(file_id="file-1")),
    ("Thinking.at", _thought(), _thought(Thinking("t", _FOREIGN, "messages[1].reasoning_details"))),
    ("Thinking.at", _thought(), _thought(Thinking("t", None, "messages[1].reasoning_details"))),
    ("Thinking.at", _thought(), _thought(Thinking("", Signature("anthropic", "s"), "messages[1].thinking_blocks"))),
    ("ToolCall", ChatRequest((HI,), tools=(TOOL,)), ChatRequest(CALLED, tools=(TOOL,))),
    ("ToolResult.is_error", _answered(), _answered(is_error=True)),
    ("ToolResult.blocks", _answered(), _answered(blocks=(Text("r"), Media("image", "m", "image/png", PNG)))),
    ("ToolResult.blocks", _answered(),
     _answered(blocks=(Text("r"), Media("document", "m", "text/plain", text="said")))),
    ("ToolResult.blocks", _answered(blocks=(Media("document", "m", "text/plain", text="said"),)),
     _answered(blocks=(Media("document", "m", "text/plain", text="said", name="T"),))),
    ("Tool", ASKED, _tooled(TOOL)),
    ("Tool.description", _tooled(TOOL), _tooled(replace(TOOL, description="another"))),
    ("Tool.schema", _tooled(TOOL), _tooled(replace(TOOL, schema={"type": "object", "properties": {"b": {}}}))),
    ("Tool.strict", _tooled(TOOL), _tooled(replace(TOOL, strict=True))),
    ("Tool.custom", ASKED, _tooled(Tool("f", "tools[0].custom", custom=True))),
    ("Tool.grammar", _tooled(Tool("f", "tools[0].custom", custom=True)),
     _tooled(Tool("f", "tools[0].custom", custom=True, grammar={"syntax": "lark", "definition": "x"}))),
    ("tool_choice", _tooled(TOOL), _tooled(TOOL, tool_choice=ToolChoice("required", ("f",)))),
    ("tool_choice", _tooled(TOOL, tool_choice=ToolChoice("auto")), _tooled(TOOL, tool_choice=ToolChoice("none"))),
    ("audio_out.format", _spoken({"format": "pcm16"}), _spoken({"format": "wav"})),
    ("audio_out.voice", _spoken({"format": "pcm16"}), _spoken({"format": "pcm16", "voice": "alloy"})),
    ("Format.schema", ASKED, _formed()),
    ("Format.description", _formed(), _formed(description="which one")),
)  # fmt: skip
CAPABILITIES = (Capabilities(), BUDGET, POOR)


def _silent(rows: tuple[Row, ...]) -> set[str]:
    return {row.noun for row in rows if row.verdict == "I"}


def _sent(target: tuple[str, str, str], request: ChatRequest, can: Capabilities, losses: Losses) -> bytes:
    sent = outbound(*target).request(request, "m", can, losses)
    return json_bytes(sent.body) + sent.headers + sent.path.encode() + sent.query.encode()


@pytest.mark.parametrize("target", OUT, ids="/".join)
def test_what_is_asked_for_arrives_or_is_named(target: tuple[str, str, str]) -> None:
    silent, lost = _silent(OUT[target]), set()
    for noun, without, request in ASKING:
        for can in CAPABILITIES:
            before, losses = Losses(), Losses()
            try:
                usual = _sent(target, without, can, before)
                sent = _sent(target, request, can, losses)
            except GatewayError as error:
                assert error.param or error.message, noun
                continue
            told = set(losses.names) - set(before.names)
            if sent == usual and not told and noun not in silent:
                lost.add(noun)
            if told and not before.names:
                with pytest.raises(GatewayError):
                    _sent(target, request, can, Losses(strict=True))
    assert not lost


@pytest.mark.parametrize("target", OUT, ids="/".join)
def test_what_a_table_calls_dropped_is_named(target: tuple[str, str, str]) -> None:
    nouns = {row.noun for row in OUT[target] if row.verdict == "D"}
    assert nouns <= {noun for noun, _, _ in ASKING}
    for wanted in nouns:
        losses = Losses()
        for noun, _, request in ASKING:
            if noun == wanted:
                try:
                    _sent(target, request, Capabilities(), losses)
                except GatewayError:
                    continue
        assert losses.names, wanted


@pytest.mark.parametrize("target", OUT, ids="/".join)
def test_every_parameter_has_its_row(target: tuple[str, str, str]) -> None:
    assert set(Parameters.__struct_fields__) <= {row.noun for row in OUT[target]}


#: Callers' requests that have a field which their table drops.
_USER = {"role": "user", "content": "hi"}
_DOC = {"type": "text", "media_type": "text/plain", "data": "said"}
_CITED = {"enabled": True}
_FOUND = {"type": "search_result", "title": "t", "source": "s", "content": [{"type": "text", "text": "x"}]}


def _says(*blocks: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [*blocks, {"type": "text", "text": "hi"}]}]}


_TOOL = {"name": "f", "input_schema": {"type": "object"}}
_PART = {"text": "hi"}
_DECLARED = {"name": "f"}
DROPPED: dict[str, list[tuple[dict[str, Any], str]]] = {
    "chat": [
        ({"messages": [{**_USER, "name": "Bo"}]}, "messages[0].name"),
        ({"top_logprobs": 2}, "top_logprobs"),
    ],
    "messages": [
        (_says({"type": "document", "source": _DOC, "context": "c"}), "messages[0].content[0].context"),
        (_says({"type": "document", "source": _DOC, "citations": _CITED}), "messages[0].content[0].citations"),
        (_says({**_FOUND, "citations": _CITED}), "messages[0].content[0].citations"),
        (_says({"type": "tool_result", "tool_use_id": "t", "content": [{**_FOUND, "citations": _CITED}]}),
         "messages[0].content[0].content[0].citations"),
        ({"messages": [_USER, {"role": "assistant", "content": [
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
            {"type": "fallback"}, {"type": "text", "text": "x"}]}, _USER]}, "messages[1].content[0]"),
        ({"tools": [{**_TOOL, "input_examples": [{}]}]}, "tools[0].input_examples"),
        ({"tools": [{**_TOOL, "defer_loading": True}]}, "tools[0].defer_loading"),
        ({"tools": [{**_TOOL, "allowed_callers": ["code"]}]}, "tools[0].allowed_callers"),
        ({"thinking": {"type": "between_tools"}}, "thinking"),
        ({"output_config": {"task_budget": {"total": 9}}}, "output_config.task_budget"),
    ],
    "responses": [
        ({name: value}, name)
        for name, value in (
            ("truncation", "auto"), ("max_tool_calls", 1), ("context_management", [{}]),
            ("moderation", {"model": "m"}), ("access_programs", ["p"]), ("image", {"a": 1}),
        )
    ] + [({"reasoning": {"context": "x"}}, "reasoning.context"), ({"reasoning": {"mode": "x"}}, "reasoning.mode")],
    "generate_content": [
        ({"contents": [{"parts": [{**_PART, "videoMetadata": {"fps": 1}}]}]}, "contents[0].parts[0].videoMetadata"),
        ({"tools": [{"functionDeclarations": [{**_DECLARED, "behavior": "NON_BLOCKING"}]}]},
         "tools[0].functionDeclarations[0].behavior"),
        ({"generationConfig": {"logprobs": 2}}, "generationConfig.logprobs"),
    ],
}  # fmt: skip
_PLAIN: dict[str, dict[str, Any]] = {
    "chat": {"model": "m", "messages": [_USER]},
    "messages": {"model": "m", "max_tokens": 9, "messages": [_USER]},
    "responses": {"model": "m", "input": "hi"},
    "generate_content": {"contents": [{"parts": [_PART]}]},
}
_TABLES = {
    "chat": chat.REQUEST_IN,
    "messages": messages.REQUEST_IN,
    "responses": responses.REQUEST_IN,
    "generate_content": gemini.REQUEST_IN,
}


@pytest.mark.parametrize(
    ("api", "fields", "named"), [(api, *row) for api, rows in DROPPED.items() for row in rows]
)
def test_what_reading_drops_is_named(api: str, fields: dict[str, Any], named: str) -> None:
    spoken, body = inbound(api, ""), {**_PLAIN[api], **fields}
    losses = Losses()
    spoken.request(body, losses)
    assert named in {name for _, name in losses.names}
    with pytest.raises(GatewayError):
        spoken.request(body, Losses(strict=True))
    spoken.request(_PLAIN[api], Losses(strict=True))


@pytest.mark.parametrize("api", _TABLES)
def test_every_row_of_what_reading_drops_is_tried(api: str) -> None:
    tried = str(DROPPED[api])
    for row in _TABLES[api]:
        if row.verdict == "D" and "(any other)" not in row.field and not row.noun:
            last = row.field.rpartition(".")[2].partition("=")
            for word in (last[2] or last[0]).split("|"):
                assert f"'{word}'" in tried or word == "mcp_tool_listing", row.field


@pytest.mark.parametrize("api", _TABLES)
@pytest.mark.parametrize("target", OUT, ids="/".join)
def test_a_field_that_nobody_knows_is_named(api: str, target: tuple[str, str, str]) -> None:
    losses = Losses()
    request = inbound(api, "").request({**_PLAIN[api], "novel": 1}, losses)
    outbound(*target).request(request, "m", Capabilities(), losses)
    assert losses.names == (("dropped", "novel"),)


@pytest.mark.parametrize("target", OUT, ids="/".join)
def test_what_asks_for_nothing_is_no_loss(target: tuple[str, str, str]) -> None:
    plain = {
        "n": 1,
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "store": False,
        "logprobs": False,
        "stop": None,
    }
    losses = Losses(strict=True)
    request = inbound("chat", "").request({**_PLAIN["chat"], **plain}, losses)
    outbound(*target).request(request, "m", Capabilities(), losses)
