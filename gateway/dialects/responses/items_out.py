"""Neutral blocks as items of a Responses conversation: what a model put out, and what it is shown of the past.

An item of an answer has an id of its own, made of the reply's; an item of the past has none, since only OpenAI's
store would know it.
"""

from collections.abc import Sequence

from gateway.chat import (
    Block,
    Citation,
    Json,
    JsonObject,
    Logprob,
    Media,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from gateway.dialects.googles import check_anybodys
from gateway.dialects.responses.envelope import enclosed
from gateway.dialects.responses.namespaces import NO_NAMESPACES, parted
from gateway.dialects.text_document import document_words
from gateway.dialects.tool_failure import FAILED

DONE = "completed"


def output_items(
    blocks: Sequence[Block],
    reply_id: str,
    logprobs: Sequence[Logprob] = (),
    known: frozenset[str] = NO_NAMESPACES,
) -> list[Json]:
    """Of an answer: texts that follow one another are one message. `known` are the namespaces of who reads it."""
    items: list[Json] = []
    parts: list[Json] | None = None
    for block in blocks:
        if isinstance(block, Text | Refusal):
            if parts is None:
                parts = []
                items.append(message(f"msg_{reply_id}_{len(items)}", parts))
            parts.append(output_part(block, logprobs))
            logprobs = ()
            continue
        parts = None
        if isinstance(block, ToolCall):
            items.append(call(block, f"fc_{reply_id}_{len(items)}", known=known))
        elif isinstance(block, Thinking):
            items.append(reasoning(block, f"rs_{reply_id}_{len(items)}"))
    return items


def message(id_: str, parts: list[Json], status: str = DONE) -> JsonObject:
    return {"id": id_, "type": "message", "status": status, "role": "assistant", "content": parts}


def output_part(block: Text | Refusal, logprobs: Sequence[Logprob] = ()) -> JsonObject:
    if isinstance(block, Refusal):
        return {"type": "refusal", "refusal": block.text}
    notes: list[Json] = [annotation(one) for one in block.citations]
    part: JsonObject = {"type": "output_text", "text": block.text, "annotations": notes}
    if logprobs:
        part["logprobs"] = [logprob(one) for one in logprobs]
    return part


def annotation(one: Citation) -> JsonObject:
    return {
        "type": "url_citation",
        "url": one.url,
        "title": one.title,
        "start_index": one.start,
        "end_index": one.end,
    }


def logprob(one: Logprob) -> JsonObject:
    said: JsonObject = {"token": one.token, "logprob": one.logprob, "bytes": list(one.token.encode())}
    said["top_logprobs"] = [
        {"token": other.token, "logprob": other.logprob, "bytes": list(other.token.encode())}
        for other in one.top
    ]
    return said


def call(
    block: ToolCall, id_: str = "", status: str = DONE, known: frozenset[str] = NO_NAMESPACES
) -> JsonObject:
    """`known` are the namespaces of who reads it."""
    namespace, name = parted(block.name, known)
    item: JsonObject = {
        "type": "custom_tool_call" if block.custom else "function_call",
        "call_id": block.id,
        "name": name,
        "input" if block.custom else "arguments": block.arguments,
    }
    if namespace:
        item["namespace"] = namespace
    if id_:
        item["id"] = id_
        item["status"] = status
    return item


def reasoning(block: Thinking, id_: str = "") -> JsonObject:
    """The shown thought is its summary: that is what callers' programs show."""
    summary: list[Json] = [{"type": "summary_text", "text": block.text}] if block.text else []
    item: JsonObject = {"type": "reasoning", "summary": summary}
    sealed = enclosed(block)
    if sealed:
        item["encrypted_content"] = sealed
    if id_:
        item["id"] = id_
    return item


def input_part(block: Text | Media) -> JsonObject:
    """Of a message by the user, or of a tool's result."""
    if isinstance(block, Text):
        part: JsonObject = {"type": "input_text", "text": block.text}
        if block.cache is not None:
            part["prompt_cache_breakpoint"] = {
                "mode": "explicit",
                "ttl": "12h" if block.cache == "long" else "30m",
            }
        return part
    check_anybodys(block)
    if block.kind == "image":
        return _image(block)
    if block.kind == "audio":
        format_ = block.media_type.partition("/")[2]
        return {"type": "input_audio", "input_audio": {"data": block.data, "format": format_}}
    return _file(block)


def result(block: ToolResult) -> JsonObject:
    kind = "custom_tool_call_output" if block.custom else "function_call_output"
    output: Json
    if all(isinstance(one, Text) for one in block.blocks):
        said = "\n".join(one.text for one in block.blocks if isinstance(one, Text))
        output = FAILED + said if block.is_error else said
    else:
        failed: list[Json] = [{"type": "input_text", "text": FAILED}] if block.is_error else []
        output = [*failed, *(input_part(one) for one in block.blocks)]
    return {"type": kind, "call_id": block.id, "output": output}


def _image(block: Media) -> JsonObject:
    part: JsonObject = {"type": "input_image", "detail": block.detail or "auto"}
    if block.file_id:
        part["file_id"] = block.file_id
    else:
        part["image_url"] = block.url or f"data:{block.media_type};base64,{block.data}"
    return part


def _file(block: Media) -> JsonObject:
    part: JsonObject = {"type": "input_file"}
    if block.name:
        part["filename"] = block.name
    if block.file_id:
        part["file_id"] = block.file_id
    elif block.url:
        part["file_url"] = block.url
    elif block.text:
        return {"type": "input_text", "text": document_words(block, block.text)}
    else:
        part["file_data"] = f"data:{block.media_type or 'application/pdf'};base64,{block.data}"
        part.setdefault("filename", "file")
    return part
