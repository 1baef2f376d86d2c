"""Reading a Messages request, and refusing what Anthropic refuses, in its words (`reference/wire.md` §0.1–0.3)."""

from fnmatch import fnmatchcase
from typing import Any

import orjson

from provider_sim.ask import Ask, Tool
from provider_sim.call import Call
from provider_sim.errors import Refusal
from provider_sim.message import JsonObject
from provider_sim.tokens import IMAGE_TOKENS, MESSAGE_OVERHEAD, count

NEW_VERSION = "2026-10-21"
SAMPLING = ("temperature", "top_p", "top_k")
NEWEST = ("claude-opus-5-5*", "claude-sonnet-5-5*", "claude-fable-5-[12]*", "claude-mythos-5-[12]*")
"""Models that always think: no sampling, no forced tools, no prefill, no `thinking: disabled`."""


def invalid(message: str) -> Refusal:
    return Refusal("invalid", message)


def read_count(call: Call) -> Ask:
    """The ask of a count_tokens request, which needs no max_tokens and generates nothing."""
    call.body = {"max_tokens": 1, **call.body}
    ask = read(call)
    ask.generates = ask.stream = False
    return ask


def read(call: Call) -> Ask:
    """The ask in a Messages request. Raises Refusal as Anthropic does."""
    body = call.body
    version = call.request.header(b"anthropic-version")
    if version is None:
        raise invalid("anthropic-version: header is required")
    for name in ("model", "max_tokens", "messages"):
        if body.get(name) is None:
            raise invalid(f"{name}: Field required")
    model = body["model"]
    if not isinstance(model, str):
        raise invalid("model: Input should be a valid string")
    if model.startswith("unknown"):
        raise Refusal("not_found", f"model: {model}")
    ask = Ask(model, stream=body.get("stream") is True)
    limit = body["max_tokens"]
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise invalid("max_tokens: Input should be a valid integer")
    if limit < 0:
        raise invalid("max_tokens: Input should be greater than or equal to 0")
    ask.max_tokens = limit
    _read_system(ask, body.get("system"))
    messages = body["messages"]
    if not isinstance(messages, list) or not messages:
        raise invalid("messages: at least one message is required")
    for i, message in enumerate(messages):
        _read_message(ask, message, i)
    _check_results(messages)
    _read_tools(ask, body)
    ask.stop = list(body.get("stop_sequences") or [])
    if any(not stop.strip() for stop in ask.stop):
        raise invalid("stop_sequences: each stop sequence must contain non-whitespace")
    thinking = body.get("thinking") or {}
    ask.thinking = thinking.get("type") in {"enabled", "adaptive"}
    if thinking.get("type") == "enabled" and int(thinking.get("budget_tokens") or 0) >= max(limit, 1):
        raise invalid("`max_tokens` must be greater than `thinking.budget_tokens`.")
    _read_format(ask, (body.get("output_config") or {}).get("format") or body.get("output_format"))
    _check_version(body, version)
    _check_model(ask, body)
    return ask


def _read_system(ask: Ask, system: Any) -> None:
    blocks = [{"type": "text", "text": system}] if isinstance(system, str) else system or []
    for i, block in enumerate(blocks):
        if not isinstance(block, dict) or block.get("type") != "text":
            raise invalid(f"system.{i}: Input should be a text block")
        ask.texts.append(str(block.get("text", "")))
        ask.input_tokens += count(ask.texts[-1])


def _read_message(ask: Ask, message: Any, number: int) -> None:
    where = f"messages.{number}"
    if not isinstance(message, dict) or message.get("role") not in {"user", "assistant", "system"}:
        raise invalid(f"{where}.role: Input should be 'user' or 'assistant'")
    role, content = message["role"], message.get("content")
    if number == 0 and role == "assistant":
        raise invalid('messages: first message must use the "user" role')
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise invalid(f"{where}.content: Input should be a valid list")
    texts = []
    for i, block in enumerate(content):
        text, other = _block(block, f"{where}.content.{i}")
        texts.append(text)
        ask.input_tokens += count(text) + other
        if isinstance(block, dict) and block.get("type") == "tool_result":
            ask.answered = True
    said = [str(b.get("text", "")) for b in content if b.get("type") == "text"]
    if role == "user" and said:
        ask.last_user = "\n".join(said)
        ask.answered = any(b.get("type") == "tool_result" for b in content)
    ask.texts += texts
    ask.input_tokens += MESSAGE_OVERHEAD


def _block(block: Any, where: str) -> tuple[str, int]:
    """A block's text and the tokens of what is not text."""
    if not isinstance(block, dict):
        raise invalid(f"{where}: Input should be a valid dictionary")
    kind = block.get("type")
    if kind == "text":
        if not str(block.get("text", "")).strip():
            raise invalid(f"{where}.text: text content blocks must contain non-whitespace text")
        return str(block["text"]), 0
    if kind == "image":
        return "", IMAGE_TOKENS
    if kind == "tool_use":
        if not isinstance(block.get("input"), dict):
            raise invalid(f"{where}.tool_use.input: Input should be a valid dictionary")
        return f"{block.get('name', '')} {orjson.dumps(block['input']).decode()}", 0
    if kind == "tool_result":
        inner = block.get("content")
        if isinstance(inner, list):
            parts = [_block(part, f"{where}.content") for part in inner]
            return "\n".join(text for text, _ in parts), sum(tokens for _, tokens in parts)
        return str(inner or ""), 0
    if kind in {"thinking", "redacted_thinking"}:
        if kind == "thinking" and not block.get("signature"):
            raise invalid(f"{where}.thinking.signature: Field required")
        return str(block.get("thinking", "")), 0
    if kind is None:
        raise invalid(f"{where}.type: Field required")
    return "", count(orjson.dumps(block).decode())


def _check_results(messages: list[Any]) -> None:
    """Every tool_use has its tool_result in the next user turn, before any text; no result is without its use."""
    open_ids: list[str] = []
    for i, message in enumerate(messages):
        blocks = message["content"] if isinstance(message["content"], list) else []
        results = [b.get("tool_use_id") for b in blocks if b.get("type") == "tool_result"]
        missing = [id_ for id_ in open_ids if id_ not in results]
        if missing:
            raise invalid(
                f"messages.{i}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block in the "
                "next message."
            )
        stray = [id_ for id_ in results if id_ not in open_ids]
        if stray:
            raise invalid(
                f"messages.{i}.content.0: unexpected `tool_use_id` found in `tool_result` blocks: {stray[0]}. Each "
                "`tool_result` block must have a corresponding `tool_use` block in the previous message."
            )
        open_ids = (
            [b["id"] for b in blocks if b.get("type") == "tool_use"] if message["role"] == "assistant" else []
        )
    if open_ids:
        raise invalid(f"messages.{len(messages)}: `tool_use` ids were found without `tool_result` blocks")


def _read_tools(ask: Ask, body: JsonObject) -> None:
    for i, tool in enumerate(body.get("tools") or []):
        if tool.get("type") not in {None, "custom"}:
            continue
        schema = tool.get("input_schema")
        if not isinstance(schema, dict) or schema.get("type") != "object":
            raise invalid(f"tools.{i}.custom.input_schema.type: Input should be 'object'")
        ask.tools.append(Tool(str(tool.get("name", "")), schema))
        ask.input_tokens += count(orjson.dumps(schema).decode()) + count(str(tool.get("description") or ""))
    choice = body.get("tool_choice") or {"type": "auto"}
    kind = str(choice.get("type", "auto"))
    ask.choice = {"any": "required", "tool": "named"}.get(kind, kind)
    ask.choice_names = [choice["name"]] if choice.get("type") == "tool" else []
    uses = any(
        isinstance(m.get("content"), list) and any(b.get("type") == "tool_use" for b in m["content"])
        for m in body["messages"]
    )
    if uses and not body.get("tools"):
        raise invalid("Requests which include `tool_use` or `tool_result` blocks must define tools")


def _read_format(ask: Ask, wanted: Any) -> None:
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
        return
    ask.schema = wanted.get("schema") or {"type": "object"}
    _check_closed(ask.schema)


def _check_closed(schema: Any) -> None:
    """Structured outputs want every object closed."""
    if isinstance(schema, list):
        for item in schema:
            _check_closed(item)
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        where = "output_config.format.schema"
        raise invalid(f"{where}: For 'object' type, 'additionalProperties' must be explicitly set to false")
    for name in ("properties", "$defs"):
        for item in (schema.get(name) or {}).values():
            _check_closed(item)
    for name in ("items", "anyOf", "allOf"):
        _check_closed(schema.get(name))


def _check_version(body: JsonObject, version: str) -> None:
    if version != NEW_VERSION:
        return
    for name in SAMPLING:
        if body.get(name) is not None:
            raise invalid(f"{name}: Extra inputs are not permitted")
    for i, message in enumerate(body["messages"]):
        for block in message["content"] if isinstance(message["content"], list) else []:
            if message["role"] == "assistant" and block.get("type") == "document":
                raise invalid(
                    f"messages.{i}.content: document blocks are not permitted in assistant messages"
                )
            if message["role"] == "user" and block.get("type") == "text" and block.get("citations"):
                raise invalid(f"messages.{i}.content: citations are not permitted on user text blocks")


def _check_model(ask: Ask, body: JsonObject) -> None:
    if not any(fnmatchcase(ask.model, pattern) for pattern in NEWEST):
        return
    if (body.get("thinking") or {}).get("type") == "disabled":
        raise invalid("thinking.type: thinking cannot be disabled for this model")
    if ask.choice in {"required", "named"}:
        raise invalid("tool_choice: forced tool choice is not supported for this model")
    if body["messages"][-1]["role"] == "assistant":
        raise invalid(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )
    for name in SAMPLING:
        if body.get(name) is not None:
            raise invalid(f"{name}: sampling parameters are not supported for this model")
