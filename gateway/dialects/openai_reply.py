"""Whole JSON replies of the OpenAI dialect: the ids in them, and the same as frames of a stream."""

from typing import Any

from gateway.dialects.json_text import json_bytes
from gateway.errors import UPSTREAM_INVALID, GatewayError

#: Fields whose values are ids of objects that live at the provider key.
_ID_FIELDS = frozenset(
    {
        "id", "file_id", "input_file_id", "output_file_id", "error_file_id", "upload_id", "first_id", "last_id",
        "previous_response_id", "conversation",
    }
)  # fmt: skip
#: States in which a response is no answer yet, or never will be.
_UNFINISHED = frozenset({"cancelled", "in_progress", "queued"})
_OWNED_PREFIXES = ("file-", "file_", "batch_", "upload_", "part_", "resp_", "conv_")
#: Fields whose lists may hold such ids, or objects with them.
_ID_LISTS = frozenset(
    {"data", "file", "part_ids", "file_ids", "output", "content", "annotations", "tools", "results"}
)


def owned_ids(value: Any, found: set[str] | None = None) -> set[str]:
    """The ids in a parsed reply that must come back to the same provider key.

    A response's items have ids of their own, which are known by their prefixes; only what a later call can name
    is taken.
    """
    found = set() if found is None else found
    if isinstance(value, dict):
        for name, child in value.items():
            if isinstance(child, str):
                if name in _ID_FIELDS and child.startswith(_OWNED_PREFIXES):
                    found.add(child)
            elif name in _ID_LISTS or isinstance(child, dict):
                owned_ids(child, found)
    elif isinstance(value, list):
        for child in value:
            if isinstance(child, dict | list):
                owned_ids(child, found)
            elif isinstance(child, str) and child.startswith(_OWNED_PREFIXES):
                found.add(child)
    return found


def frames_of_completion(reply: dict[str, Any], chat: bool, with_usage: bool) -> bytes:
    """A whole chat or text completion as the frames of a stream, for a provider that would not stream.

    Raises GatewayError when it is no completion: frames of nothing would look like a finished, empty answer.
    """
    choices = _objects(reply.get("choices"))
    if not choices:
        raise GatewayError(UPSTREAM_INVALID, "The provider's answer is not the completion it should be.")
    base: dict[str, Any] = {
        name: reply[name]
        for name in ("id", "created", "model", "system_fingerprint", "service_tier")
        if name in reply
    }
    base["object"] = "chat.completion.chunk" if chat else "text_completion"
    frames = []
    for choice in choices:
        index = choice.get("index", 0)
        if chat:
            stated = choice.get("message")
            message = dict(stated) if isinstance(stated, dict) else {}
            calls = [
                {"index": at, **call} for at, call in enumerate(_objects(message.pop("tool_calls", None)))
            ]
            delta = {**message, "tool_calls": calls} if calls else message
            frames.append(
                {"index": index, "delta": delta, "logprobs": choice.get("logprobs"), "finish_reason": None}
            )
            frames.append(
                {"index": index, "delta": {}, "finish_reason": choice.get("finish_reason") or "stop"}
            )
        else:
            frames.append({**choice, "index": index})
    events = [{**base, "choices": [choice]} for choice in frames]
    if with_usage and reply.get("usage"):
        events.append({**base, "choices": [], "usage": reply["usage"]})
    return b"".join(b"data: " + json_bytes(event) + b"\n\n" for event in events) + b"data: [DONE]\n\n"


def frames_of_response(reply: dict[str, Any]) -> bytes:
    """A whole Responses object as events: created, each item, and its terminal event.

    Raises GatewayError when it is no response.
    """
    if not isinstance(reply.get("output"), list):
        raise GatewayError(UPSTREAM_INVALID, "The provider's answer is not the response it should be.")
    status = reply.get("status")
    if status in _UNFINISHED:
        raise GatewayError(UPSTREAM_INVALID, f"The provider's answer is not finished: it is {status}.")
    begun = {**reply, "status": "in_progress", "output": []}
    events: list[dict[str, Any]] = [{"type": "response.created", "response": begun}]
    for index, item in enumerate(reply.get("output") or ()):
        events.append({"type": "response.output_item.added", "output_index": index, "item": item})
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    kind = status if status in ("completed", "incomplete", "failed") else "completed"
    events.append({"type": f"response.{kind}", "response": reply})
    return b"".join(
        b"event: "
        + event["type"].encode()
        + b"\ndata: "
        + json_bytes({**event, "sequence_number": number})
        + b"\n\n"
        for number, event in enumerate(events)
    )


def _objects(value: Any) -> list[dict[str, Any]]:
    """The objects in what should be a list of them."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
