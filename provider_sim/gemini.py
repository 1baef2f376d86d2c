"""Gemini: generateContent, its stream (SSE or a JSON array), embeddings, token counts, models."""

import base64

import orjson

from provider_sim.call import Call, Endpoint
from provider_sim.embedding import embed
from provider_sim.gemini_read import (
    dimensions_of,
    includes_thoughts,
    model_of,
    read,
    read_count,
    read_embed,
)
from provider_sim.message import JSON, JsonObject, Reply

FINISH = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "stop_sequence": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
}
DIMENSIONS = 3072
MODELS = ("chat", "embed")
PIECES_PER_FRAME = 4
"""Gemini streams several tokens a frame."""


def _usage(call: Call) -> JsonObject:
    """candidatesTokenCount leaves out thoughts; the total does not. The prompt is read once for all candidates."""
    usage, several = call.answer.usage, call.ask.n
    made: JsonObject = {
        "promptTokenCount": usage.input,
        "candidatesTokenCount": (usage.output - usage.reasoning) * several,
        "totalTokenCount": usage.input + usage.output * several,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.input}],
    }
    if usage.reasoning:
        made["thoughtsTokenCount"] = usage.reasoning * several
    if usage.cached:
        made["cachedContentTokenCount"] = usage.cached
    return made


def _envelope(call: Call) -> JsonObject:
    made: JsonObject = {"modelVersion": call.answer.model, "responseId": call.draw.identifier("", 22)}
    return made if call.fault.no_usage else {"usageMetadata": _usage(call), **made}


def _signature(call: Call) -> str:
    return base64.b64encode(call.draw.bits("thought", 48)).decode()


def _calls(call: Call) -> list[JsonObject]:
    """Function call parts; the first of a turn carries the thought signature."""
    parts = []
    for i, made in enumerate(call.answer.tool_calls):
        id_ = made.id or call.draw.identifier(f"{i}", 8).lower()
        part: JsonObject = {"functionCall": {"id": id_, "name": made.name, "args": made.object()}}
        if i == 0:
            part["thoughtSignature"] = _signature(call)
        parts.append(part)
    return parts


def _candidate(parts: list[JsonObject], index: int, finish: str | None) -> JsonObject:
    made: JsonObject = {"content": {"parts": parts, "role": "model"}, "index": index}
    return made if finish is None else {**made, "finishReason": finish}


def _blocked(call: Call) -> JsonObject:
    return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, **_envelope(call)}


def respond(call: Call) -> Reply:
    if call.ask.stream:
        return _stream(call)
    answer = call.answer
    if answer.refusal is not None:
        return Reply(body=orjson.dumps(_blocked(call)))
    parts: list[JsonObject] = []
    if answer.thinking and includes_thoughts(call.body):
        parts.append({"text": "".join(answer.thinking), "thought": True})
    if answer.text:
        parts.append({"text": answer.text})
    parts += _calls(call)
    finish = FINISH.get(answer.finish, answer.finish)
    candidates = [_candidate(parts, i, finish) for i in range(call.ask.n)]
    return Reply(
        content_type=JSON + b"; charset=UTF-8",
        body=orjson.dumps({"candidates": candidates, **_envelope(call)}),
    )


def _stream(call: Call) -> Reply:
    """Whole responses with incremental parts; usage in every frame, the finish only in the last."""
    answer = call.answer
    contents: list[list[JsonObject]] = []
    if answer.thinking and includes_thoughts(call.body):
        contents.append([{"text": "".join(answer.thinking), "thought": True}])
    step = 1 if call.fault.frames is not None else PIECES_PER_FRAME
    said = answer.pieces or []
    contents += [[{"text": "".join(said[i : i + step])}] for i in range(0, len(said), step)]
    contents += [[part] for part in _calls(call)]
    finish = FINISH.get(answer.finish, answer.finish)
    envelope = _envelope(call)
    bodies = []
    for number, parts in enumerate(contents or [[{"text": ""}]]):
        last = number == max(len(contents), 1) - 1
        candidates = [_candidate(parts, i, finish if last else None) for i in range(call.ask.n)]
        bodies.append({"candidates": candidates, **envelope})
    if answer.refusal is not None:
        bodies = [_blocked(call)]
    dumped = [orjson.dumps(body) for body in bodies]
    if call.request.query.get("alt") == "sse":
        return Reply(
            content_type=b"text/event-stream", frames=[b"data: " + one + b"\r\n\r\n" for one in dumped]
        )
    frames = [(b"[" if i == 0 else b",\r\n") + one for i, one in enumerate(dumped)]
    return Reply(content_type=JSON + b"; charset=UTF-8", frames=[*frames, b"]"])


def embed_one(call: Call) -> Reply:
    vector = embed(call.ask.texts[0], dimensions_of(call.body, DIMENSIONS), call.seed)
    body: JsonObject = {"embedding": {"values": vector}}
    if not call.fault.no_usage:
        body["usageMetadata"] = {"promptTokenCount": call.answer.usage.input}
    return Reply(body=orjson.dumps(body))


def embed_batch(call: Call) -> Reply:
    made = [
        {"values": embed(text, dimensions_of(request, DIMENSIONS), call.seed)}
        for text, request in zip(call.ask.texts, call.body["requests"], strict=True)
    ]
    body: JsonObject = {"embeddings": made}
    if not call.fault.no_usage:
        body["usageMetadata"] = {"promptTokenCount": call.answer.usage.input}
    return Reply(body=orjson.dumps(body))


def count_tokens(call: Call) -> Reply:
    total = call.answer.usage.input
    details = [{"modality": "TEXT", "tokenCount": total}]
    return Reply(body=orjson.dumps({"totalTokens": total, "promptTokensDetails": details}))


def _model(name: str) -> JsonObject:
    methods = (
        ["embedContent", "batchEmbedContents"] if "embed" in name else ["generateContent", "countTokens"]
    )
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name,
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": methods,
    }


def list_models(call: Call) -> Reply:  # noqa: ARG001
    return Reply(body=orjson.dumps({"models": [_model(name) for name in MODELS]}))


def retrieve_model(call: Call) -> Reply:
    return Reply(body=orjson.dumps(_model(model_of(call))))


METHODS: dict[str, Endpoint] = {
    "generateContent": Endpoint("generateContent", "gemini", respond, read, "json"),
    "streamGenerateContent": Endpoint("streamGenerateContent", "gemini", respond, read, "json"),
    "embedContent": Endpoint("embedContent", "gemini", embed_one, read_embed, "json"),
    "batchEmbedContents": Endpoint("batchEmbedContents", "gemini", embed_batch, read_embed, "json"),
    "countTokens": Endpoint("countTokens", "gemini", count_tokens, read_count, "json"),
}
LIST_MODELS = Endpoint("gemini.models", "gemini", list_models)
RETRIEVE_MODEL = Endpoint("gemini.models.retrieve", "gemini", retrieve_model)
