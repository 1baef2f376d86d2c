"""A provider's Response object as a neutral reply (wire reference §2.6)."""

from gateway.chat import Answer, Block, ChatReply, JsonObject, Logprob, Stop, ToolCall
from gateway.dialects.json_fields import objects
from gateway.dialects.responses import items_in
from gateway.dialects.said_fields import answer_object, decimal, dicts, no_answer, unknown_in
from gateway.dialects.translation import Sent
from gateway.dialects.usage import usage_of
from gateway.errors import UPSTREAM_ERROR, UPSTREAM_INVALID, GatewayError
from gateway.record import replace

_STOPS: dict[str, Stop] = {"max_output_tokens": "length", "content_filter": "content_filter"}
_CALLS = ("function_call", "custom_tool_call")
_ITEMS = frozenset({"message", "reasoning", *_CALLS})
#: That these have; and their parts.
_FIELDS = frozenset(
    {
        "type", "id", "status", "role", "content", "phase", "call_id", "name", "namespace", "arguments", "input",
        "summary", "encrypted_content", "created_by", "parsed_arguments",
    }
)  # fmt: skip
_PART_FIELDS = frozenset(
    {
        "type", "text", "refusal", "annotations", "logprobs", "parsed", "image_url", "detail", "file_id",
        "file_data", "file_url", "filename", "input_audio",
    }
)  # fmt: skip
_UNFINISHED = ("cancelled", "in_progress", "queued")


def read_reply(body: JsonObject, sent: Sent) -> ChatReply:
    """Raises GatewayError for what is no response, and for one that failed."""
    if not isinstance(body.get("output"), list):
        raise GatewayError(UPSTREAM_INVALID, "The provider's answer is not the response it should be.")
    if body.get("status") == "failed":
        raise GatewayError(UPSTREAM_ERROR, failure_of(body))
    if body.get("status") in _UNFINISHED and not body["output"]:
        raise GatewayError(UPSTREAM_ERROR, f"The provider's answer is {body['status']}, and empty.")
    try:
        blocks, logprobs = _said(body, sent)
    except GatewayError as error:
        raise no_response(error) from error
    called = any(isinstance(block, ToolCall) for block in blocks)
    created, tier = body.get("created_at"), body.get("service_tier")
    return ChatReply(
        (Answer(tuple(blocks), stop_of(body, called), logprobs=tuple(logprobs)),),
        _text(body, "id"),
        _text(body, "model"),
        int(created) if isinstance(created, int | float) else 0,
        usage_of(body, "responses"),
        tier if isinstance(tier, str) else "",
        (*(name for item, _ in objects(body, "output") for name in unread_item(item)), *unread_end(body)),
    )


def unread_item(item: JsonObject) -> tuple[str, ...]:
    """Its kind, where that has no noun here; or its fields and parts, and theirs, that have none."""
    kind = _text(item, "type")
    if kind not in _ITEMS:
        return (kind or "output",)
    found = unknown_in(item, _FIELDS)
    for part in dicts(item.get("content")):
        found += unknown_in(part, _PART_FIELDS) if _is_known(part) else (_text(part, "type") or "content",)
    notes = (note for part in dicts(item.get("content")) for note in dicts(part.get("annotations")))
    found += [_text(note, "type") or "annotations" for note in notes if note.get("type") != items_in.CITED]
    return tuple(found)


def _is_known(part: JsonObject) -> bool:
    return part.get("type", "") in items_in.PARTS


def unread_end(body: JsonObject) -> tuple[str, ...]:
    """Why it ended, where that is told in words that nobody here knows."""
    found: list[str] = []
    status, details = body.get("status"), body.get("incomplete_details")
    if status == "incomplete" and isinstance(details, dict):
        if details.get("reason") not in (*_STOPS, None):
            found.append("incomplete_details")
    elif status not in ("completed", "incomplete", None):
        found.append("status")
    return tuple(found)


def _said(body: JsonObject, sent: Sent) -> tuple[list[Block], list[Logprob]]:
    """What its items say, as far as it is known here."""
    blocks: list[Block] = []
    logprobs: list[Logprob] = []
    for item, at in objects(body, "output"):
        blocks += blocks_of(item, at, sent)
        if item.get("type") == "message":
            logprobs += logprobs_of(item)
    return blocks, logprobs


def blocks_of(item: JsonObject, at: str, sent: Sent) -> tuple[Block, ...]:
    """What an item says. Raises GatewayError in a caller's words (`no_response`), though no caller wrote it."""
    kind = item.get("type")
    if kind == "message":
        parts = item.get("content")
        if isinstance(parts, list) and not all(_is_known(part) for part in dicts(parts)):
            parts = [part for part in parts if not isinstance(part, dict) or _is_known(part)]
            item = {**item, "content": parts}
        return items_in.content(item, "content", at)
    if kind in _CALLS:
        call = items_in.call(item, at)
        if not call.name or not call.id:
            raise no_answer("output")
        return (restored(call, sent),)
    return (items_in.thought(item, at),) if kind == "reasoning" else ()


def no_response(why: GatewayError) -> GatewayError:
    return GatewayError(UPSTREAM_INVALID, f"The provider's answer is no response: {why.message}")


def stop_of(response: JsonObject, called: bool) -> Stop:
    """Why a response that did not fail has ended."""
    details = response.get("incomplete_details")
    if response.get("status") == "incomplete":
        reason = details.get("reason") if isinstance(details, dict) else None
        return _STOPS.get(reason, "length") if isinstance(reason, str) else "length"
    return "tool_calls" if called else "stop"


def ended_response(event: JsonObject) -> JsonObject:
    """What a stream ended with: that it is incomplete some servers tell by the event alone."""
    response = answer_object(event, "response")
    if event.get("type") == "response.incomplete" and response.get("status") in (None, "completed"):
        return {**response, "status": "incomplete"}
    return response


def failure_of(response: JsonObject) -> str:
    """What a failed response says of it."""
    error = response.get("error")
    said = error.get("message") if isinstance(error, dict) else None
    return said if isinstance(said, str) and said else "The model failed to answer."


def restored(call: ToolCall, sent: Sent) -> ToolCall:
    """With the name that the caller knows the tool by."""
    name = sent.names.get(call.name)
    return call if name is None else replace(call, name=name)


def logprobs_of(item: JsonObject) -> list[Logprob]:
    found: list[Logprob] = []
    for part, at in objects(item, "content"):
        if isinstance(part.get("logprobs"), list):
            found += [logprob(one) for one, _ in objects(part, "logprobs", at)]
    return found


def logprob(one: JsonObject) -> Logprob:
    top = one.get("top_logprobs")
    others = (
        tuple(logprob(other) for other in top if isinstance(other, dict)) if isinstance(top, list) else ()
    )
    return Logprob(_text(one, "token"), decimal(one, "logprob"), others)


def _text(fields: JsonObject, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""
