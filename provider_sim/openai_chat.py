"""OpenAI Chat Completions, plain and streamed, and its stored usage shapes (`reference/wire.md` §2.0–2.2)."""

from typing import Any

import orjson

from provider_sim.answer import Answer, ToolCall, Usage
from provider_sim.ask import Ask, Tool
from provider_sim.call import Call
from provider_sim.message import EVENT_STREAM, JsonObject, Reply
from provider_sim.openai_read import (
    bad_type,
    bad_value,
    choice_of,
    content_text,
    integer,
    missing,
    model_of,
    tools_of,
)
from provider_sim.openai_rules import check_chat
from provider_sim.tokens import MESSAGE_OVERHEAD, count

FINISH = {"stop_sequence": "stop"}
ROLES = {"system", "developer", "user", "assistant", "tool", "function"}


def read(call: Call) -> Ask:
    """The ask in a chat request. Raises Refusal as OpenAI does."""
    body = call.body
    ask = Ask(model_of(body))
    messages = body.get("messages")
    if messages is None:
        raise missing("messages")
    if not isinstance(messages, list):
        raise bad_type("messages", "an array of objects", messages)
    if not messages:
        raise bad_value(
            "messages", "Invalid 'messages': empty array. Expected an array with minimum length 1."
        )
    for i, message in enumerate(messages):
        _read_message(ask, message, i)
    ask.tools = tools_of(body.get("tools"), nested=True)
    ask.tools += [Tool(f["name"], f.get("parameters") or {}) for f in body.get("functions") or []]
    ask.choice, ask.choice_names = choice_of(body.get("tool_choice") or body.get("function_call"))
    ask.input_tokens += sum(count(orjson.dumps(t.schema).decode()) + count(t.name) for t in ask.tools) + 3
    _read_format(ask, body.get("response_format"))
    ask.max_tokens = integer(body, "max_completion_tokens", 1)
    if ask.max_tokens is None:
        ask.max_tokens = integer(body, "max_tokens", 1)
    ask.n = integer(body, "n", 1, 128) or 1
    stop = body.get("stop") or []
    ask.stop = [stop] if isinstance(stop, str) else list(stop)
    ask.thinking = body.get("reasoning_effort") not in {None, "none"}
    ask.stream = body.get("stream") is True
    if body.get("stream_options") is not None and not ask.stream:
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise bad_value("stream_options", message)
    check_chat(ask, body)
    return ask


def _read_message(ask: Ask, message: Any, number: int) -> None:
    if not isinstance(message, dict):
        raise bad_type(f"messages[{number}]", "an object", message)
    role = message.get("role")
    if role not in ROLES:
        raise bad_value(
            f"messages[{number}].role", f"Invalid value: '{role}'. Supported values are: 'system', …"
        )
    text, other = content_text(message.get("content"), f"messages[{number}].content")
    if role == "user":
        ask.last_user, ask.answered = text, False
    elif role in {"tool", "function"}:
        ask.answered = True
    calls = message.get("tool_calls")
    if calls:
        text += orjson.dumps(calls).decode()
    ask.texts.append(text)
    ask.input_tokens += count(text) + other + MESSAGE_OVERHEAD


def _read_format(ask: Ask, wanted: Any) -> None:
    if not isinstance(wanted, dict):
        return
    if wanted.get("type") == "json_schema":
        inner = wanted.get("json_schema")
        if not isinstance(inner, dict) or "name" not in inner:
            raise missing("response_format.json_schema")
        ask.schema = inner.get("schema") or {"type": "object"}
    ask.json_object = wanted.get("type") == "json_object"


def respond(call: Call) -> Reply:
    return _stream(call) if call.ask.stream else _whole(call)


def usage_json(usage: Usage) -> JsonObject:
    """Chat usage: details are always there, as OpenAI sends them."""
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached,
            "audio_tokens": 0,
            **({"cache_write_tokens": usage.cache_write} if usage.cache_write else {}),
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def call_id(call: Call, made: ToolCall, number: int) -> str:
    return made.id or call.draw.identifier("call_" + chr(0x61 + number % 26), 23)


def _call_json(call: Call, made: ToolCall, number: int) -> JsonObject:
    if made.custom:
        inner = {"name": made.name, "input": made.arguments}
        return {"id": call_id(call, made, number), "type": "custom", "custom": inner}
    inner = {"name": made.name, "arguments": made.arguments}
    return {"id": call_id(call, made, number), "type": "function", "function": inner}


def _envelope(call: Call, kind: str) -> JsonObject:
    return {
        "id": call.draw.identifier("chatcmpl-", 29),
        "object": kind,
        "created": call.draw.created(),
        "model": call.answer.model,
    }


def _tier(call: Call) -> str:
    asked = call.body.get("service_tier")
    return asked if asked in {"flex", "priority", "scale", "fast"} else "default"


def _whole(call: Call) -> Reply:
    answer = call.answer
    message: JsonObject = {
        "role": "assistant",
        "content": answer.text,
        "refusal": answer.refusal,
        "annotations": [],
    }
    if answer.tool_calls and call.body.get("functions"):
        first = answer.tool_calls[0]
        message["function_call"] = {"name": first.name, "arguments": first.arguments}
    elif answer.tool_calls:
        message["tool_calls"] = [_call_json(call, made, i) for i, made in enumerate(answer.tool_calls)]
    finish = _finish(call)
    logprobs = _logprobs(answer.pieces or []) if call.body.get("logprobs") else None
    body = _envelope(call, "chat.completion")
    body["choices"] = [
        {"index": i, "message": message, "logprobs": logprobs, "finish_reason": finish}
        for i in range(call.ask.n)
    ]
    if not call.fault.no_usage:
        body["usage"] = usage_json(_times(answer, call.ask.n))
    body["service_tier"] = _tier(call)
    body["system_fingerprint"] = "fp_sim0000001"
    return Reply(body=orjson.dumps(body))


def _finish(call: Call) -> str:
    if call.answer.finish == "tool_calls" and call.body.get("functions"):
        return "function_call"
    return FINISH.get(call.answer.finish, call.answer.finish)


def _times(answer: Answer, n: int) -> Usage:
    """The usage of `n` choices: the prompt is read once."""
    usage = answer.usage
    return Usage(usage.input, usage.output * n, usage.cached, usage.cache_write, usage.reasoning * n)


def _logprobs(said: list[str]) -> JsonObject:
    content = [
        {"token": piece, "logprob": -0.01, "bytes": list(piece.encode()), "top_logprobs": []}
        for piece in said
    ]
    return {"content": content, "refusal": None}


def _stream(call: Call) -> Reply:
    """Chunks as OpenAI sends them: role first, deltas, finish, usage when asked, `[DONE]`."""
    options = call.body.get("stream_options") or {}
    asked = bool(options.get("include_usage"))
    envelope = _envelope(call, "chat.completion.chunk")
    envelope |= {"service_tier": _tier(call), "system_fingerprint": "fp_sim0000001"}
    head = b"data: " + orjson.dumps(envelope)[:-1] + b',"choices":['
    tail = b'],"usage":null}\n\n' if asked and not call.fault.no_usage else b"]}\n\n"
    frames: list[bytes] = []
    finish = _finish(call)
    logprobs = bool(call.body.get("logprobs"))
    for i in range(call.ask.n):
        start = head + b'{"index":%d,"delta":' % i
        plain = b',"logprobs":null,"finish_reason":null}' + tail
        frames += [start + orjson.dumps(delta) + plain for delta in _first_deltas(call)]
        for piece in call.answer.pieces or []:
            end = plain
            if logprobs:
                end = b',"logprobs":' + orjson.dumps(_logprobs([piece])) + b',"finish_reason":null}' + tail
            frames.append(start + b'{"content":' + orjson.dumps(piece) + b"}" + end)
        frames.append(start + b'{},"logprobs":null,"finish_reason":"%b"}' % finish.encode() + tail)
    if asked and not call.fault.no_usage:
        usage = orjson.dumps(usage_json(_times(call.answer, call.ask.n)))
        frames.append(head + b'],"usage":' + usage + b"}\n\n")
    frames.append(b"data: [DONE]\n\n")
    return Reply(content_type=EVENT_STREAM, frames=frames)


def _first_deltas(call: Call) -> list[JsonObject]:
    """The role, then refusal and tool calls; text follows in its own frames."""
    answer = call.answer
    opening: JsonObject = {
        "role": "assistant",
        "content": None if answer.pieces is None else "",
        "refusal": None,
    }
    deltas = [opening]
    if answer.refusal is not None:
        deltas += [{"refusal": piece} for piece in answer.refusal.split(" ")]
    legacy = bool(call.body.get("functions"))
    for i, made in enumerate(answer.tool_calls):
        name_key, inner_key = ("input", "custom") if made.custom else ("arguments", "function")
        halves = [made.arguments[: len(made.arguments) // 2], made.arguments[len(made.arguments) // 2 :]]
        if legacy:
            deltas.append({"function_call": {"name": made.name, "arguments": ""}})
            deltas += [{"function_call": {"arguments": half}} for half in halves]
            break
        first = {
            "index": i,
            "id": call_id(call, made, i),
            "type": inner_key,
            inner_key: {"name": made.name, name_key: ""},
        }
        deltas.append({"tool_calls": [first]})
        deltas += [{"tool_calls": [{"index": i, inner_key: {name_key: half}}]} for half in halves if half]
    return deltas
