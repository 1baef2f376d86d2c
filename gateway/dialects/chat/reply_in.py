"""A provider's whole chat completion, read into neutral nouns."""

from gateway.chat import Answer, Block, ChatReply, JsonObject, Refusal, Text, Thinking
from gateway.dialects.chat.called import Calls, unread_call
from gateway.dialects.chat.finish import is_known, stop_of
from gateway.dialects.chat.reasoning import thoughts_of
from gateway.dialects.chat.signatures import thought_signature
from gateway.dialects.chat.spoken import (
    citations_of,
    images_of,
    logprobs_of,
    no_completion,
    sound,
    texts_of,
    unread_of,
)
from gateway.dialects.json_text import json_bytes
from gateway.dialects.said_fields import (
    answer_base64,
    answer_index,
    answer_object,
    answer_objects,
    answer_word,
    count,
    inside,
    word,
)
from gateway.dialects.tool_arguments import check_inputs
from gateway.dialects.translation import Sent
from gateway.dialects.usage import usage_of
from gateway.errors import ReportedError
from gateway.record import replace

_SOUND = "wav"


def read_reply(body: JsonObject, sent: Sent) -> ChatReply:
    """Raises ReportedError for an error inside a 200, GatewayError for what is no completion."""
    if body.get("error") or body.get("object") == "error":
        raise ReportedError(json_bytes(body))
    choices = answer_objects(body, "choices")
    if not choices:
        raise no_completion()
    calls = Calls(sent)
    calls.begin(body)
    form = sound_form(sent)
    unread = [] if all(is_known(choice.get("finish_reason")) for choice in choices) else ["finish_reason"]
    answers = tuple(_answer(choice, calls, form, unread) for choice in sorted(choices, key=answer_index))
    if any(choice.get("error") for choice in choices) or any(one.stop == "error" for one in answers):
        raise ReportedError(json_bytes(body))
    return ChatReply(
        answers,
        word(body, "id"),
        word(body, "model"),
        count(body, "created"),
        usage_of(body),
        word(body, "service_tier"),
        tuple(dict.fromkeys(unread)),
    )


def sound_form(sent: Sent) -> str:
    """The format that the caller wants the answer spoken in."""
    wanted = sent.request.parameters.audio_out if sent.request is not None else None
    return word(wanted, "format") if wanted else _SOUND


def _answer(choice: JsonObject, calls: Calls, form: str, unread: list[str]) -> Answer:
    """What of it has no noun here goes to `unread`."""
    message = choice.get("message")
    if not isinstance(message, dict):
        raise no_completion()
    unread += unread_of(message)
    blocks: list[Block] = [*thoughts_of(message)]
    for thought, said in texts_of(message.get("content")):
        blocks.append(Thinking(said) if thought else Text(said))
    audio = inside(message, "audio")
    if transcript := word(audio, "transcript"):
        blocks.append(Text(transcript))
    _finish_text(blocks, message)
    if refusal := answer_word(message, "refusal"):
        blocks.append(Refusal(refusal))
    blocks += images_of(message)
    if data := answer_base64(audio, "data"):
        blocks.append(sound(data, form))
    stop = stop_of(choice.get("finish_reason"), _called(message, calls, blocks, unread))
    check_inputs(calls.has_half, stop)
    matched = word(choice, "stop_reason") if stop == "stop" else ""
    return Answer(tuple(blocks), stop, matched, logprobs=logprobs_of(choice))


def _finish_text(blocks: list[Block], message: JsonObject) -> None:
    """Sources and a signature belong to the text as a whole."""
    citations, signature = citations_of(message), thought_signature(message)
    if (citations or signature is not None) and blocks and isinstance(last := blocks[-1], Text):
        blocks[-1] = replace(last, citations=citations, signature=signature)


def _called(message: JsonObject, calls: Calls, blocks: list[Block], unread: list[str]) -> bool:
    """Whether tools are to be called; what the forced tool was given is the answer's text."""
    several = answer_objects(message, "tool_calls")
    if legacy := answer_object(message, "function_call"):
        several.append({"function": legacy})
    found = False
    for one in several:
        if kind := unread_call(one):
            unread.append(kind)
            continue
        call = calls.whole(one)
        if call.name == calls.answer_tool:
            blocks.append(Text(call.arguments))
        else:
            blocks.append(call)
            found = True
    return found
