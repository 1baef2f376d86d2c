"""Anthropic's message as a neutral reply (wire reference §2.1, Response)."""

from gateway.chat import Answer, Block, ChatReply, Citation, Json, JsonObject, Stop, Text, Thinking, ToolCall
from gateway.dialects.call_ids import MadeIds
from gateway.dialects.json_text import json_bytes
from gateway.dialects.messages.stops import DECLINED, is_known, neutral_stop
from gateway.dialects.messages.thoughts import seal_of, signature_of
from gateway.dialects.said_fields import answer_object, answer_word, dicts, unknown_in
from gateway.dialects.tool_arguments import arguments_text, plain_input
from gateway.dialects.translation import Sent
from gateway.dialects.usage import usage_of
from gateway.errors import UPSTREAM_INVALID, GatewayError, ReportedError

_BLOCKS = frozenset({"text", "tool_use", "thinking", "redacted_thinking"})
#: That these have.
_FIELDS = frozenset(
    {"type", "text", "citations", "id", "name", "input", "caller", "thinking", "signature", "data"}
)
_TIERS = {"standard": "default", "batch": "default", "priority": "priority"}


def read_reply(body: JsonObject, sent: Sent) -> ChatReply:
    """Raises GatewayError when it is no message, ReportedError when it is an error."""
    if body.get("error"):
        raise ReportedError(json_bytes(body))
    content = body.get("content")
    if not isinstance(content, list):
        raise not_a_message()
    custom, ids = custom_tools(sent), MadeIds(body)
    blocks = [block for one in content if (block := _block(one, sent, custom, ids)) is not None]
    stop = neutral_stop(body.get("stop_reason"))
    if sent.answer_tool and stop == "tool_calls" and not any(isinstance(one, ToolCall) for one in blocks):
        stop = "stop"
    answer = Answer(
        tuple(blocks), stop, word(body, "stop_sequence"), explanation_of(stop, body.get("stop_details"))
    )
    return ChatReply(
        (answer,),
        word(body, "id"),
        word(body, "model"),
        usage=usage_of(body),
        tier=tier_of(body.get("usage")),
        unread=_unread(body, content),
    )


def _unread(body: JsonObject, content: list[Json]) -> tuple[str, ...]:
    """What Anthropic's servers did themselves, and words of theirs that are new."""
    found: list[str] = []
    for block in dicts(content):
        kind = word(block, "type")
        found += unknown_in(block, _FIELDS) if kind in _BLOCKS else (kind,)
    cited = (one.get("citations") for one in dicts(content))
    if any(citation_of(one) is None for several in cited if isinstance(several, list) for one in several):
        found.append("citations")
    if not is_known(body.get("stop_reason")):
        found.append("stop_reason")
    return tuple(dict.fromkeys(found))


def _block(block: Json, sent: Sent, custom: frozenset[str], ids: MadeIds) -> Block | None:
    """None for what Anthropic's servers did themselves. Raises GatewayError for what is no block."""
    if not isinstance(block, dict) or not (kind := answer_word(block, "type")):
        raise not_a_message()
    if kind == "text":
        listed = block.get("citations")
        sources = listed if isinstance(listed, list) else ()
        citations = [source for one in sources if (source := citation_of(one)) is not None]
        return Text(answer_word(block, "text"), citations=tuple(citations))
    if kind == "tool_use":
        name, arguments = answer_word(block, "name"), arguments_text(answer_object(block, "input"))
        if not name:
            raise not_a_message()
        if name == sent.answer_tool:
            return Text(arguments)
        name, id_ = sent.names.get(name, name), word(block, "id") or ids.next()
        if name in custom:
            return ToolCall(id_, name, plain_input(arguments), custom=True)
        return ToolCall(id_, name, arguments)
    if kind == "thinking":
        said = answer_word(block, "thinking")
        return Thinking(said, signature_of(word(block, "signature"), bool(said)))
    if kind == "redacted_thinking":
        return Thinking("", seal_of(word(block, "data")))
    return None


def custom_tools(sent: Sent) -> frozenset[str]:
    """The tools that take plain text, by the caller's names."""
    if sent.request is None:
        return frozenset()
    return frozenset(tool.name for tool in sent.request.tools if tool.custom)


def citation_of(said: Json) -> Citation | None:
    """Only what has an address is one elsewhere; which of the answer's words it is for, Anthropic does not say."""
    if not isinstance(said, dict) or not word(said, "url"):
        return None
    return Citation(word(said, "url"), word(said, "title"))


def tier_of(usage: Json) -> str:
    if not isinstance(usage, dict):
        return ""
    return "priority" if usage.get("speed") == "fast" else _TIERS.get(word(usage, "service_tier"), "")


def explanation_of(stop: Stop, details: Json) -> str:
    """Why it was refused."""
    if stop != "refusal":
        return ""
    said = word(details, "explanation") if isinstance(details, dict) else ""
    return said or DECLINED


def word(fields: JsonObject, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def not_a_message() -> GatewayError:
    return GatewayError(UPSTREAM_INVALID, "The provider's answer is not the message it should be.")
