"""The events of a streamed response, in OpenAI's order (`reference/wire.md` §2.5), from the finished response.

Sequence numbers rise from 0, every item that is added is done before the end, ids and indexes never change.
"""

from collections.abc import Iterator

import orjson

from provider_sim.message import JsonObject
from provider_sim.tokens import pieces as cut

Event = tuple[str, JsonObject]


def event_frames(response: JsonObject, pieces: list[str] | None) -> list[bytes]:
    """All frames; `pieces` says how the text is cut into deltas."""
    frames = []
    for number, (kind, fields) in enumerate(_events(response, pieces)):
        data = orjson.dumps({"type": kind, "sequence_number": number, **fields})
        frames.append(b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n")
    return frames


def _events(response: JsonObject, pieces: list[str] | None) -> Iterator[Event]:
    begun = {**response, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    begun["completed_at"] = None
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    for index, item in enumerate(response["output"]):
        place = {"output_index": index}
        kind = item["type"]
        if kind == "reasoning":
            yield from _reasoning(item, place)
        elif kind == "message":
            yield from _message(item, place, pieces)
        else:
            yield from _tool_call(item, place)
        yield "response.output_item.done", {**place, "item": item}
    yield f"response.{response['status']}", {"response": response}


def _reasoning(item: JsonObject, place: JsonObject) -> Iterator[Event]:
    yield "response.output_item.added", {**place, "item": {**item, "summary": []}}
    for number, part in enumerate(item["summary"]):
        where = {**place, "item_id": item["id"], "summary_index": number}
        name = "response.reasoning_summary"
        yield f"{name}_part.added", {**where, "part": {"type": "summary_text", "text": ""}}
        for piece in cut(part["text"]):
            yield f"{name}_text.delta", {**where, "delta": piece}
        yield f"{name}_text.done", {**where, "text": part["text"]}
        yield f"{name}_part.done", {**where, "part": part}


def _message(item: JsonObject, place: JsonObject, pieces: list[str] | None) -> Iterator[Event]:
    yield "response.output_item.added", {**place, "item": {**item, "status": "in_progress", "content": []}}
    where = {**place, "item_id": item["id"], "content_index": 0}
    part = item["content"][0]
    if part["type"] == "refusal":
        yield "response.content_part.added", {**where, "part": {"type": "refusal", "refusal": ""}}
        yield "response.refusal.delta", {**where, "delta": part["refusal"]}
        yield "response.refusal.done", {**where, "refusal": part["refusal"]}
    else:
        yield "response.content_part.added", {**where, "part": {**part, "text": ""}}
        for piece in pieces or []:
            yield "response.output_text.delta", {**where, "delta": piece, "logprobs": []}
        yield "response.output_text.done", {**where, "text": part["text"], "logprobs": []}
    yield "response.content_part.done", {**where, "part": part}


def _tool_call(item: JsonObject, place: JsonObject) -> Iterator[Event]:
    custom = item["type"] == "custom_tool_call"
    key = "input" if custom else "arguments"
    name = "response.custom_tool_call_input" if custom else "response.function_call_arguments"
    begun = {**item, key: ""}
    if not custom:
        begun["status"] = "in_progress"
    yield "response.output_item.added", {**place, "item": begun}
    where = {**place, "item_id": item["id"]}
    text = item[key]
    for half in (text[: len(text) // 2], text[len(text) // 2 :]):
        if half:
            yield f"{name}.delta", {**where, "delta": half}
    done = {**where, key: text}
    yield f"{name}.done", done if custom else {**done, "name": item["name"]}
