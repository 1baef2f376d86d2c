"""What callers of Google's generateContent ask, read into neutral nouns."""

from typing import Any

import pytest

from gateway.chat import (
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
from gateway.errors import GatewayError
from tests.dialects.conversations import PDF, PNG
from tests.dialects.gemini.asked import read

PART = "contents[0].parts[0]"


def parts(*given: Any, role: str = "user") -> list[dict[str, Any]]:
    return [{"role": role, "parts": list(given)}]


def block(**part: Any) -> Any:
    """The only block of the only turn."""
    (turn,) = read(contents=parts(part)).turns
    (found,) = turn.blocks
    return found


def test_a_whole_request() -> None:
    request = read(
        contents=[
            {"role": "user", "parts": [{"text": "hi"}]},
            {"role": "model", "parts": [{"text": "let me", "thought": True}, {"text": "hello"}]},
            {"parts": [{"text": "again"}]},
        ],
        systemInstruction={"parts": [{"text": "be brief"}, {"text": "be kind"}]},
        generationConfig={
            "maxOutputTokens": 64,
            "temperature": 0.5,
            "topP": 0.9,
            "topK": 40.0,
            "stopSequences": ["END"],
            "candidateCount": 2,
            "seed": 7,
            "presencePenalty": 0.1,
            "frequencyPenalty": -0.1,
            "responseLogprobs": True,
            "logprobs": 3,
        },
        labels={"team": "a"},
        serviceTier="standard",
        store=True,
    )
    assert request.turns == (
        Turn("user", (Text("hi"),), "contents[0]"),
        Turn("assistant", (Thinking("let me"), Text("hello")), "contents[1]"),
        Turn("user", (Text("again"),), "contents[2]"),
    )
    assert request.system == (Text("be brief"), Text("be kind"))
    assert request.parameters == Parameters(
        max_output=64,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        stop=("END",),
        choices=2,
        seed=7,
        presence_penalty=0.1,
        frequency_penalty=-0.1,
        logprobs=True,
        top_logprobs=3,
        metadata=(("team", "a"),),
        tier="default",
    )
    assert request.others == {}
    assert request.named("max_output") == "generationConfig.maxOutputTokens"


def test_names_with_underscores_and_lone_things_are_understood() -> None:
    request = read(
        contents={"parts": {"inline_data": {"mime_type": "image/png", "data": PNG}}},
        system_instruction={"parts": {"text": "be brief"}},
        generation_config={"max_output_tokens": 5, "thinking_config": {"include_thoughts": True}},
        tools={"function_declarations": {"name": "f", "parameters": {"type": "OBJECT", "properties": {}}}},
        tool_config={"function_calling_config": {"mode": "any", "allowed_function_names": ["f"]}},
    )
    assert request.turns == (
        Turn("user", (Media("image", "contents.parts.inlineData", "image/png", PNG),), "contents"),
    )
    assert request.system == (Text("be brief"),)
    assert request.parameters == Parameters(
        max_output=5, shows_thinking=True, tool_choice=ToolChoice("required", ("f",))
    )
    assert request.tools == (
        Tool("f", "tools.functionDeclarations", schema={"type": "object", "properties": {}}),
    )


def test_signatures_stay_with_what_they_came_with() -> None:
    turn = read(
        contents=parts(
            {"text": "a", "thoughtSignature": "s1"},
            {"text": "b", "thought": True, "thoughtSignature": "s2"},
            {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "s3"},
            {"text": "", "thoughtSignature": "s4"},
            {"thoughtSignature": "s5"},
            role="model",
        )
    ).turns[0]
    assert [getattr(one, "signature", None) for one in turn.blocks] == [
        Signature("gemini", f"s{number}") for number in range(1, 6)
    ]
    assert isinstance(turn.blocks[1], Thinking)


def test_media() -> None:
    url_safe = "-_-_"
    assert block(inlineData={"mimeType": "audio/wav", "data": url_safe}) == Media(
        "audio", f"{PART}.inlineData", "audio/wav", "+/+/"
    )
    assert block(inlineData={"mimeType": "application/pdf", "data": PDF, "displayName": "a"}) == Media(
        "document", f"{PART}.inlineData", "application/pdf", PDF, name="a"
    )
    assert block(fileData={"mimeType": "image/png", "fileUri": "https://x.org/a.png"}) == Media(
        "image", f"{PART}.fileData", "image/png", url="https://x.org/a.png"
    )
    store = "https://generativelanguage.googleapis.com/v1beta/files/abc"
    assert block(fileData={"mimeType": "application/pdf", "fileUri": store}).file_id == store
    assert block(inlineData={"mimeType": "image/jpeg", "data": PNG}).media_type == "image/png"


def test_how_closely_images_are_looked_at() -> None:
    image = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    own = {**image, "mediaResolution": {"level": "MEDIA_RESOLUTION_ULTRA_HIGH"}}
    turn = read(
        contents=parts(image, own), generationConfig={"mediaResolution": "MEDIA_RESOLUTION_LOW"}
    ).turns[0]
    assert [one.detail for one in turn.blocks] == ["low", "original"]  # type: ignore[union-attr]


def call(name: str, **more: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": {"b": 1, "a": "ü"}, **more}}


def answer(name: str, response: Any, **more: Any) -> dict[str, Any]:
    return {"functionResponse": {"name": name, "response": response, **more}}


def test_calls_without_ids_are_answered_by_name_and_order() -> None:
    first, second = read(
        contents=[
            *parts(call("f"), call("g"), call("f"), role="model"),
            *parts(answer("g", {"result": "1"}), answer("f", {"result": "2"}), answer("f", {"result": "3"})),
        ]
    ).turns
    calls = [one for one in first.blocks if isinstance(one, ToolCall)]
    assert [one.name for one in calls] == ["f", "g", "f"]
    assert len({one.id for one in calls}) == 3
    assert calls[0].arguments == '{"b":1,"a":"ü"}'
    f1, g, f2 = (one.id for one in calls)
    assert [(one.id, one.name) for one in second.blocks] == [(g, "g"), (f1, "f"), (f2, "f")]  # type: ignore[union-attr]


def test_calls_with_ids_keep_them() -> None:
    first, second = read(
        contents=[
            *parts(call("f", id="x"), call("f", id="y"), role="model"),
            *parts(answer("f", {}, id="y"), answer("f", {})),
        ]
    ).turns
    assert [one.id for one in (*first.blocks, *second.blocks)] == ["x", "y", "y", "x"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("response", "said", "is_error"),
    [
        ({"result": "text"}, "text", False),
        ({"output": "text"}, "text", False),
        ({"error": "no"}, "no", True),
        ({"result": [1, 2]}, '{"result":[1,2]}', False),
        ({"a": 1, "error": "x"}, '{"a":1,"error":"x"}', False),
        ({}, None, False),
    ],
)
def test_what_a_tool_answered(response: Any, said: str | None, is_error: bool) -> None:
    result: Any = (
        read(contents=[*parts(call("f"), role="model"), *parts(answer("f", response))]).turns[1].blocks[0]
    )
    assert result == ToolResult(
        "call_0", (Text(said),) if said else (), "contents[1].parts[0].functionResponse", "f", is_error
    )


def test_images_from_tools() -> None:
    image = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    result: Any = (
        read(
            contents=[*parts(call("f"), role="model"), *parts(answer("f", {"result": "see"}, parts=[image]))]
        )
        .turns[1]
        .blocks[0]
    )
    assert [type(one) for one in result.blocks] == [Text, Media]


def test_tools() -> None:
    own = {
        "type": "OBJECT",
        "properties": {
            "type": {"type": "STRING", "nullable": True, "enum": ["a"]},
            "n": {"type": "ARRAY", "items": {"type": "INTEGER"}, "minItems": "2"},
        },
        "required": ["type"],
        "propertyOrdering": ["type", "n"],
    }
    schema = {"type": "object", "properties": {"x": {"$ref": "#/$defs/x"}}, "$defs": {"x": {}}}
    request = read(
        tools=[
            {"functionDeclarations": [{"name": "f", "description": "d", "parameters": own}, {"name": "g"}]},
            {"functionDeclarations": [{"name": "h", "parametersJsonSchema": schema}]},
        ],
        toolConfig={"functionCallingConfig": {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}},
    )
    assert request.tools == (
        Tool(
            "f",
            "tools[0].functionDeclarations[0]",
            "d",
            {
                "type": "object",
                "properties": {
                    "type": {"type": ["string", "null"], "enum": ["a", None]},
                    "n": {"type": "array", "items": {"type": "integer"}, "minItems": 2},
                },
                "required": ["type"],
            },
        ),
        Tool("g", "tools[0].functionDeclarations[1]"),
        Tool("h", "tools[1].functionDeclarations[0]", "", schema),
    )
    assert request.parameters.tool_choice == ToolChoice("auto", ("f",))


@pytest.mark.parametrize(
    ("thinking", "read_as"),
    [
        ({"thinkingLevel": "LOW"}, {"effort": "low"}),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, {}),
        ({"thinkingBudget": 0}, {"effort": "none"}),
        ({"thinkingBudget": -1, "includeThoughts": True}, {"shows_thinking": True}),
        (
            {"thinkingBudget": 2000, "includeThoughts": False},
            {"thinking_budget": 2000, "shows_thinking": False},
        ),
    ],
)
def test_thinking(thinking: Any, read_as: dict[str, Any]) -> None:
    assert read(generationConfig={"thinkingConfig": thinking}).parameters == Parameters(**read_as)


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        ({"responseMimeType": "text/plain"}, Format("text")),
        ({"responseMimeType": "application/json"}, Format("json")),
        (
            {"responseMimeType": "application/json", "responseSchema": {"type": "STRING"}},
            Format("schema", {"type": "string"}, "output"),
        ),
        ({"responseJsonSchema": {"type": "string"}}, Format("schema", {"type": "string"}, "output")),
    ],
)
def test_formats(config: Any, wanted: Format) -> None:
    assert read(generationConfig=config).parameters.format == wanted


def test_images_and_speech_to_come() -> None:
    config = {
        "responseModalities": ["AUDIO", "Image"],
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
    }
    parameters = read(generationConfig=config).parameters
    assert parameters.image_out
    assert parameters.audio_out == {"voice": "Kore", "format": "pcm16"}


def test_fields_without_a_noun_are_kept_under_their_names() -> None:
    request = read(
        safetySettings=[{"category": "x"}],
        unknown=1,
        generationConfig={"newest": 2, "topK": None},
        toolConfig={"retrievalConfig": {"a": 1}},
    )
    assert request.others == {
        "safetySettings": [{"category": "x"}],
        "unknown": 1,
        "generationConfig.newest": 2,
        "toolConfig.retrievalConfig": {"a": 1},
    }


def test_code_that_ran_at_google_becomes_text() -> None:
    losses = Losses()
    request = read(
        losses,
        contents=parts(
            {"executableCode": {"language": "PYTHON", "code": "1+1"}},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}},
            role="model",
        ),
    )
    assert request.turns[0].blocks == (Text("\n```python\n1+1\n```\n"), Text("\n```\n2\n```\n"))
    assert losses.names == (
        ("changed", "contents[0].parts[0].executableCode"),
        ("changed", "contents[0].parts[1].codeExecutionResult"),
    )


def refusal(**body: Any) -> tuple[str | None, str | None]:
    """(param, code)."""
    with pytest.raises(GatewayError) as caught:
        read(**body)
    return caught.value.param, caught.value.condition.code


@pytest.mark.parametrize(
    ("part", "where", "code"),
    [
        ({}, "", "unsupported_value"),
        ({"text": 3}, ".text", "invalid_type"),
        ({"toolCall": {}}, ".toolCall", "unsupported_value"),
        ({"inlineData": {"data": "x"}}, ".inlineData.mimeType", "missing_required_parameter"),
        ({"inlineData": {"mimeType": "image/png", "data": "!"}}, ".inlineData.data", "invalid_value"),
        ({"inlineData": 1}, ".inlineData", "invalid_type"),
        ({"fileData": {}}, ".fileData.fileUri", "missing_required_parameter"),
        ({"functionCall": {}}, ".functionCall.name", "missing_required_parameter"),
        ({"functionCall": {"name": "f", "args": []}}, ".functionCall.args", "invalid_value"),
        (answer("f", {}), ".functionResponse", "invalid_value"),
    ],
)
def test_what_is_no_part_is_refused_with_its_path(part: Any, where: str, code: str) -> None:
    assert refusal(contents=parts(part)) == (PART + where, code)


@pytest.mark.parametrize(
    ("config", "where", "code"),
    [
        ({"temperature": 3}, "temperature", "invalid_value"),
        ({"maxOutputTokens": 0}, "maxOutputTokens", "invalid_value"),
        ({"responseMimeType": "text/x.enum"}, "responseMimeType", "unsupported_value"),
        ({"responseFormat": [{}]}, "responseFormat", "unsupported_parameter"),
        (
            {"thinkingConfig": {"thinkingLevel": "LOW", "thinkingBudget": 5}},
            "thinkingConfig",
            "invalid_value",
        ),
        ({"thinkingConfig": {"thinkingLevel": "LOUD"}}, "thinkingConfig.thinkingLevel", "invalid_value"),
    ],
)
def test_what_is_no_configuration_is_refused_with_its_path(config: Any, where: str, code: str) -> None:
    assert refusal(generationConfig=config) == (f"generationConfig.{where}", code)


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"contents": None}, "contents", "missing_required_parameter"),
        ({"contents": []}, "contents", "invalid_value"),
        ({"contents": "hi"}, "contents", "invalid_type"),
        ({"contents": [{"role": "user", "parts": []}]}, "contents[0].parts", "invalid_value"),
        ({"contents": parts({"text": "a"}, role="tool")}, "contents[0].role", "invalid_value"),
        ({"systemInstruction": "hi"}, "systemInstruction", "invalid_type"),
        ({"cachedContent": "cachedContents/1"}, "cachedContent", "unsupported_parameter"),
        ({"tools": [{"googleSearch": {}}]}, "tools[0].googleSearch", "unsupported_value"),
        ({"serviceTier": "best"}, "serviceTier", "invalid_value"),
        ({"labels": {"a": 1}}, "labels.a", "invalid_type"),
        (
            {"toolConfig": {"functionCallingConfig": {"mode": "SOME"}}},
            "toolConfig.functionCallingConfig.mode",
            "invalid_value",
        ),
    ],
)
def test_what_is_no_request_is_refused_with_its_path(body: dict[str, Any], param: str, code: str) -> None:
    assert refusal(**body) == (param, code)
