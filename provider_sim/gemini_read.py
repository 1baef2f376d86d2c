"""Reading Gemini requests (`reference/wire.md` §2.3), and refusing what Gemini refuses."""

from typing import Any

import orjson

from provider_sim.ask import Ask, Tool
from provider_sim.call import Call
from provider_sim.errors import Refusal
from provider_sim.message import JsonObject
from provider_sim.tokens import IMAGE_TOKENS, count

THINKING_ALWAYS = ("gemini-3", "gemini-4")


def invalid(message: str) -> Refusal:
    return Refusal("invalid", message)


def model_of(call: Call) -> str:
    """The model in the path, without `models/`."""
    model = call.parameters[0].removeprefix("models/")
    if model.startswith("unknown"):
        message = (
            f"models/{model} is not found for API version v1beta, or is not supported for generateContent."
        )
        raise Refusal("not_found", message)
    return model


def read(call: Call) -> Ask:
    """The ask in generateContent. Field names are accepted in camelCase, as the SDKs send them, and snake_case."""
    body = call.body
    ask = Ask(model_of(call), stream=call.endpoint.name == "streamGenerateContent")
    contents = body.get("contents")
    contents = [contents] if isinstance(contents, dict) else contents
    if not isinstance(contents, list) or not contents:
        raise invalid("* GenerateContentRequest.contents: contents is not specified\n")
    system = _field(body, "systemInstruction")
    if isinstance(system, dict):
        _read_content(ask, {**system, "role": "system"})
    for content in contents:
        if not isinstance(content, dict) or content.get("role", "user") not in {"user", "model", "function"}:
            raise invalid("Please use a valid role: user, model.")
        _read_content(ask, content)
    _read_tools(ask, body)
    config = _field(body, "generationConfig") or {}
    ask.max_tokens = _field(config, "maxOutputTokens")
    ask.stop = list(_field(config, "stopSequences") or [])
    ask.n = int(_field(config, "candidateCount") or 1)
    thinking = _field(config, "thinkingConfig") or {}
    if _field(thinking, "thinkingLevel") and _field(thinking, "thinkingBudget") is not None:
        raise invalid("You can only set only one of thinking budget and thinking level.")
    budget = _field(thinking, "thinkingBudget")
    asked = bool(_field(thinking, "includeThoughts") or _field(thinking, "thinkingLevel") or budget)
    ask.thinking = asked or ask.model.startswith(THINKING_ALWAYS)
    if _field(config, "responseMimeType") == "application/json":
        schema = _field(config, "responseJsonSchema") or _field(config, "responseSchema")
        ask.schema, ask.json_object = schema, schema is None
    return ask


def _field(values: JsonObject, name: str) -> Any:
    found = values.get(name)
    if found is None:
        snake = "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)
        found = values.get(snake)
    return found


def includes_thoughts(body: JsonObject) -> bool:
    """Thoughts are only shown when asked for; their tokens are counted anyway."""
    config = _field(body, "generationConfig") or {}
    return bool(_field(_field(config, "thinkingConfig") or {}, "includeThoughts"))


def _read_content(ask: Ask, content: JsonObject) -> None:
    role = content.get("role", "user")
    parts = content.get("parts")
    parts = [parts] if isinstance(parts, dict) else parts or []
    if not parts and role != "system":
        raise invalid("* GenerateContentRequest.contents.parts: contents.parts must not be empty.\n")
    texts, results = [], False
    for part in parts:
        text, other = _part(part)
        results = results or _field(part, "functionResponse") is not None
        texts.append(text)
        ask.input_tokens += count(text) + other
    ask.texts += texts
    if role == "user" and not results:
        ask.last_user, ask.answered = "\n".join(filter(None, texts)), False
    elif results:
        ask.answered = True


def _part(part: Any) -> tuple[str, int]:
    if not isinstance(part, dict):
        raise invalid("Invalid JSON payload received. Unknown name in parts.")
    if "text" in part:
        return str(part["text"]), 0
    for name in ("functionCall", "functionResponse"):
        inner = _field(part, name)
        if inner is not None:
            return orjson.dumps(inner).decode(), 0
    return "", IMAGE_TOKENS


def _read_tools(ask: Ask, body: JsonObject) -> None:
    for tool in body.get("tools") or []:
        for declared in _field(tool, "functionDeclarations") or []:
            schema = _field(declared, "parametersJsonSchema") or declared.get("parameters") or {}
            ask.tools.append(Tool(str(declared.get("name", "")), schema))
            ask.input_tokens += count(orjson.dumps(declared).decode())
    calling = _field(_field(body, "toolConfig") or {}, "functionCallingConfig") or {}
    mode = str(calling.get("mode") or "AUTO").upper()
    ask.choice = {"NONE": "none", "ANY": "required"}.get(mode, "auto")
    ask.choice_names = list(_field(calling, "allowedFunctionNames") or [])


def read_embed(call: Call) -> Ask:
    """The ask of embedContent and batchEmbedContents: one text a request."""
    ask = Ask(model_of(call), generates=False)
    requests = call.body.get("requests") if call.endpoint.name == "batchEmbedContents" else [call.body]
    if not isinstance(requests, list) or not requests:
        raise invalid("* BatchEmbedContentsRequest.requests: at least one request is required\n")
    if len(requests) > 100:
        raise invalid("* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch\n")
    for request in requests:
        content = request.get("content")
        parts = content.get("parts") if isinstance(content, dict) else None
        if not parts:
            raise invalid("* EmbedContentRequest.content: content is not specified\n")
        ask.texts.append("\n".join(str(part.get("text", "")) for part in parts))
    ask.last_user = ask.texts[-1]
    ask.input_tokens = sum(count(text) for text in ask.texts)
    return ask


def read_count(call: Call) -> Ask:
    """countTokens takes contents, or a whole generateContentRequest."""
    inner = _field(call.body, "generateContentRequest")
    if isinstance(inner, dict):
        call.body = inner
    ask = read(call)
    ask.generates = False
    return ask


def dimensions_of(request: JsonObject, default: int) -> int:
    config = request.get("embedContentConfig") or request.get("config") or {}
    return int(_field(request, "outputDimensionality") or _field(config, "outputDimensionality") or default)
