"""Parameters on their way to providers: what each is asked, and what it is spared."""

import json
from typing import Any

import pytest

from gateway.capabilities import Capabilities
from gateway.chat import (
    CacheTtl,
    ChatRequest,
    Effort,
    Format,
    JsonObject,
    Parameters,
    Text,
    Tool,
    Turn,
)
from gateway.dialects.chat.dialect import chat_out
from gateway.dialects.losses import Losses
from gateway.errors import GatewayError
from tests.dialects.chat.asking import write
from tests.dialects.chat.written import EFFORTS, HI, SCHEMA, TOOL, asking, lost, messages, refused


@pytest.mark.parametrize(
    ("flavour", "field"),
    [
        ("openai", "max_completion_tokens"), ("azure", "max_completion_tokens"), ("groq", "max_completion_tokens"),
        ("generic", "max_tokens"), ("mistral", "max_tokens"), ("xai", "max_tokens"), ("deepseek", "max_tokens"),
        ("vllm", "max_tokens"), ("openrouter", "max_tokens"),
    ],
)  # fmt: skip
def test_how_much_may_be_said(flavour: str, field: str) -> None:
    body = write(asking(max_output=50), flavour)
    assert (body[field], "max_tokens" in body and "max_completion_tokens" in body) == (50, False)
    small = Capabilities(max_out=20)
    assert write(asking(max_output=50), flavour, can=small)[field] == 20
    assert (
        lost(asking(max_output=50, names={"max_output": "max_tokens"}), flavour, small)
        == "clamped=max_tokens"
    )


ALL: dict[str, Any] = {
    "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.1, "seed": 3, "presence_penalty": 0.5,
    "frequency_penalty": 0.5, "logprobs": True, "top_logprobs": 2, "verbosity": "low", "cache_key": "k",
    "tier": "flex",
}  # fmt: skip


@pytest.mark.parametrize(
    ("flavour", "dropped"),
    [
        ("openai", "top_k,min_p"),
        ("azure", "top_k,min_p,cache_key,tier"),
        ("vllm", "verbosity,cache_key,tier"),
        ("together", "verbosity,cache_key,tier"),
        ("groq", "top_k,min_p,logprobs,top_logprobs,verbosity,cache_key,tier"),
        ("mistral", "top_k,min_p,logprobs,top_logprobs,verbosity,cache_key,tier"),
        ("openrouter", "cache_key,tier"),
        ("generic", "top_k,min_p,verbosity,cache_key,tier"),
    ],
)
def test_what_a_provider_does_not_take(flavour: str, dropped: str) -> None:
    assert lost(asking(**ALL), flavour) == f"dropped={dropped}"


def test_what_a_model_does_not_take() -> None:
    request = asking(temperature=0.5, top_p=0.5, presence_penalty=1, logprobs=True, names={"top_p": "topP"})
    assert lost(request, can=Capabilities(sampling=False)) == "dropped=temperature,topP"
    assert lost(request, can=Capabilities(penalties=False)) == "dropped=presence_penalty"
    assert lost(request, can=Capabilities(logprobs=False)) == "dropped=logprobs"
    usual = asking(temperature=1.0, top_p=1, presence_penalty=0)
    assert lost(usual, can=Capabilities(sampling=False, penalties=False)) == "", "that is what it does anyway"
    with pytest.raises(GatewayError):
        chat_out("generic").request(request, "m", Capabilities(sampling=False), Losses(strict=True))


def test_words_of_their_own() -> None:
    body = write(asking(seed=3, end_user="u", tier="fast", stop=("a",)), "mistral")
    assert body["random_seed"] == 3
    assert not {"seed", "user", "safety_identifier", "service_tier"} & body.keys()
    openai = write(asking(end_user="u", tier="fast"), "openai")
    assert (openai["safety_identifier"], openai["service_tier"]) == ("u", "priority")
    assert write(asking(end_user="u"))["user"] == "u"
    assert lost(asking(tier="auto", metadata=(("a", "b"),), shows_thinking=True)) == ""


def test_sequences_that_end_it() -> None:
    six = tuple("abcdef")
    assert write(asking(stop=six), "openai")["stop"] == ["a", "b", "c", "d"]
    assert lost(asking(stop=six, names={"stop": "stop_sequences"}), "openai") == "dropped=stop_sequences"
    assert write(asking(stop=six), "vllm")["stop"] == list("abcdef")


def test_choices() -> None:
    assert write(asking(choices=3))["n"] == 3
    assert "n" not in write(asking(choices=1), "groq")
    assert refused(asking(choices=3, names={"choices": "n"}), "groq") == ("unsupported_value", "n")


@pytest.mark.parametrize(
    ("wanted", "sent", "line"),
    [
        ({"effort": "high"}, "high", ""),
        ({"effort": "max"}, "high", "clamped=effort"),
        ({"effort": "minimal"}, "low", "clamped=effort"),
        ({"effort": "none"}, "low", "clamped=effort"),
        ({"thinking_budget": 1024}, "low", "clamped=thinking_budget"),
        ({"thinking_budget": 2048}, "low", ""),
        ({"thinking_budget": 5000}, "medium", ""),
        ({"thinking_budget": 16384}, "high", ""),
        ({"thinking_budget": 99999}, "high", "clamped=thinking_budget"),
        ({"effort": "low", "thinking_budget": 99999}, "low", ""),
    ],
)
def test_how_hard_it_is_to_think(wanted: dict[str, Any], sent: Effort, line: str) -> None:
    request = asking(**wanted)
    assert write(request, "openai", can=EFFORTS)["reasoning_effort"] == sent
    assert lost(request, "openai", EFFORTS) == line


def test_effort_where_nothing_is_known_of_it() -> None:
    assert lost(asking(effort="high", names={"effort": "reasoning_effort"})) == "dropped=reasoning_effort"
    assert lost(asking(effort="none")) == ""
    assert write(asking(effort="none"), "deepseek")["thinking"] == {"type": "disabled"}


def test_what_cannot_be_said_while_it_thinks() -> None:
    request = asking(effort="medium", temperature=0.2, logprobs=True, presence_penalty=1, stop=("a",))
    assert lost(request, "openai", EFFORTS) == "dropped=temperature,logprobs"
    assert lost(request, "xai", EFFORTS) == "dropped=presence_penalty,stop"
    assert lost(request, "vllm", EFFORTS) == ""
    calm = asking(effort="none", temperature=0.2)
    assert write(calm, "openai", can=Capabilities(effort_levels=("none", "low")))["temperature"] == 0.2
    always = Capabilities(thinking="always")
    assert lost(asking(temperature=0.2), "openai", always) == "dropped=temperature"


def test_a_schema_for_the_answer_without_what_is_refused() -> None:
    schema: JsonObject = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"}
    request = asking(format=Format("schema", schema, "n"))
    sent = {
        flavour: write(request, flavour)["response_format"]["json_schema"] for flavour in ("mistral", "xai")
    }
    assert "$schema" not in sent["mistral"]["schema"]
    assert "$schema" in sent["xai"]["schema"]


def test_a_schema_for_the_answer() -> None:
    def form(flavour: str = "openai", **fields: Any) -> Any:
        return write(asking(format=Format("schema", SCHEMA, **fields)), flavour)["response_format"]

    closed = {**SCHEMA, "additionalProperties": False}
    assert form() == {
        "type": "json_schema",
        "json_schema": {"name": "output", "schema": closed, "strict": True},
    }
    assert form(name="n", description="d", strict=False) == {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": SCHEMA, "strict": False, "description": "d"},
    }
    open_ended = {"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"]}
    found = write(asking(format=Format("schema", open_ended)))["response_format"]["json_schema"]
    assert (found["strict"], found["schema"]) == (False, open_ended)


def test_a_schema_without_native_answers_is_a_forced_call() -> None:
    cannot = Capabilities(native_schema=False)
    request = asking(format=Format("schema", SCHEMA, description="d"))
    sent = chat_out("generic").request(request, "m", cannot, Losses())
    assert sent.answer_tool == "json_tool_call"
    function = {"name": "json_tool_call", "parameters": SCHEMA, "description": "d"}
    assert sent.body["tools"] == [{"type": "function", "function": function}]
    assert sent.body["tool_choice"] == {"type": "function", "function": {"name": "json_tool_call"}}
    assert "response_format" not in sent.body


@pytest.mark.parametrize(
    ("can", "tools"),
    [
        (Capabilities(native_schema=False, forced_tool_choice=False), ()),
        (Capabilities(native_schema=False), (TOOL,)),
        (Capabilities(schema_with_tools=False), (TOOL,)),
    ],
)
def test_a_schema_as_the_last_resort_is_said(can: Capabilities, tools: tuple[Tool, ...]) -> None:
    request = asking(format=Format("schema", SCHEMA), tools=tools, system=["a"])
    body = write(request, can=can)
    assert body["response_format"] == {"type": "json_object"}
    assert body["messages"][0]["content"].startswith("a\n\nRespond with a single JSON object")
    assert json.dumps(SCHEMA, separators=(",", ":")) in body["messages"][0]["content"]
    assert lost(request, can=can) == "changed=format"


def test_any_json_is_asked_for_in_words_where_nobody_did() -> None:
    wanted = Format("json")
    body = write(asking(format=wanted))
    assert body["response_format"] == {"type": "json_object"}
    assert body["messages"][0] == {"role": "system", "content": "Respond with a single JSON object."}
    asked = Turn("user", (Text("Answer in JSON."),))
    assert [message["role"] for message in write(asking(asked, format=wanted))["messages"]] == ["user"]
    assert "response_format" not in write(asking(format=Format("text")))


def test_streams_are_asked_for_their_usage() -> None:
    body = write(asking(stream=True))
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})
    mistral = write(asking(stream=True), "mistral")
    assert (mistral["stream"], "stream_options" in mistral) == (True, False)
    assert "stream" not in write(asking())


def test_what_has_no_noun_goes_to_who_knows_it() -> None:
    others: Any = {"logit_bias": {"1": 2}, "guided_json": {}, "foo": 1, "store": True}
    body = write(asking(others=others), "vllm")
    assert (body["logit_bias"], body["guided_json"]) == ({"1": 2}, {})
    assert lost(asking(others=others), "vllm") == "dropped=foo"
    assert lost(asking(others=others), "openai") == "dropped=guided_json,foo"
    assert lost(asking(others=others), "mistral") == "dropped=logit_bias,guided_json,foo,store"


def test_answers_beside_text() -> None:
    spoken_ = asking(audio_out={"voice": "v", "format": "mp3"}, names={"audio_out": "audio"})
    body = write(spoken_, "openai")
    assert (body["modalities"], body["audio"]) == (["text", "audio"], {"voice": "v", "format": "mp3"})
    assert refused(spoken_, "groq") == ("unsupported_parameter", "audio")
    drawn = asking(image_out=True, names={"image_out": "modalities"})
    assert write(drawn, "openrouter")["modalities"] == ["text", "image"]
    assert lost(drawn, "openai") == "dropped=modalities"


@pytest.mark.parametrize(
    ("flavour", "model", "cache", "mark"),
    [
        ("openai", "gpt-5.6-sol", "short", {"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}}),
        ("openai", "gpt-6-sol", "long", {"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}),
        ("openai", "gpt-5.4", "long", {}),
        ("openrouter", "anthropic/claude", "short", {"cache_control": {"type": "ephemeral"}}),
        ("openrouter", "anthropic/claude", "long", {"cache_control": {"type": "ephemeral", "ttl": "1h"}}),
        ("generic", "gpt-6", "long", {}),
    ],
)
def test_marks_for_the_cache(flavour: str, model: str, cache: CacheTtl, mark: dict[str, Any]) -> None:
    marked = Text("a", cache)
    tool = Tool("f", cache=cache)
    request = ChatRequest((Turn("user", (marked,)),), (marked,), (tool,), Parameters(auto_cache="short"))
    body = write(request, flavour, model)
    for message in body["messages"]:
        assert message["content"] == ([{"type": "text", "text": "a", **mark}] if mark else "a")
    assert ("cache_control" in body["tools"][0]) == (flavour == "openrouter")
    assert ("prompt_cache_options" in body) == ("prompt_cache_breakpoint" in mark)


def test_the_assistant_may_have_begun_to_answer() -> None:
    begun = Turn("assistant", (Text("It is"),), "messages[1]")
    assert messages(HI, begun)[-1] == {"role": "assistant", "content": "It is"}
    assert messages(HI, begun, flavour="mistral")[-1]["prefix"] is True
    assert "prefix" not in messages(HI, begun, HI, flavour="mistral")[1]
    assert refused(asking(HI, begun), can=Capabilities(prefill=False)) == ("unsupported_value", "messages[1]")
