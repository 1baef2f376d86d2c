"""What scripted providers answer, whole and streamed, and callers of any dialect who ask them."""

import json
from typing import Any

from tests.behind import behind_every_dialect
from tests.gateway.wire import chat
from tests.running import ProviderSim

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
_INPUT = {"input": "hi", "store": False}
ASKED_IN_MESSAGES = {"max_tokens": 2000, "messages": [{"role": "user", "content": "hi"}]}


def asked_behind(sim: ProviderSim, behind: str, path: str) -> tuple[Any, Any]:
    """The configuration, and what is asked."""
    asked = {
        **(chat() if path == CHAT else _INPUT if path == RESPONSES else ASKED_IN_MESSAGES),
        "model": behind,
    }
    config = behind_every_dialect(sim)
    if behind == "responses":
        config["providers"][0]["apis"] = ["responses"]
        asked["model"] = "openai"
    return config, asked


def message(content: Any, stop: str | None) -> Any:
    return {"type": "message", "role": "assistant", "content": content, "stop_reason": stop}


def completion(finish: str | None, **said: Any) -> Any:
    return {"choices": [{"index": 0, "message": {"role": "assistant", **said}, "finish_reason": finish}]}


def candidate(reason: str | None, *parts: Any) -> Any:
    return {"candidates": [{"content": {"parts": [*parts, {"text": "Rain."}]}, "finishReason": reason}]}


def line(reason: str, said: str = "Rain.") -> Any:
    return {"message": {"role": "assistant", "content": said}, "done": True, "done_reason": reason}


def response(status: str, reason: str | None = None, *items: Any) -> Any:
    details = None if reason is None else {"reason": reason}
    text = {"type": "output_text", "text": "Rain.", "annotations": []}
    item = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [text]}
    return {"object": "response", "status": status, "incomplete_details": details, "output": [*items, item]}


USED = {"input_tokens": 1, "output_tokens": 1}
_SAID = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Rain."}}


def messages_stream(stop: str | None, *odd: Any) -> list[Any]:
    """A text, then `odd` blocks, and the end."""
    begun = {**message([], stop), "id": "m", "model": "chat", "stop_reason": None, "usage": USED}
    blocks: list[Any] = []
    for index, block in enumerate(({"type": "text", "text": ""}, *odd)):
        blocks.append({"type": "content_block_start", "index": index, "content_block": block})
        if not index:
            blocks.append(_SAID)
        blocks.append({"type": "content_block_stop", "index": index})
    delta = {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": USED}
    return [{"type": "message_start", "message": begun}, *blocks, delta, {"type": "message_stop"}]


def chat_stream(finish: str, *deltas: Any) -> list[Any]:
    usage = {"prompt_tokens": 1, "completion_tokens": 1}
    said = [{"choices": [{"index": 0, "delta": delta}]} for delta in ({"content": "Rain."}, *deltas)]
    return [*said, {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}], "usage": usage}]


def gemini_stream(reason: str, *parts: Any) -> list[Any]:
    used = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    first = {"candidates": [{"content": {"parts": [{"text": "Rain."}]}}]}
    return [first, {**candidate(reason, *parts), "usageMetadata": used}]


def ollama_stream(reason: str) -> list[Any]:
    return [{"message": {"content": "Rain."}}, {**line(reason, ""), "prompt_eval_count": 1, "eval_count": 1}]


def responses_stream(status: str, reason: str | None = None, *odd: Any) -> list[Any]:
    whole = {**response(status, reason), "usage": USED}
    item = {"type": "message", "id": "m", "role": "assistant", "status": "in_progress", "content": []}
    events: list[Any] = [
        {"type": "response.created", "response": {**whole, "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_text.delta", "output_index": 0, "item_id": "m", "delta": "Rain."},
        {"type": "response.output_item.done", "output_index": 0, "item": whole["output"][0]},
    ]
    for index, one in enumerate(odd, 1):
        place = {"output_index": index, "item": one}
        events += [{"type": f"response.output_item.{kind}", **place} for kind in ("added", "done")]
    ended = "incomplete" if status == "incomplete" else "completed"
    whole["output"] += odd
    return [*events, {"type": f"response.{ended}", "response": whole}]


def frames_of(behind: str, events: list[Any]) -> tuple[str, list[bytes]]:
    if behind == "ollama":
        return "application/x-ndjson", [json.dumps(event).encode() + b"\n" for event in events]
    return "text/event-stream", [_frame(event) for event in events]


def _frame(event: Any) -> bytes:
    name = b"event: %b\n" % event["type"].encode() if "type" in event else b""
    return name + b"data: %b\n\n" % json.dumps(event).encode()
