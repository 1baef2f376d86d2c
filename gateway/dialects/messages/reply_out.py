"""A neutral reply as Anthropic's message (wire reference §2.2, Response)."""

from gateway.chat import Answer, Block, ChatReply, Json, JsonObject, Media, Refusal, Text, Thinking, ToolCall
from gateway.dialects.messages.stops import anthropic_stop
from gateway.dialects.messages.thoughts import thinking_block
from gateway.dialects.messages.usage_out import usage_object
from gateway.dialects.tool_arguments import said_object
from gateway.dialects.translation import Asked
from gateway.errors import UPSTREAM_ERROR, GatewayError

_NOTHING_SAID = Answer((), "stop")
#: Called by the model itself, not by a program that it wrote.
_CALLER: JsonObject = {"type": "direct"}


def write_reply(reply: ChatReply, asked: Asked) -> JsonObject:
    """Raises GatewayError for an answer that the provider could not finish."""
    answer = reply.answers[0] if reply.answers else _NOTHING_SAID
    content: list[Json] = []
    for block in answer.blocks:
        written = _block(block, asked, len(content))
        if written is not None:
            content.append(written)
    return {
        "id": message_id(asked),
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": content,
        **stop_fields(answer, "".join(one.text for one in answer.blocks if isinstance(one, Refusal))),
        "usage": usage_object(reply.usage, reply.tier),
        "container": None,
    }


def message_id(asked: Asked) -> str:
    return f"msg_{asked.id}"


def call_id(given: str, asked: Asked, place: int) -> str:
    """The provider's; where it gives none, one of the reply's own."""
    return given or f"toolu_{asked.id}_{place}"


def text_block(text: str) -> JsonObject:
    """Its citations are there, as the schema wants, and an array, as SDKs do that refuse the schema's null."""
    return {"type": "text", "text": text, "citations": []}


def call_block(id_: str, name: str, input_: JsonObject) -> JsonObject:
    return {"type": "tool_use", "id": id_, "name": name, "input": input_, "caller": _CALLER}


def stop_fields(answer: Answer, refusal: str) -> JsonObject:
    """Why it ended; `refusal` is what the model said instead of an answer. Raises GatewayError likewise."""
    if answer.stop == "error":
        raise GatewayError(UPSTREAM_ERROR, answer.explanation or "The provider could not finish its answer.")
    reason = anthropic_stop(answer.stop, answer.matched, bool(refusal))
    found: JsonObject = {
        "stop_reason": reason,
        "stop_sequence": answer.matched if reason == "stop_sequence" else None,
        "stop_details": None,
    }
    if reason == "refusal":
        explanation = refusal or answer.explanation or None
        found["stop_details"] = {"type": "refusal", "category": None, "explanation": explanation}
    return found


def _block(block: Block, asked: Asked, place: int) -> JsonObject | None:
    """None for what has no place there, and for empty texts, which nobody may give back to Anthropic."""
    match block:
        case Text():
            if block.citations:
                asked.losses.unread(("citations",))  # Anthropic's have what only its own servers know
            return text_block(block.text) if block.text else None
        case ToolCall():
            return call_block(call_id(block.id, asked, place), block.name, said_object(block, asked.losses))
        case Thinking():
            return thinking_block(block) if block.text or block.signature is not None else None
        case Media():
            asked.losses.unread((block.kind,))
            return None
        case _:
            return None
