"""A neutral reply as Gemini's, whole; and the pieces of it that its streams are made of, too."""

from collections.abc import Iterable

from gateway.chat import (
    Answer,
    Block,
    ChatReply,
    Citation,
    Json,
    JsonObject,
    Logprob,
    Media,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
)
from gateway.dialects.gemini.finish import reason_of
from gateway.dialects.losses import Losses
from gateway.dialects.tool_arguments import said_object
from gateway.dialects.translation import Asked
from gateway.exchange import Usage


def write_reply(reply: ChatReply, asked: Asked) -> JsonObject:
    shows = bool(asked.request.parameters.shows_thinking)
    candidates: list[Json] = [
        _candidate(answer, index, shows, asked.losses) for index, answer in enumerate(reply.answers)
    ]
    body: JsonObject = {"candidates": candidates}
    if reply.usage.source != "none":
        body["usageMetadata"] = usage_metadata(reply.usage)
    return {**body, **envelope(asked)}


def envelope(asked: Asked) -> JsonObject:
    """What stands in every response, and in every frame of a stream."""
    return {"modelVersion": asked.model, "responseId": asked.id}


def candidate(parts: list[Json], index: int) -> JsonObject:
    """Without any part there is an empty text: clients look for the first."""
    return {"content": {"parts": parts or [{"text": ""}], "role": "model"}, "index": index}


def usage_metadata(usage: Usage) -> JsonObject:
    """Thoughts stand beside the candidates there, and in the total."""
    counts: JsonObject = {
        "promptTokenCount": usage.input,
        "candidatesTokenCount": usage.output - usage.reasoning,
        "totalTokenCount": usage.input + usage.output,
    }
    if usage.reasoning:
        counts["thoughtsTokenCount"] = usage.reasoning
    if usage.cache_read:
        counts["cachedContentTokenCount"] = usage.cache_read
    return counts


def text_part(text: str, signature: Signature | None = None, thought: bool = False) -> JsonObject:
    part: JsonObject = {"text": text}
    if thought:
        part["thought"] = True
    return _signed(part, signature)


def call_part(call: ToolCall, losses: Losses) -> JsonObject:
    stated: JsonObject = {"id": call.id, "name": call.name, "args": said_object(call, losses)}
    return _signed({"functionCall": stated}, call.signature)


def media_part(media: Media) -> JsonObject:
    if media.data:
        return {"inlineData": {"mimeType": media.media_type, "data": media.data}}
    return {"fileData": {"mimeType": media.media_type, "fileUri": media.url or media.file_id}}


def sources(citations: Iterable[Citation]) -> JsonObject:
    """`citationMetadata`. Its places are bytes, which nobody counted; those of characters would be wrong there."""
    found: list[Json] = []
    for one in citations:
        source: JsonObject = {"uri": one.url}
        if one.title:
            source["title"] = one.title
        found.append(source)
    return {"citationSources": found}


def logprobs_result(logprobs: Iterable[Logprob]) -> JsonObject:
    chosen: list[Json] = []
    tops: list[Json] = []
    for one in logprobs:
        chosen.append(_probable(one))
        tops.append({"candidates": [_probable(top) for top in one.top]})
    return {"chosenCandidates": chosen, "topCandidates": tops}


def _probable(one: Logprob) -> JsonObject:
    return {"token": one.token, "logProbability": one.logprob}


def _signed(part: JsonObject, signature: Signature | None) -> JsonObject:
    if signature is not None and signature.provider == "gemini":
        part["thoughtSignature"] = signature.data
    return part


def _candidate(answer: Answer, index: int, shows_thinking: bool, losses: Losses) -> JsonObject:
    parts: list[Json] = [
        part for block in answer.blocks if (part := _part(block, shows_thinking, losses)) is not None
    ]
    made = candidate(parts, index)
    made["finishReason"] = reason_of(answer.stop)
    if answer.explanation:
        made["finishMessage"] = answer.explanation
    cited = [one for block in answer.blocks if isinstance(block, Text) for one in block.citations]
    if cited:
        made["citationMetadata"] = sources(cited)
    if answer.logprobs:
        made["logprobsResult"] = logprobs_result(answer.logprobs)
    return made


def _part(block: Block, shows_thinking: bool, losses: Losses) -> JsonObject | None:
    match block:
        case Text():
            return text_part(block.text, block.signature)
        case ToolCall():
            return call_part(block, losses)
        case Thinking():
            return text_part(block.text, block.signature, True) if shows_thinking and block.text else None
        case Refusal():
            return text_part(block.text)
        case Media():
            return media_part(block)
    return None
