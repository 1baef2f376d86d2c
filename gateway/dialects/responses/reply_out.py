"""A neutral reply as a Response object (wire reference §2.5), with everything that strict clients want to see."""

from typing import Literal

from gateway.chat import Answer, ChatReply, Json, JsonObject, Stop
from gateway.dialects.responses.items_out import output_items
from gateway.dialects.translation import Asked
from gateway.errors import UPSTREAM_INVALID, GatewayError
from gateway.exchange import Usage

Status = Literal["completed", "incomplete", "failed", "in_progress"]
#: Echoed as the caller wrote them; what they left out has the value that OpenAI shows.
_ECHOED: tuple[tuple[str, Json], ...] = (
    ("instructions", None),
    ("max_output_tokens", None),
    ("metadata", None),
    ("parallel_tool_calls", True),
    ("previous_response_id", None),
    ("reasoning", None),
    ("service_tier", None),
    ("temperature", None),
    ("text", None),
    ("tool_choice", "auto"),
    ("tools", None),
    ("top_p", None),
    ("truncation", "disabled"),
    ("user", None),
)
_INCOMPLETE = {
    "length": "max_output_tokens",
    "context_window": "max_output_tokens",
    "content_filter": "content_filter",
    "refusal": "content_filter",
}


def write_reply(reply: ChatReply, asked: Asked) -> JsonObject:
    """Raises GatewayError when there is nothing to be written."""
    if not reply.answers:
        raise GatewayError(UPSTREAM_INVALID, "The provider's answer has no answer in it.")
    answer = reply.answers[0]
    items = output_items(answer.blocks, asked.id, answer.logprobs)
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
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": asked.model,
        "output": output,
    }
    for name, default in _ECHOED:
        value = fields.get(name)
        made[name] = default if value is None else value
    made["metadata"] = made["metadata"] or {}
    made["tools"] = made["tools"] or []
    made["text"] = made["text"] or {"format": {"type": "text"}}
    made["reasoning"] = made["reasoning"] or {"effort": None, "summary": None}
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
