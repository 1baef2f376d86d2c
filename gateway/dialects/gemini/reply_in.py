"""A whole reply of Gemini's, read into neutral nouns."""

import re
from hashlib import sha256
from typing import Literal

from gateway.chat import Answer, Block, ChatReply, JsonObject, Media, Signature, Text, Thinking, ToolCall
from gateway.dialects.gemini.candidate_in import citations, logprobs
from gateway.dialects.gemini.contents_in import code_fence
from gateway.dialects.gemini.finish import is_known, stop_of
from gateway.dialects.json_text import json_bytes
from gateway.dialects.said_fields import (
    answer_base64,
    answer_object,
    answer_objects,
    answer_word,
    inside,
    no_answer,
    word,
)
from gateway.dialects.tool_arguments import arguments_text, plain_input
from gateway.dialects.translation import Sent
from gateway.dialects.usage import read_usage
from gateway.errors import UPSTREAM_INVALID, GatewayError, ReportedError
from gateway.exchange import NO_USAGE, Usage
from gateway.record import replace

_NO_ID = re.compile(r"[^A-Za-z0-9_-]")
_ID_MAX = 40
_RAN = "codeExecutionResult"
#: What has a noun of a part, and what only tells how its sight or sound was cut.
_PARTS = frozenset(
    {
        "text", "thought", "thoughtSignature", "functionCall", "inlineData", "mediaResolution",
        "partMetadata", "videoMetadata",
    }
)  # fmt: skip


def read_reply(body: JsonObject, sent: Sent) -> ChatReply:
    """Raises GatewayError when it is none, or when the model failed without having said anything."""
    if body.get("error"):
        raise ReportedError(json_bytes(body))
    calls = CallReader(body, sent)
    candidates = answer_objects(body, "candidates")
    answers = tuple(_answer(candidate, calls) for candidate in candidates)
    if not answers:
        reason = block_reason(body)
        if not reason:
            raise GatewayError(UPSTREAM_INVALID, "The provider's answer has no candidates.")
        answers = (Answer((), "content_filter", explanation=reason),)
    unread = [name for candidate in candidates for part in parts_of(candidate) for name in unread_of(part)]
    if any(not is_known(word(candidate, "finishReason")) for candidate in candidates):
        unread.append("finishReason")
    return ChatReply(
        answers,
        word(body, "responseId"),
        word(body, "modelVersion"),
        usage=usage_of(body),
        unread=tuple(dict.fromkeys(unread)),
    )


def block_reason(body: JsonObject) -> str:
    """Why the prompt was not even answered; "" when it was not blocked."""
    reason = word(inside(body, "promptFeedback"), "blockReason")
    return f"Blocked by provider: {reason}" if reason else ""


def usage_of(body: JsonObject) -> Usage:
    counts = body.get("usageMetadata")
    found = read_usage(json_bytes(counts), dialect="gemini") if isinstance(counts, dict) else None
    return found or NO_USAGE


def failed(reason: str) -> GatewayError:
    """Of a candidate that ended for it with nothing said."""
    return GatewayError(UPSTREAM_INVALID, f"The provider's model failed: {reason}.")


class CallReader:
    """Reads the calls of one reply. Those that come without an id get one that no other reply has."""

    __slots__ = ("_custom", "_made", "_names", "_unique")

    def __init__(self, body: JsonObject, sent: Sent) -> None:
        given = _NO_ID.sub("_", word(body, "responseId"))[:_ID_MAX]
        self._unique = given or sha256(json_bytes(body)).hexdigest()[:_ID_MAX]
        self._names = sent.names
        tools = sent.request.tools if sent.request is not None else ()
        self._custom = frozenset(tool.name for tool in tools if tool.custom)
        self._made = 0

    def call(self, part: JsonObject) -> ToolCall:
        """Raises GatewayError for what is no call."""
        stated = answer_object(part, "functionCall")
        id_ = word(stated, "id")
        if not id_:
            id_ = f"call_{self._unique}_{self._made}"
            self._made += 1
        name = answer_word(stated, "name")
        if not name:
            raise no_answer("functionCall")
        name = self._names.get(name, name)
        arguments = arguments_text(answer_object(stated, "args"))
        custom = name in self._custom
        return ToolCall(
            id_, name, plain_input(arguments) if custom else arguments, "", custom, signature_of(part)
        )


def parts_of(candidate: JsonObject) -> list[JsonObject]:
    """What it says. Raises GatewayError for what are no parts."""
    return answer_objects(answer_object(candidate, "content"), "parts")


def unread_of(part: JsonObject) -> tuple[str, ...]:
    """What stands in it that is not read, or only as text."""
    return () if part.keys() <= _PARTS else tuple(name for name in part if name not in _PARTS)


def signature_of(part: JsonObject) -> Signature | None:
    data = part.get("thoughtSignature")
    return Signature("gemini", data) if isinstance(data, str) and data else None


def media_of(part: JsonObject) -> Media:
    blob = answer_object(part, "inlineData")
    media_type = word(blob, "mimeType")
    kind: Literal["audio", "image"] = "audio" if media_type.startswith("audio/") else "image"
    return Media(kind, "", media_type, answer_base64(blob, "data"))


def ran_code(part: JsonObject) -> str:
    """Code that the model ran at Google, or what came of it, as a text; "" for any other part."""
    if "executableCode" in part:
        code = inside(part, "executableCode")
        return code_fence(word(code, "language"), word(code, "code"))
    return code_fence(None, word(inside(part, "codeExecutionResult"), "output")) if _RAN in part else ""


def _answer(candidate: JsonObject, calls: CallReader) -> Answer:
    blocks: list[Block] = []
    for part in parts_of(candidate):
        block = _block(part, calls)
        if block is not None:
            blocks.append(block)
    reason = word(candidate, "finishReason")
    stop = stop_of(reason, any(type(block) is ToolCall for block in blocks))
    if stop == "error":
        if not blocks:
            raise failed(reason)
        stop = "stop"
    if "citationMetadata" in candidate or "groundingMetadata" in candidate:
        _cite(candidate, blocks)
    explanation = word(candidate, "finishMessage") if stop == "content_filter" else ""
    return Answer(tuple(blocks), stop, "", explanation, logprobs(candidate))


def _block(part: JsonObject, calls: CallReader) -> Block | None:
    if "functionCall" in part:
        return calls.call(part)
    if "inlineData" in part:
        return media_of(part)
    said, signature = answer_word(part, "text") or ran_code(part), signature_of(part)
    if not said and signature is None:
        return None
    return Thinking(said, signature) if part.get("thought") is True else Text(said, signature=signature)


def _cite(candidate: JsonObject, blocks: list[Block]) -> None:
    """Sources go with the last text; their places are in all texts together, and so told where there is one."""
    texts = [place for place, block in enumerate(blocks) if isinstance(block, Text)]
    if texts:
        last = blocks[texts[-1]]
        assert isinstance(last, Text)
        whole = last.text if len(texts) == 1 else ""
        blocks[texts[-1]] = replace(last, citations=tuple(citations(candidate, whole)))
