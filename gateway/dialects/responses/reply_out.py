"""A neutral reply as a Response object (wire reference §2.5), with everything that strict clients want to see."""

from typing import Literal

from gateway.chat import Answer, ChatReply, Json, JsonObject, Media, Refusal, Stop
from gateway.dialects.refusal import refusal_of
from gateway.dialects.responses.items_out import output_items
from gateway.dialects.responses.namespaces import namespaces
from gateway.dialects.translation import Asked
from gateway.errors import UPSTREAM_INVALID, GatewayError
from gateway.exchange import Usage

Status = Literal["completed", "incomplete", "failed", "in_progress"]
#: Echoed as the caller wrote them; what they left out has the value that OpenAI shows. Clients that check replies
#: against OpenAI's schema want to see each of them.
_ECHOED: tuple[tuple[str, Json], ...] = (
    ("instructions", None),
    ("max_output_tokens", None),
    ("max_tool_calls", None),
    ("parallel_tool_calls", True),
    ("previous_response_id", None),
    ("prompt_cache_key", None),
    ("safety_identifier", None),
    ("service_tier", "default"),
    ("temperature", 1.0),
    ("tool_choice", "auto"),
    ("top_logprobs", 0),
    ("top_p", 1.0),
    ("truncation", "disabled"),
    ("user", None),
)
_NO_REASONING: JsonObject = {"effort": None, "summary": None}
_PLAIN_TEXT: JsonObject = {"format": {"type": "text"}}
_FUNCTION: JsonObject = {"type": "function", "description": None, "parameters": None, "strict": None}
_INCOMPLETE = {
    "length": "max_output_tokens",
    "context_window": "max_output_tokens",
    "pause": "max_output_tokens",  # there is more to come, if it is asked for
    "content_filter": "content_filter",
    "refusal": "content_filter",
}


def write_reply(reply: ChatReply, asked: Asked) -> JsonObject:
    """Raises GatewayError when there is nothing to be written."""
    if not reply.answers:
        raise GatewayError(UPSTREAM_INVALID, "The provider's answer has no answer in it.")
    answer = reply.answers[0]
    blocks = answer.blocks
    asked.losses.unread(block.kind for block in blocks if isinstance(block, Media))
    refusal = refusal_of(answer.stop, answer.explanation)
    if refusal and not any(isinstance(block, Refusal) for block in blocks):
        blocks = (*blocks, Refusal(refusal))
    items = output_items(blocks, asked.id, answer.logprobs, namespaces(asked.fields))
    return response(asked, status_of(answer.stop), items, answer, reply.usage)


def status_of(stop: Stop) -> Status:
    if stop == "error":
        return "failed"
    return "incomplete" if stop in _INCOMPLETE else "completed"


def response(
    asked: Asked,
    status: Status,
    output: list[Json],
    answer: Answer | None = None,
    usage: Usage | None = None,
) -> JsonObject:
    """The object at any point of its life."""
    fields = asked.fields
    made: JsonObject = {
        "id": f"resp_{asked.id}",
        "object": "response",
        "created_at": asked.created,
        "completed_at": int(asked.now()) if status == "completed" else None,
        "status": status,
        "background": False,
        "error": None,
        "frequency_penalty": 0.0,
        "incomplete_details": None,
        "model": asked.model,
        "output": output,
        "presence_penalty": 0.0,
    }
    for name, default in _ECHOED:
        value = fields.get(name)
        made[name] = default if value is None else value
    made["metadata"] = fields.get("metadata") or {}
    made["reasoning"] = _filled(_NO_REASONING, fields.get("reasoning"))
    made["text"] = _filled(_PLAIN_TEXT, fields.get("text"))
    made["tools"] = _tools(fields.get("tools"))
    made["store"] = asked.stored
    made["usage"] = None if usage is None else usage_object(usage)
    if answer is not None:
        reason = _INCOMPLETE.get(answer.stop)
        if reason is not None:
            made["incomplete_details"] = {"reason": reason}
        elif answer.stop == "error":
            made["error"] = {
                "code": "server_error",
                "message": answer.explanation or "The model failed to finish its answer.",
            }
    return made


def _filled(usual: JsonObject, stated: Json) -> JsonObject:
    return {**usual, **stated} if isinstance(stated, dict) else usual


def _tools(stated: Json) -> list[Json]:
    if not isinstance(stated, list):
        return []
    return [
        _filled(_FUNCTION, tool) if isinstance(tool, dict) and tool.get("type") == "function" else tool
        for tool in stated
    ]


def usage_object(usage: Usage) -> JsonObject:
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }
