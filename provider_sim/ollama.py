"""Ollama: chat, generate, embed, tags, show (`reference/wire.md` §2.4). Streams are NDJSON and the default."""

from datetime import UTC, datetime
from typing import Any

import orjson

from provider_sim.ask import Ask, Tool
from provider_sim.call import Call, Endpoint
from provider_sim.embedding import embed
from provider_sim.errors import Refusal
from provider_sim.message import NDJSON, JsonObject, Reply
from provider_sim.tokens import IMAGE_TOKENS, MESSAGE_OVERHEAD, count

DIMENSIONS = 768
MODELS = ("chat:latest", "embed:latest")
JSON_UTF8 = b"application/json; charset=utf-8"
TOKEN_NS = 10_000_000
"""Nanoseconds a token is said to have taken."""


def _model_of(call: Call) -> str:
    model = call.body.get("model") or call.body.get("name")
    if not model:
        raise Refusal("invalid", "model is required")
    if str(model).startswith("unknown"):
        raise Refusal("not_found", f'model "{model}" not found, try pulling it first')
    return str(model)


def _options(ask: Ask, body: JsonObject) -> None:
    """What chat and generate share."""
    options = body.get("options") or {}
    limit = options.get("num_predict")
    ask.max_tokens = limit if isinstance(limit, int) and limit >= 0 else None
    stop = options.get("stop") or []
    ask.stop = [stop] if isinstance(stop, str) else list(stop)
    wanted = body.get("format")
    ask.schema = wanted if isinstance(wanted, dict) else None
    ask.json_object = wanted == "json"
    ask.thinking = body.get("think") not in {None, False}
    ask.stream = body.get("stream") is not False
    context = options.get("num_ctx")
    if isinstance(context, int) and ask.input_tokens > context and body.get("truncate") is False:
        raise Refusal("invalid", "the input length exceeds the context length")


def read_chat(call: Call) -> Ask:
    ask = Ask(_model_of(call))
    for message in call.body.get("messages") or []:
        content = message.get("content")
        if not isinstance(content, str | None):
            raise Refusal(
                "invalid",
                "json: cannot unmarshal array into Go struct field ChatRequest.messages.content of type string",
            )
        text = content or ""
        if message.get("role") == "user":
            ask.last_user, ask.answered = text, False
        elif message.get("role") == "tool":
            ask.answered = True
        for made in message.get("tool_calls") or []:
            if not isinstance((made.get("function") or {}).get("arguments"), dict | None):
                raise Refusal(
                    "invalid", "json: cannot unmarshal string into Go struct field .arguments of type map"
                )
            text += orjson.dumps(made).decode()
        ask.texts.append(text)
        ask.input_tokens += count(text) + MESSAGE_OVERHEAD + IMAGE_TOKENS * len(message.get("images") or [])
    for tool in call.body.get("tools") or []:
        function = tool.get("function") or {}
        ask.tools.append(Tool(str(function.get("name", "")), function.get("parameters") or {}))
        ask.input_tokens += count(orjson.dumps(function).decode())
    _options(ask, call.body)
    return ask


def read_generate(call: Call) -> Ask:
    ask = Ask(_model_of(call))
    ask.last_user = str(call.body.get("prompt") or "")
    ask.texts = [str(call.body.get("system") or ""), ask.last_user]
    ask.input_tokens = sum(count(text) for text in ask.texts)
    _options(ask, call.body)
    return ask


def read_embed(call: Call) -> Ask:
    """`/api/embed` takes `input`, the older `/api/embeddings` takes `prompt`."""
    ask = Ask(_model_of(call), generates=False)
    given: Any = call.body.get("input", call.body.get("prompt", ""))
    ask.texts = [given] if isinstance(given, str) else [str(text) for text in given]
    ask.last_user = ask.texts[-1] if ask.texts else ""
    ask.input_tokens = sum(count(text) for text in ask.texts)
    return ask


def _base(call: Call) -> JsonObject:
    at = datetime.fromtimestamp(call.draw.created(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"
    return {"model": call.answer.model, "created_at": at}


def _metrics(call: Call) -> JsonObject:
    """Durations are nanoseconds."""
    usage = call.answer.usage
    done: JsonObject = {"done": True, "done_reason": "length" if call.answer.finish == "length" else "stop"}
    if call.fault.no_usage:
        return done
    total = (usage.input + usage.output) * TOKEN_NS
    return {
        **done,
        "total_duration": total,
        "load_duration": 1_000_000,
        "prompt_eval_count": usage.input,
        "prompt_eval_duration": usage.input * TOKEN_NS,
        "eval_count": usage.output,
        "eval_duration": usage.output * TOKEN_NS,
    }


def _calls(call: Call) -> list[JsonObject]:
    return [
        {
            "id": made.id or call.draw.identifier(f"call_{i}", 8).lower(),
            "function": {"index": i, "name": made.name, "arguments": made.object()},
        }
        for i, made in enumerate(call.answer.tool_calls)
    ]


def _shape(chat: bool, text: str, thinking: str = "", calls: list[JsonObject] | None = None) -> JsonObject:
    if not chat:
        return {"response": text, **({"thinking": thinking} if thinking else {})}
    message: JsonObject = {"role": "assistant", "content": text}
    if thinking:
        message["thinking"] = thinking
    if calls:
        message["tool_calls"] = calls
    return {"message": message}


def respond(call: Call) -> Reply:
    """One object, or a line a token and a last line with the metrics."""
    answer, chat = call.answer, call.endpoint.name == "ollama.chat"
    pieces = answer.pieces if answer.refusal is None else [answer.refusal]
    base, calls = _base(call), _calls(call)
    if not call.ask.stream:
        text = "".join(pieces or [])
        body = {**base, **_shape(chat, text, "".join(answer.thinking), calls), **_metrics(call)}
        return Reply(body=orjson.dumps(body), content_type=JSON_UTF8)
    shapes = [_shape(chat, "", thought) for thought in answer.thinking]
    shapes += [_shape(chat, piece) for piece in pieces or []]
    if calls:
        shapes.append(_shape(chat, "", "", calls))
    frames = [orjson.dumps({**base, **shape, "done": False}) + b"\n" for shape in shapes]
    frames.append(orjson.dumps({**base, **_shape(chat, ""), **_metrics(call)}) + b"\n")
    return Reply(content_type=NDJSON, frames=frames)


def respond_embed(call: Call) -> Reply:
    dimensions = int(call.body.get("dimensions") or DIMENSIONS)
    vectors = [embed(text, dimensions, call.seed) for text in call.ask.texts]
    if call.endpoint.name == "ollama.embeddings":
        return Reply(body=orjson.dumps({"embedding": vectors[0]}), content_type=JSON_UTF8)
    body: JsonObject = {
        "model": call.ask.model,
        "embeddings": vectors,
        "total_duration": 1_000_000,
        "load_duration": 0,
    }
    if not call.fault.no_usage:
        body["prompt_eval_count"] = call.answer.usage.input
    return Reply(body=orjson.dumps(body), content_type=JSON_UTF8)


def _details() -> JsonObject:
    return {
        "parent_model": "",
        "format": "gguf",
        "family": "llama",
        "families": ["llama"],
        "parameter_size": "3.2B",
        "quantization_level": "Q4_K_M",
    }


def tags(call: Call) -> Reply:  # noqa: ARG001
    models = [
        {
            "name": name,
            "model": name,
            "modified_at": "2026-09-21T12:00:00Z",
            "size": 2_019_393_189,
            "digest": "a80c4f17acd55265feec403c7aef86be0c25983ab279d83f3bcd3abbcb5b8b72",
            "details": _details(),
        }
        for name in MODELS
    ]
    return Reply(body=orjson.dumps({"models": models}), content_type=JSON_UTF8)


def show(call: Call) -> Reply:
    model = _model_of(call)
    body = {
        "modelfile": f"FROM {model}",
        "parameters": "num_ctx 131072",
        "template": "{{ .Prompt }}",
        "details": _details(),
        "model_info": {
            "general.architecture": "llama",
            "llama.context_length": 131_072,
            "llama.embedding_length": DIMENSIONS,
        },
        "capabilities": ["embedding"] if "embed" in model else ["completion", "tools", "thinking", "vision"],
        "modified_at": "2026-09-21T12:00:00Z",
    }
    return Reply(body=orjson.dumps(body), content_type=JSON_UTF8)


def version(call: Call) -> Reply:  # noqa: ARG001
    return Reply(body=b'{"version":"0.14.0"}', content_type=JSON_UTF8)


def running(call: Call) -> Reply:  # noqa: ARG001
    return Reply(body=b"Ollama is running", content_type=b"text/plain; charset=utf-8")


OLLAMA_EXACT: dict[tuple[str, str], Endpoint] = {
    ("POST", "/api/chat"): Endpoint("ollama.chat", "ollama", respond, read_chat, "json"),
    ("POST", "/api/generate"): Endpoint("ollama.generate", "ollama", respond, read_generate, "json"),
    ("POST", "/api/embed"): Endpoint("ollama.embed", "ollama", respond_embed, read_embed, "json"),
    ("POST", "/api/embeddings"): Endpoint("ollama.embeddings", "ollama", respond_embed, read_embed, "json"),
    ("POST", "/api/show"): Endpoint("ollama.show", "ollama", show, None, "json"),
    ("GET", "/api/tags"): Endpoint("ollama.tags", "ollama", tags),
    ("GET", "/api/version"): Endpoint("ollama.version", "ollama", version),
    ("GET", "/"): Endpoint("ollama.root", "ollama", running),
}
