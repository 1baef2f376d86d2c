"""A reply in neutral nouns, as the chat completion that a caller gets."""

from gateway.chat import (
    Answer,
    ChatReply,
    Citation,
    Json,
    JsonObject,
    Logprob,
    Media,
    Refusal,
    Stop,
    Text,
    Thinking,
    ToolCall,
)
from gateway.dialects.chat.finish import FINISH
from gateway.dialects.chat.parts_out import data_url
from gateway.dialects.chat.reasoning import write_thoughts
from gateway.dialects.chat.signatures import write_signature
from gateway.dialects.chat.usage_out import write_usage
from gateway.dialects.refusal import refusal_of
from gateway.dialects.translation import Asked
from gateway.errors import UPSTREAM_ERROR, GatewayError

ID = "chatcmpl-"
#: Elsewhere a sound can be named by its id so long; SDKs want to be told.
_SOUND_S = 3600


def write_reply(reply: ChatReply, asked: Asked) -> JsonObject:
    """Raises GatewayError for an answer that ended with an error."""
    legacy = wants_functions(asked)
    choices: list[Json] = []
    for index, answer in enumerate(reply.answers):
        message = _message(answer, asked, legacy)
        choice: JsonObject = {
            "index": index,
            "message": message,
            "logprobs": write_logprobs(answer.logprobs) if answer.logprobs else None,
            "finish_reason": finish_word(answer.stop, legacy),
        }
        choices.append(choice)
    body: JsonObject = {
        "id": ID + asked.id,
        "object": "chat.completion",
        "created": reply.created or asked.created,
        "model": asked.model,
        "choices": choices,
    }
    if reply.usage.source != "none":
        body["usage"] = write_usage(reply.usage)
    if reply.tier:
        body["service_tier"] = reply.tier
    return body


def wants_functions(asked: Asked) -> bool:
    """Whether the caller speaks of functions, as they were called before there were tools."""
    fields = asked.fields
    return bool(fields.get("functions")) and not fields.get("tools")


def finish_word(stop: Stop, legacy: bool = False) -> str:
    """Raises GatewayError for an answer that ended with an error: it must not look finished."""
    word = FINISH.get(stop)
    if word is None:
        raise GatewayError(UPSTREAM_ERROR, "The provider ended the answer with an error.")
    return "function_call" if legacy and stop == "tool_calls" else word


def written_call(call: ToolCall, arguments: str) -> JsonObject:
    kind, said = ("custom", "input") if call.custom else ("function", "arguments")
    written: JsonObject = {"id": call.id, "type": kind, kind: {"name": call.name, said: arguments}}
    write_signature(written, call.signature)
    return written


def written_citation(citation: Citation) -> JsonObject:
    source: JsonObject = {
        "url": citation.url,
        "title": citation.title,
        "start_index": citation.start,
        "end_index": citation.end,
    }
    return {"type": "url_citation", "url_citation": source}


def written_image(media: Media) -> JsonObject:
    url = media.url or data_url(media.media_type, media.data)
    return {"type": "image_url", "image_url": {"url": url}}


def written_sound(media: Media, asked: Asked, transcript: str) -> JsonObject:
    return {
        "id": f"audio_{asked.id}",
        "data": media.data,
        "expires_at": asked.created + _SOUND_S,
        "transcript": transcript,
    }


def write_logprobs(logprobs: tuple[Logprob, ...]) -> JsonObject:
    tokens: list[Json] = [
        {**_logprob(one), "top_logprobs": [_logprob(two) for two in one.top]} for one in logprobs
    ]
    return {"content": tokens, "refusal": None}


def _logprob(one: Logprob) -> JsonObject:
    return {"token": one.token, "logprob": one.logprob, "bytes": [*one.token.encode()]}


def _message(answer: Answer, asked: Asked, legacy: bool) -> JsonObject:
    texts: list[str] = []
    refusals: list[str] = []
    thoughts: list[Thinking] = []
    calls: list[Json] = []
    citations: list[Json] = []
    images: list[Json] = []
    message: JsonObject = {"role": "assistant", "content": None, "refusal": None, "annotations": citations}
    for block in answer.blocks:
        match block:
            case Text():
                texts.append(block.text)
                citations += [written_citation(one) for one in block.citations]
                write_signature(message, block.signature)
            case Thinking():
                thoughts.append(block)
            case ToolCall():
                calls.append(written_call(block, block.arguments or ("" if block.custom else "{}")))
            case Refusal():
                refusals.append(block.text)
            case Media(kind="audio"):
                message["audio"] = written_sound(block, asked, "".join(texts))
            case Media():
                images.append(written_image(block))
            case _:
                pass  # a reply has no results of tools
    refusal = "".join(refusals) or refusal_of(answer.stop, answer.explanation)
    if refusal:
        message["refusal"] = refusal
    if texts or not (calls or refusal):
        message["content"] = "".join(texts)
    if thoughts:
        write_thoughts(message, thoughts)
    if images:
        message["images"] = images
    if calls and legacy:
        first = calls[0]
        assert isinstance(first, dict)
        message["function_call"] = first.get("function")
    elif calls:
        message["tool_calls"] = calls
    return message
