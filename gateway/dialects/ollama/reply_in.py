"""A whole reply of Ollama's, read into neutral nouns; and what of it its streams bring in lines, too."""

from datetime import datetime
from hashlib import sha256

from gateway.chat import Answer, Block, ChatReply, Json, JsonObject, Logprob, Stop, Text, Thinking, ToolCall
from gateway.dialects.json_text import json_bytes, json_text
from gateway.dialects.said_fields import (
    answer_object,
    answer_objects,
    answer_word,
    decimal,
    dicts,
    no_answer,
    unknown_in,
    word,
)
from gateway.dialects.tool_arguments import arguments_text, plain_input
from gateway.dialects.translation import Sent
from gateway.dialects.usage import read_usage
from gateway.errors import UPSTREAM_INVALID, GatewayError, ReportedError
from gateway.exchange import NO_USAGE, Usage

_ID_MAX = 24
#: Of what was loaded, and not asked; the last is of servers that do not say.
_NO_ANSWER = frozenset({"load", "unload", ""})
#: Of a message.
_READ = frozenset({"role", "content", "thinking", "tool_calls", "tool_name", "tool_call_id"})
_KNOWN = _NO_ANSWER | {"stop", "length"}


def read_reply(body: JsonObject, sent: Sent) -> ChatReply:
    """Raises GatewayError when it is none, or when the model said nothing for no good reason."""
    if body.get("error"):
        raise ReportedError(json_bytes(body))
    if body.get("done") is False:
        raise GatewayError(UPSTREAM_INVALID, "The provider's answer is not done, and no more of it comes.")
    message = body.get("message")
    if not isinstance(message, dict):
        raise GatewayError(UPSTREAM_INVALID, "The provider's answer has no message.")
    blocks: list[Block] = []
    if thinking := answer_word(message, "thinking"):
        blocks.append(Thinking(thinking))
    if content := answer_word(message, "content"):
        blocks.append(Text(content))
    calls = CallReader(body, sent).calls(message)
    blocks += calls
    answer = Answer(tuple(blocks), stop_of(body, bool(blocks), bool(calls)), logprobs=logprobs(body))
    unread = (*unread_in(message), *unread_of(body))
    return ChatReply((answer,), "", word(body, "model"), created_of(body), usage_of(body), unread=unread)


def stop_of(last: JsonObject, said_anything: bool, called: bool) -> Stop:
    """Of what says that it is done. Raises GatewayError for a model that was loaded, and not asked."""
    reason = word(last, "done_reason")
    if reason == "length":
        return "length"
    if reason in _NO_ANSWER and not said_anything:
        raise GatewayError(UPSTREAM_INVALID, "The provider's model ended without an answer.")
    return "tool_calls" if called else "stop"


def unread_of(last: JsonObject) -> tuple[str, ...]:
    """Why it ended, where that is told in words that nobody here knows."""
    return () if word(last, "done_reason") in _KNOWN else ("done_reason",)


def unread_in(message: JsonObject) -> list[str]:
    """What it says beside texts and calls: nobody here knows what."""
    return unknown_in(message, _READ)


def usage_of(last: JsonObject) -> Usage:
    counts = {name: value for name, value in last.items() if name.endswith("eval_count")}
    return read_usage(json_bytes(counts), dialect="ollama") or NO_USAGE


def created_of(body: JsonObject) -> int:
    """Seconds since 1970; 0 where it is no time."""
    try:
        return int(datetime.fromisoformat(word(body, "created_at")).timestamp())
    except (ValueError, OverflowError):
        return 0


def logprobs(body: JsonObject) -> tuple[Logprob, ...]:
    return tuple(_logprob(one, one.get("top_logprobs")) for one in dicts(body.get("logprobs")))


class CallReader:
    """Reads the calls of one reply. Those without an id get one of when and what: old servers give none."""

    __slots__ = ("_created", "_custom", "_made")

    def __init__(self, body: JsonObject, sent: Sent) -> None:
        self._created = word(body, "created_at")
        tools = sent.request.tools if sent.request is not None else ()
        self._custom = frozenset(tool.name for tool in tools if tool.custom)
        self._made = 0

    def calls(self, message: JsonObject) -> list[ToolCall]:
        """Raises GatewayError for what are none."""
        return [self._call(one) for one in answer_objects(message, "tool_calls")]

    def _call(self, stated: JsonObject) -> ToolCall:
        function = answer_object(stated, "function")
        name = answer_word(function, "name")
        if not name:
            raise no_answer("tool_calls")
        arguments = arguments_text(answer_object(function, "arguments"))
        id_ = word(stated, "id") or self._id(name, arguments)
        custom = name in self._custom
        return ToolCall(id_, name, plain_input(arguments) if custom else arguments, custom=custom)

    def _id(self, name: str, arguments: str) -> str:
        self._made += 1
        seen = json_text([self._created, self._made, name, arguments])
        return f"call_{sha256(seen.encode()).hexdigest()[:_ID_MAX]}"


def _logprob(one: JsonObject, top: Json) -> Logprob:
    return Logprob(
        word(one, "token"),
        decimal(one, "logprob"),
        tuple(_logprob(other, None) for other in dicts(top)),
    )
