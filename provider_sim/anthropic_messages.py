"""Anthropic Messages: the message and its stream, every frame with its `event:` (`reference/wire.md` §2.1)."""

import orjson

from provider_sim.answer import Usage
from provider_sim.call import Call
from provider_sim.message import EVENT_STREAM, JsonObject, Reply

STOP = {
    "stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal",
    "stop_sequence": "stop_sequence",
}  # fmt: skip


def usage_json(usage: Usage) -> JsonObject:
    """Anthropic's input_tokens leave out what was read from or written to the cache."""
    details = {"thinking_tokens": usage.reasoning} if usage.reasoning else None
    return {
        "output_tokens_details": details,
        "input_tokens": usage.input - usage.cached - usage.cache_write,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": usage.cache_write, "ephemeral_1h_input_tokens": 0},
        "output_tokens": usage.output,
        "server_tool_use": None,
        "service_tier": "standard",
        "inference_geo": None,
    }


def _blocks(call: Call) -> list[JsonObject]:
    """The content: thinking, text, tool uses."""
    answer, draw = call.answer, call.draw
    blocks: list[JsonObject] = []
    if answer.thinking:
        signature = draw.identifier("ErUB", 80) + "=="
        blocks.append({"type": "thinking", "thinking": "".join(answer.thinking), "signature": signature})
    if answer.text:
        blocks.append({"type": "text", "text": answer.text, "citations": []})
    for i, made in enumerate(answer.tool_calls):
        id_ = made.id or draw.identifier(f"toolu_0{chr(0x31 + i % 9)}", 22)
        block: JsonObject = {"type": "tool_use", "id": id_, "name": made.name, "input": made.object()}
        blocks.append({**block, "caller": {"type": "direct"}})
    return blocks


def _stop(call: Call) -> JsonObject:
    answer = call.answer
    refused = answer.refusal is not None or answer.finish == "content_filter"
    stop: JsonObject = {
        "stop_reason": "refusal" if refused else STOP.get(answer.finish, answer.finish),
        "stop_sequence": answer.stop_sequence,
        "stop_details": None,
    }
    if refused:
        stop["stop_details"] = {"type": "refusal", "explanation": answer.refusal, "category": None}
    return stop


def _message(call: Call) -> JsonObject:
    return {
        "model": call.answer.model,
        "id": call.draw.identifier("msg_01", 22),
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "container": None,
        "usage": usage_json(call.answer.usage),
    }


def respond(call: Call) -> Reply:
    message = _message(call)
    if call.ask.stream:
        return Reply(content_type=EVENT_STREAM, frames=_frames(call, message))
    message |= {"content": _blocks(call), **_stop(call)}
    if call.fault.no_usage:
        del message["usage"]
    return Reply(body=orjson.dumps(message))


def _frame(kind: str, fields: JsonObject) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps({"type": kind, **fields}) + b"\n\n"


def _frames(call: Call, message: JsonObject) -> list[bytes]:
    """message_start, the blocks with a ping after the first start, message_delta with cumulative usage, stop."""
    usage = message["usage"]
    begun = {**message, "usage": {**usage, "output_tokens": 1}}
    if call.fault.no_usage:
        del begun["usage"]
    frames = [_frame("message_start", {"message": begun})]
    for index, block in enumerate(_blocks(call)):
        frames += _block_frames(call, index, block)
        if index == 0:
            frames.insert(2, b'event: ping\ndata: {"type": "ping"}\n\n')
    delta: JsonObject = {"delta": _stop(call)}
    if not call.fault.no_usage:
        totals = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
        delta["usage"] = {name: usage[name] for name in totals}
    return [*frames, _frame("message_delta", delta), _frame("message_stop", {})]


def _block_frames(call: Call, index: int, block: JsonObject) -> list[bytes]:
    kind = block["type"]
    if kind == "thinking":
        begun: JsonObject = {"type": "thinking", "thinking": "", "signature": ""}
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in call.answer.thinking]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    elif kind == "text":
        begun = {"type": "text", "text": ""}
        deltas = [{"type": "text_delta", "text": piece} for piece in call.answer.pieces or []]
    else:
        begun = {**block, "input": {}}
        text = orjson.dumps(block["input"]).decode()
        halves = ["", text[: len(text) // 2], text[len(text) // 2 :]] if block["input"] else [""]
        deltas = [{"type": "input_json_delta", "partial_json": half} for half in halves]
    frames = [_frame("content_block_start", {"index": index, "content_block": begun})]
    frames += [_frame("content_block_delta", {"index": index, "delta": delta}) for delta in deltas]
    frames.append(_frame("content_block_stop", {"index": index}))
    return frames


def count_tokens(call: Call) -> Reply:
    return Reply(body=orjson.dumps({"input_tokens": call.answer.usage.input}))
