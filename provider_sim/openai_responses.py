"""OpenAI Responses: reading a request, the response object, and the stored ones (`reference/wire.md` §2.5).

Stored responses keep their input, so `previous_response_id` continues a conversation and `input_items` lists it.
"""

from typing import Any

import orjson

from provider_sim.answer import Usage
from provider_sim.ask import Ask
from provider_sim.call import Call
from provider_sim.errors import Refusal
from provider_sim.message import EVENT_STREAM, JsonObject, Reply
from provider_sim.openai_read import (
    bad_type,
    choice_of,
    content_text,
    integer,
    missing,
    model_of,
    tools_of,
)
from provider_sim.openai_response_events import event_frames
from provider_sim.tokens import MESSAGE_OVERHEAD, count

STORED = "stored:"


def read(call: Call) -> Ask:
    """The ask in a Responses request, with the conversation it continues."""
    body = call.body
    ask = Ask(model_of(body))
    if body.get("input") is None and body.get("previous_response_id") is None:
        raise missing("input")
    if body.get("instructions"):
        ask.texts.append(str(body["instructions"]))
        ask.input_tokens += count(str(body["instructions"])) + MESSAGE_OVERHEAD
    for i, item in enumerate([*_history(call), *_items(body.get("input"))]):
        _read_item(ask, item, i)
    ask.tools = tools_of(body.get("tools"), nested=False)
    ask.choice, ask.choice_names = choice_of(body.get("tool_choice"))
    ask.input_tokens += sum(count(orjson.dumps(t.schema).decode()) + count(t.name) for t in ask.tools) + 3
    ask.max_tokens = integer(body, "max_output_tokens", 16)
    wanted = (body.get("text") or {}).get("format") or {}
    if wanted.get("type") == "json_schema":
        ask.schema = wanted.get("schema") or {"type": "object"}
    ask.json_object = wanted.get("type") == "json_object"
    effort = (body.get("reasoning") or {}).get("effort")
    ask.thinking = bool(body.get("reasoning")) and effort != "none"
    ask.stream = body.get("stream") is True
    return ask


def _items(given: Any) -> list[JsonObject]:
    if given is None:
        return []
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": given}]
    if not isinstance(given, list):
        raise bad_type("input", "one of a string or array of input items", given)
    return given


def _history(call: Call) -> list[JsonObject]:
    """The items of the conversation before this request, oldest first."""
    id_ = call.body.get("previous_response_id")
    items: list[JsonObject] = []
    while id_ is not None:
        stored = call.shelf.get(call.credential, STORED + str(id_))
        if stored is None:
            message = f"Previous response with id '{id_}' not found."
            code = "previous_response_not_found"
            raise Refusal("invalid", message, param="previous_response_id", code=code)
        items = [*stored["input"], *stored["response"]["output"], *items]
        id_ = stored["response"].get("previous_response_id")
    return items


def _read_item(ask: Ask, item: Any, number: int) -> None:
    if not isinstance(item, dict):
        raise bad_type(f"input[{number}]", "an object", item)
    kind = item.get("type", "message")
    other = 0
    if kind == "message":
        text, other = content_text(item.get("content"), f"input[{number}].content")
        if item.get("role") == "user":
            ask.last_user, ask.answered = text, False
    elif kind in {"function_call_output", "custom_tool_call_output"}:
        output = item.get("output")
        text = output if isinstance(output, str) else orjson.dumps(output).decode()
        ask.answered = True
    elif kind in {"function_call", "custom_tool_call"}:
        text = f"{item.get('name', '')} {item.get('arguments') or item.get('input') or ''}"
    else:
        text = ""
    ask.texts.append(text)
    ask.input_tokens += count(text) + other + MESSAGE_OVERHEAD


def usage_json(usage: Usage) -> JsonObject:
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }


def output_items(call: Call) -> list[JsonObject]:
    """Reasoning, message, calls: in the order OpenAI gives them."""
    answer, draw = call.answer, call.draw
    items: list[JsonObject] = []
    if answer.thinking:
        asked = (call.body.get("reasoning") or {}).get("summary")
        thought = "".join(answer.thinking)
        summary = [{"type": "summary_text", "text": thought}] if asked or call.fault.thinking else []
        item: JsonObject = {"id": draw.identifier("rs_", 48), "type": "reasoning", "summary": summary}
        if "reasoning.encrypted_content" in (call.body.get("include") or []):
            item["encrypted_content"] = draw.identifier("gAAAAA", 120)
        items.append(item)
    content: list[JsonObject] = []
    if answer.refusal is not None:
        content.append({"type": "refusal", "refusal": answer.refusal})
    elif answer.pieces is not None:
        content.append({"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []})
    if content:
        status = "incomplete" if answer.finish in {"length", "content_filter"} else "completed"
        message = {
            "id": draw.identifier("msg_", 48),
            "type": "message",
            "status": status,
            "role": "assistant",
        }
        items.append({**message, "content": content})
    for i, made in enumerate(answer.tool_calls):
        call_id = made.id or draw.identifier("call_" + chr(0x61 + i % 26), 23)
        if made.custom:
            id_ = draw.identifier(f"ctc_{i}", 47)
            item = {"id": id_, "type": "custom_tool_call", "call_id": call_id, "name": made.name}
            items.append({**item, "input": made.arguments})
        else:
            id_ = draw.identifier(f"fc_{i}", 47)
            item = {"id": id_, "type": "function_call", "status": "completed", "arguments": made.arguments}
            items.append({**item, "call_id": call_id, "name": made.name})
    return items


def response_object(call: Call) -> JsonObject:
    """The complete response, with the request's parameters echoed as OpenAI does."""
    body, answer = call.body, call.answer
    incomplete = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(answer.finish)
    asked_reasoning = body.get("reasoning") or {}
    made: JsonObject = {
        "id": _new_id(call),
        "object": "response",
        "created_at": call.draw.created(),
        "status": "completed" if incomplete is None else "incomplete",
        "background": body.get("background") is True,
        "completed_at": call.draw.created() + 1,
        "error": None,
        "frequency_penalty": 0.0,
        "incomplete_details": None if incomplete is None else {"reason": incomplete},
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "max_tool_calls": body.get("max_tool_calls"),
        "model": answer.model,
        "output": output_items(call),
        "presence_penalty": 0.0,
        "parallel_tool_calls": body.get("parallel_tool_calls", True),
        "previous_response_id": body.get("previous_response_id"),
        "prompt_cache_key": body.get("prompt_cache_key"),
        "reasoning": {"effort": asked_reasoning.get("effort"), "summary": asked_reasoning.get("summary")},
        "safety_identifier": body.get("safety_identifier"),
        "service_tier": body.get("service_tier")
        if body.get("service_tier") not in {None, "auto"}
        else "default",
        "store": body.get("store", True),
        "temperature": body.get("temperature", 1.0),
        "text": {"format": {"type": "text"}, "verbosity": "medium", **(body.get("text") or {})},
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": [{"strict": True, **tool} for tool in body.get("tools") or []],
        "top_logprobs": body.get("top_logprobs") or 0,
        "top_p": body.get("top_p", 1.0),
        "truncation": body.get("truncation") or "disabled",
        "user": body.get("user"),
        "metadata": body.get("metadata") or {},
    }
    if not call.fault.no_usage:
        made["usage"] = usage_json(answer.usage)
    return made


def _new_id(call: Call) -> str:
    """Drawn from the request; asked the same again, a numbered one, so that ids stay unique."""
    id_ = call.draw.identifier("resp_", 48)
    if call.shelf.get(call.credential, STORED + id_) is not None:
        id_ = call.draw.identifier(f"resp_{call.shelf.number():x}", 40)
    return id_


def respond(call: Call) -> Reply:
    response = response_object(call)
    if response["store"] is not False:
        keep = {"response": response, "input": _items(call.body.get("input")), "pieces": call.answer.pieces}
        call.shelf.put(call.credential, STORED + response["id"], keep)
    if response["background"] and not call.ask.stream:
        return Reply(body=orjson.dumps({**response, "status": "queued", "output": [], "usage": None}))
    if call.ask.stream:
        return Reply(content_type=EVENT_STREAM, frames=event_frames(response, call.answer.pieces))
    return Reply(body=orjson.dumps(response))


def compact(call: Call) -> Reply:
    """What users said, and the rest as an item that only OpenAI can read."""
    said = [item for item in _items(call.body.get("input")) if item.get("role") == "user"]
    users = [
        {"id": f"msg_{place:04d}", "type": "message", "status": "completed", "role": "user",
         "content": [{"type": "input_text", "text": content_text(item.get("content"), "input")[0]}]}
        for place, item in enumerate(said)
    ]  # fmt: skip
    draw = call.draw
    sealed = {
        "id": draw.identifier("cmp_", 48),
        "type": "compaction",
        "encrypted_content": draw.identifier("gAAAAA", 120),
    }
    made = {
        "id": draw.identifier("resp_", 48),
        "object": "response.compaction",
        "created_at": draw.created(),
        "output": [*users, sealed],
        "usage": usage_json(call.answer.usage),
    }
    return Reply(body=orjson.dumps(made))


def _stored(call: Call) -> JsonObject:
    id_ = call.parameters[0]
    found: JsonObject | None = call.shelf.get(call.credential, STORED + id_)
    if found is None:
        raise Refusal("not_found", f"Response with id '{id_}' not found.", param="response_id")
    return found


def retrieve(call: Call) -> Reply:
    """The stored response, or its events again from `starting_after`."""
    kept = _stored(call)
    query = call.request.query
    if query.get("stream") == "true":
        frames = event_frames(kept["response"], kept["pieces"])
        after = int(query.get("starting_after") or -1)
        return Reply(content_type=EVENT_STREAM, frames=frames[after + 1 :])
    return Reply(body=orjson.dumps(kept["response"]))


def delete(call: Call) -> Reply:
    kept = _stored(call)
    call.shelf.drop(call.credential, STORED + kept["response"]["id"])
    return Reply(body=orjson.dumps({"id": kept["response"]["id"], "object": "response", "deleted": True}))


def cancel(call: Call) -> Reply:
    kept = _stored(call)
    if not kept["response"]["background"]:
        raise Refusal("invalid", "Only responses created with background=true can be cancelled.")
    kept["response"]["status"] = "cancelled"
    return Reply(body=orjson.dumps(kept["response"]))


def input_items(call: Call) -> Reply:
    """The request's input as items, newest first unless `order=asc`."""
    kept = _stored(call)
    items = []
    for i, item in enumerate(kept["input"]):
        content = item.get("content")
        if isinstance(content, str):
            content = [{"type": "input_text", "text": content}]
        made = {
            "id": f"msg_{i:04d}{kept['response']['id'][5:]}",
            "type": "message",
            "status": "completed",
            **item,
        }
        items.append(made if content is None else {**made, "content": content})
    if call.request.query.get("order") != "asc":
        items.reverse()
    items = items[: int(call.request.query.get("limit") or 20)]
    first, last = (items[0]["id"], items[-1]["id"]) if items else (None, None)
    page = {"object": "list", "data": items, "first_id": first, "last_id": last, "has_more": False}
    return Reply(body=orjson.dumps(page))


def input_tokens(call: Call) -> Reply:
    body = {"object": "response.input_tokens", "input_tokens": call.answer.usage.input}
    return Reply(body=orjson.dumps(body))


def read_count(call: Call) -> Ask:
    """As `read`, but nothing is generated."""
    ask = read(call)
    ask.generates = False
    return ask
