"""A provider's whole chat completion, read into neutral nouns."""

from gateway.chat import Answer, Block, ChatReply, Json, JsonObject, Media, Refusal, Text, Thinking
from gateway.dialects.chat.called import Calls
from gateway.dialects.chat.finish import stop_of
from gateway.dialects.chat.reasoning import thoughts_of
from gateway.dialects.chat.signatures import thought_signature
from gateway.dialects.chat.spoken import citations_of, images_of, logprobs_of, sound, texts_of
from gateway.dialects.json_text import json_bytes
from gateway.dialects.translation import Sent
from gateway.dialects.usage import usage_of
from gateway.errors import UPSTREAM_INVALID, GatewayError, ReportedError
from gateway.exchange import NO_USAGE
from gateway.record import replace


def read_reply(body: JsonObject, sent: Sent) -> ChatReply:
    """Raises ReportedError for an error inside a 200, GatewayError for what is no completion."""
    if body.get("error"):
        raise ReportedError(json_bytes(body))
    stated = body.get("choices")
    choices = [one for one in stated if isinstance(one, dict)] if isinstance(stated, list) else []
    if not choices:
        raise no_completion()
    calls = Calls(sent)
    form = sound_form(sent)
    answers = tuple(_answer(choice, calls, form) for choice in sorted(choices, key=choice_index))
    if any(choice.get("error") for choice in choices) or any(one.stop == "error" for one in answers):
        raise ReportedError(json_bytes(body))
    id_, model, created, tier = (body.get(name) for name in ("id", "model", "created", "service_tier"))
    return ChatReply(
        answers,
        id_ if isinstance(id_, str) else "",
        model if isinstance(model, str) else "",
        created if isinstance(created, int) else 0,
        usage_of(body) or NO_USAGE,
        tier if isinstance(tier, str) else "",
    )


def no_completion() -> GatewayError:
    return GatewayError(UPSTREAM_INVALID, "The provider's answer is not the completion it should be.")


def choice_index(choice: JsonObject) -> int:
    index = choice.get("index")
    return index if isinstance(index, int) else 0


def sound_form(sent: Sent) -> str:
    """The format that the caller wants the answer spoken in."""
    wanted = sent.request.parameters.audio_out if sent.request is not None else None
    form = wanted.get("format") if wanted is not None else None
    return form if isinstance(form, str) else "wav"


def _answer(choice: JsonObject, calls: Calls, form: str) -> Answer:
    message = choice.get("message")
    if not isinstance(message, dict):
        raise no_completion()
    blocks: list[Block] = [*thoughts_of(message)]
    for thought, said in texts_of(message.get("content")):
        blocks.append(Thinking(said) if thought else Text(said))
    blocks += _transcript(message)
    _finish_text(blocks, message)
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        blocks.append(Refusal(refusal))
    blocks += images_of(message)
    blocks += _sounds(message, form)
    called = _called(message, calls, blocks)
    finish, matched = choice.get("finish_reason"), choice.get("stop_reason")
    return Answer(
        tuple(blocks),
        stop_of(finish, called),
        matched if isinstance(matched, str) and finish == "stop" else "",
        logprobs=logprobs_of(choice),
    )


def _finish_text(blocks: list[Block], message: JsonObject) -> None:
    """Sources and a signature belong to the text as a whole."""
    citations, signature = citations_of(message), thought_signature(message)
    if (citations or signature is not None) and blocks and isinstance(last := blocks[-1], Text):
        blocks[-1] = replace(last, citations=citations, signature=signature)


def _transcript(message: JsonObject) -> list[Text]:
    audio = message.get("audio")
    said: Json = audio.get("transcript") if isinstance(audio, dict) else None
    return [Text(said)] if isinstance(said, str) and said else []


def _sounds(message: JsonObject, form: str) -> list[Media]:
    audio = message.get("audio")
    data: Json = audio.get("data") if isinstance(audio, dict) else None
    return [sound(data, form)] if isinstance(data, str) and data else []


def _called(message: JsonObject, calls: Calls, blocks: list[Block]) -> bool:
    """Whether tools are to be called; what the forced tool was given is the answer's text."""
    stated = message.get("tool_calls")
    several = [one for one in stated if isinstance(one, dict)] if isinstance(stated, list) else []
    legacy = message.get("function_call")
    if isinstance(legacy, dict):
        several.append({"function": legacy})
    found = False
    for one in several:
        call = calls.whole(one)
        if call is None:
            continue
        if call.name == calls.answer_tool:
            blocks.append(Text(call.arguments))
        else:
            blocks.append(call)
            found = True
    return found
