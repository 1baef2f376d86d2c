"""What Gemini is asked beside the conversation: tools, parameters, formats, thinking."""

from typing import Any

import pytest

from gateway.chat import (
    ChatRequest,
    Format,
    Parameters,
    Text,
    Tool,
    ToolChoice,
)
from gateway.dialects.losses import Losses
from gateway.errors import GatewayError
from gateway.record import replace
from tests.dialects.gemini.asked import HELLO, NEW, NEW_PRO, OLD, OLD_PRO, model, refusal, sent, user, written

TOOL = Tool("f", "tools[0].function", "d", {"type": "object", "properties": {"a": {"type": "string"}}})


def test_gem_basic() -> None:
    request = ChatRequest(
        (user("hi"), model("hello"), user("again")),
        (Text("be brief"), Text("be kind")),
        parameters=Parameters(
            max_output=64, temperature=0.5, top_p=0.9, top_k=40, stop=("END",), seed=7, choices=2, tier="flex"
        ),
        stream=True,
    )
    made = sent(request)
    assert (made.path, made.query, made.api, made.streams) == (
        ":streamGenerateContent", "alt=sse", "generate_content", True,
    )  # fmt: skip
    assert made.body == {
        "contents": [
            {"role": "user", "parts": [{"text": "hi"}]},
            {"role": "model", "parts": [{"text": "hello"}]},
            {"role": "user", "parts": [{"text": "again"}]},
        ],
        "systemInstruction": {"parts": [{"text": "be brief"}, {"text": "be kind"}]},
        "generationConfig": {
            "maxOutputTokens": 64,
            "topP": 0.9,
            "topK": 40,
            "seed": 7,
            "temperature": 0.5,
            "stopSequences": ["END"],
            "candidateCount": 2,
        },
        "serviceTier": "flex",
    }
    plain = sent(HELLO)
    assert (plain.path, plain.query, plain.body) == (
        ":generateContent", "", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    )  # fmt: skip


def test_tools() -> None:
    odd = "0 wéird"
    tools = (
        TOOL,
        Tool("nothing", "tools[1]", schema={"type": "object", "properties": {}}),
        Tool("none", "tools[2]"),
        Tool(odd, "tools[3]", schema={"type": "object", "properties": {"a": {"pattern": "x"}}}),
    )
    losses = Losses()
    made = sent(
        ChatRequest((user("hi"),), tools=tools, parameters=Parameters(parallel_calls=False)), losses=losses
    )
    declared: Any = made.body["tools"][0]["functionDeclarations"]  # type: ignore[call-overload,index]
    assert [sorted(one) for one in declared] == [
        ["description", "name", "parametersJsonSchema"], ["name"], ["name"], ["name", "parametersJsonSchema"],
    ]  # fmt: skip
    assert made.names == {declared[3]["name"]: odd}
    assert losses.names == (("dropped", "parallel_calls"), ("changed", "tools[3]"))


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        (ToolChoice("auto"), {"mode": "AUTO"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("required", ("f",)), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (ToolChoice("auto", ("f",)), {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
    ],
)
def test_which_tools_may_be_called(choice: ToolChoice, calling: Any) -> None:
    body = written(tools=(TOOL,), parameters=Parameters(tool_choice=choice))
    assert body["toolConfig"] == {"functionCallingConfig": calling}


#: Effort, and what is asked of gemini-2.5-flash, 2.5-pro, 3.x flash and 3.x pro for it; * is told to the caller.
EFFORTS: list[tuple[Any, str, str, str, str]] = [
    ("none", "0", "128*", "MINIMAL*", "LOW*"),
    ("minimal", "512", "128", "MINIMAL", "LOW*"),
    ("low", "1024", "1024", "LOW", "LOW"),
    ("medium", "8192", "8192", "MEDIUM", "LOW*"),
    ("high", "24576", "24576", "HIGH", "HIGH"),
    ("xhigh", "24576*", "24576*", "HIGH*", "HIGH*"),
    ("max", "24576*", "24576*", "HIGH*", "HIGH*"),
]


@pytest.mark.parametrize("row", EFFORTS, ids=[row[0] for row in EFFORTS])
def test_gem_effort_levels(row: tuple[Any, str, str, str, str]) -> None:
    effort, *wanted = row
    for can, told in zip((OLD, OLD_PRO, NEW, NEW_PRO), wanted, strict=True):
        losses = Losses()
        body = written(can=can, losses=losses, parameters=Parameters(effort=effort))
        config = body["generationConfig"]["thinkingConfig"]
        assert config.pop("includeThoughts", False) == (effort != "none")
        kind, word = ("thinkingLevel", str) if can.thinking == "level" else ("thinkingBudget", int)
        assert config == {kind: word(told.strip("*"))}
        assert losses.names == ((("clamped", "effort"),) if "*" in told else ())


def test_budgets_and_what_is_shown() -> None:
    asked = Parameters(thinking_budget=3000, shows_thinking=False)
    assert written(can=OLD, parameters=asked)["generationConfig"] == {
        "thinkingConfig": {"thinkingBudget": 3000}
    }
    losses = Losses()
    assert written(losses=losses, parameters=asked)["generationConfig"] == {
        "thinkingConfig": {"thinkingLevel": "MEDIUM"}
    }
    assert losses.names == (("changed", "thinking_budget"),)
    shown = written(parameters=Parameters(shows_thinking=True))
    assert shown["generationConfig"] == {"thinkingConfig": {"includeThoughts": True}}


def test_models_that_do_not_think() -> None:
    plain = replace(NEW, thinking="none")
    losses = Losses()
    assert "generationConfig" not in written(
        can=plain, losses=losses, parameters=Parameters(effort="none", shows_thinking=True)
    )
    assert losses.names == ()
    assert "generationConfig" not in written(can=plain, losses=losses, parameters=Parameters(effort="high"))
    assert losses.names == (("dropped", "effort"),)


def test_what_nothing_stands_for_is_dropped_under_the_callers_name() -> None:
    losses = Losses()
    body = written(
        losses=losses,
        can=replace(NEW, sampling=False),
        parameters=Parameters(
            temperature=1.0, top_p=0.5, top_k=3, presence_penalty=1.0, min_p=0.1, verbosity="low", cache_key="k",
            end_user="u", metadata=(("a", "b"),), tier="scale", stop=tuple("abcdef"),
        ),
        others={"logit_bias": {}, "store": True},
        names={"stop": "stop_sequences"},
    )  # fmt: skip
    assert body["generationConfig"] == {"stopSequences": list("abcde")}
    assert {name for kind, name in losses.names} == {
        "temperature", "top_p", "top_k", "presence_penalty", "min_p", "verbosity", "cache_key", "tier",
        "stop_sequences", "logit_bias",
    }  # fmt: skip
    assert {kind for kind, name in losses.names} == {"dropped"}


def test_temperatures_have_a_top() -> None:
    losses = Losses()
    body = written(losses=losses, parameters=Parameters(temperature=2.5))
    assert body["generationConfig"] == {"temperature": 2.0}
    assert losses.names == (("clamped", "temperature"),)


SCHEMA: Any = {"type": "object", "properties": {"a": {"type": "string", "minLength": 1}}}


def test_formats() -> None:
    assert "generationConfig" not in written(parameters=Parameters(format=Format("text")))
    assert written(parameters=Parameters(format=Format("json")))["generationConfig"] == {
        "responseMimeType": "application/json"
    }
    losses = Losses()
    wanted = Parameters(format=Format("schema", SCHEMA, "n", strict=True))
    assert written(losses=losses, parameters=wanted, names={"format": "response_format"})[
        "generationConfig"
    ] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object", "properties": {"a": {"type": "string"}}},
    }
    assert losses.names == (("changed", "response_format"),)
    assert refusal(can=OLD, tools=(TOOL,), parameters=wanted) == ("format", "unsupported_value")
    assert refusal(can=replace(NEW, native_schema=False), parameters=wanted) == (
        "format",
        "unsupported_value",
    )


def test_what_the_model_cannot_be_asked() -> None:
    assert refusal(parameters=Parameters(choices=9)) == ("choices", "unsupported_value")
    assert refusal(can=replace(NEW, logprobs=False), parameters=Parameters(logprobs=True)) == (
        "logprobs", "unsupported_value",
    )  # fmt: skip
    assert refusal(can=replace(NEW, tools=False), tools=(TOOL,)) == ("tools", "unsupported_parameter")
    forced = Parameters(tool_choice=ToolChoice("required"))
    assert refusal(can=replace(NEW, forced_tool_choice=False), tools=(TOOL,), parameters=forced) == (
        "tool_choice", "unsupported_value",
    )  # fmt: skip


def test_log_probabilities() -> None:
    losses = Losses()
    body = written(losses=losses, parameters=Parameters(logprobs=True, top_logprobs=25))
    assert body["generationConfig"] == {"responseLogprobs": True, "logprobs": 20}
    assert losses.names == (("clamped", "top_logprobs"),)


def test_images_and_speech_to_come() -> None:
    assert written(parameters=Parameters(image_out=True))["generationConfig"] == {
        "responseModalities": ["TEXT", "IMAGE"]
    }
    assert written(parameters=Parameters(audio_out={"voice": "Kore", "format": "wav"}))[
        "generationConfig"
    ] == {
        "responseModalities": ["AUDIO"],
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
    }


def test_googles_own_fields_pass() -> None:
    google = {"cached_content": "c", "thinking_config": {"thinking_budget": 5}, "tag": "t"}
    losses = Losses()
    body = written(
        losses=losses,
        others={
            "safetySettings": [{"category": "x"}],
            "generationConfig.newest": 2,
            "toolConfig.retrievalConfig": {"a": 1},
            "extra_body": {"google": google, "odd": 1},
        },
    )
    assert body["safetySettings"] == [{"category": "x"}]
    assert body["generationConfig"] == {"newest": 2, "thinkingConfig": {"thinkingBudget": 5}}
    assert body["toolConfig"] == {"retrievalConfig": {"a": 1}}
    assert body["cachedContent"] == "c"
    assert losses.names == (("dropped", "extra_body.odd"), ("dropped", "extra_body.google.tag"))


def test_strict_callers_lose_nothing() -> None:
    with pytest.raises(GatewayError) as caught:
        written(losses=Losses(strict=True), parameters=Parameters(verbosity="low"))
    assert (caught.value.param, caught.value.condition.code) == ("verbosity", "unsupported_parameter")
