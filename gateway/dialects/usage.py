"""Token usage as providers report it, in our terms: the one reader, without building the rest of a reply.

The traps (wire reference §2.0): OpenAI's words count cached tokens in the input and reasoning in the output,
Anthropic's count cached tokens beside the input, Gemini's thoughts beside the candidates, and compatible servers do
as they please. So sums decide: where a part is larger than its whole, or the total larger than both, it was counted
beside it. Numbers that cannot be true are not believed: None, and the caller estimates.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import astuple, replace

from gateway.chat import JsonObject
from gateway.dialects.json_text import without_halves
from gateway.dialects.reply_shapes import NOTHING, SHAPES, Item, ResponseShape, Shape
from gateway.dialects.usage_words import Counts, Details, Gemini, Modality, Ollama, Reported
from gateway.errors import UPSTREAM_INVALID, GatewayError
from gateway.exchange import NO_USAGE, Kinds, Usage

_TIER_MAX = 32
#: What replies call the tier that costs what the price list says.
_STANDARD = frozenset({"", "default", "auto", "standard", "standard_only", "on_demand"})
#: Anthropic says this beside the tier, and it is what the price goes by.
_FAST = "fast"
_PARTS = 5  # of `Usage`, numbers


class _Reply(msgspec.Struct):
    usage: Reported | None = None
    error: msgspec.Raw = NOTHING
    service_tier: Any = None


class _Response(_Reply):
    output: list[Item] | None = None


class _Event(_Reply):
    """Of a stream: usage at its top, in `response` (Responses), or in `x_groq`."""

    response: _Response | None = None
    x_groq: _Reply | None = None


def _decoders(shape: type[Shape], *, googles: bool = False) -> tuple[Any, Any]:
    """What reads a reply of `shape` with its usage, and without, where that cannot be true."""
    told: list[Any] = [("usage", Reported | None, None), ("service_tier", Any, None)]
    if googles:
        told = [("usage", Gemini | None, msgspec.field(default=None, name="usageMetadata"))]
    whole = msgspec.defstruct(f"{shape.__name__}WithUsage", told, bases=(shape,))
    return msgspec.json.Decoder(whole), msgspec.json.Decoder(shape)


_GEMINI = frozenset({"generate_content", "embed_content", "count_content"})
_BY_PATH = {path: _decoders(shape, googles=path[:1] == ":") for path, shape in SHAPES.items()}
_ANY, _ANY_RESPONSE = _decoders(Shape), _decoders(ResponseShape)
_ANY_OF_GOOGLES = _decoders(Shape, googles=True)
_event = msgspec.json.Decoder(_Event)
_error = msgspec.json.Decoder(Shape)
#: The second where it is deeper than anything that is meant.
_UNREADABLE = (msgspec.MsgspecError, RecursionError)
_NO_DETAILS, _NO_KINDS = Details(), Kinds()


class NoAnswerError(GatewayError):
    """A reply that has neither an answer nor an error in it; `usage` as it is reported all the same."""

    def __init__(self, usage: Usage | None) -> None:
        super().__init__(UPSTREAM_INVALID, "The provider's answer has no answer in it.")
        self.usage = usage


def read_reply(body: bytes, api: str = "", path: str = "", texts: int = 0) -> tuple[Usage | None, Any]:
    """(usage, error) of a JSON reply. Raises GatewayError when the body is not one JSON object, NoAnswerError when
    it has neither an error nor what an answer to a request of `path` has. `texts`: how many were to be embedded,
    where any were.
    """
    with_usage, without = _BY_PATH.get(path) or _of_any(api)
    reply = _read(with_usage, body) or _read(without, body)  # its usage may be what cannot be true
    # A reply that is not of its shape may yet be an error, and have been paid for.
    found = reply or _read(_ANY_OF_GOOGLES[0] if api in _GEMINI else _ANY[0], body) or _read(_error, body)
    if found is None:
        raise GatewayError(UPSTREAM_INVALID, "The provider's answer is not the JSON it should be.")
    usage = _usage_in(found, api)
    if found.error is not NOTHING and (error := msgspec.json.decode(found.error)):
        return usage, error
    if path in SHAPES and (reply is None or not reply.is_answer() or (texts and reply.vectors() != texts)):
        raise NoAnswerError(usage)
    return usage, None


def _read(decoder: Any, body: bytes) -> Any:
    """None for what is not of its type."""
    try:
        return _decoded(decoder, body)
    except _UNREADABLE:
        return None


def _usage_in(reply: Any, api: str) -> Usage | None:
    reported = getattr(reply, "usage", None)
    if reported is None:
        return None
    if type(reported) is Gemini:
        return _of_gemini(reported)
    searches = _searches(reply.output) if api == "responses" and hasattr(reply, "output") else 0
    return _meant(reported, reply.service_tier, searches)


def _of_any(api: str) -> tuple[Any, Any]:
    if api == "responses":
        return _ANY_RESPONSE
    return _ANY_OF_GOOGLES if api in _GEMINI else _ANY


def read_event(data: bytes) -> Usage | None:
    """The usage in an event of a stream: all that was used up to there."""
    try:
        event = _decoded(_event, data)
    except _UNREADABLE:
        return None
    response, inner = event.response, event.x_groq
    if event.usage is not None:
        return _meant(event.usage, event.service_tier)
    if response is not None and response.usage is not None:
        return _meant(response.usage, response.service_tier, _searches(response.output))
    if inner is not None and inner.usage is not None:
        return _meant(inner.usage, event.service_tier)
    return None


def read_usage(*reports: bytes | JsonObject, dialect: str = "openai") -> Usage | None:
    """What a usage object means, read or not; of several of one stream, each of all that was used so far, the last
    word holds.

    None when it is missing its counts or they cannot be true.
    """
    decoder, meaning = _DIALECTS[dialect]
    try:
        found, *later = [
            decoder.decode(one) if isinstance(one, bytes) else msgspec.convert(one, decoder.type)
            for one in reports
        ]
    except msgspec.MsgspecError:
        return None
    for one in later:
        for name in one.__struct_fields__:
            value = getattr(one, name)
            if value is not None:
                setattr(found, name, value)
    return meaning(found)


def usage_of(reply: Mapping[str, Any], api: str = "") -> Usage:
    """Of a parsed reply, or of the response inside an event; without a report that can be true `NO_USAGE`."""
    reported = reply.get("usage")
    try:
        if reported is None:
            return NO_USAGE
        if api == "responses":
            whole = msgspec.convert({"output": reply.get("output")}, _Response, strict=False)
            found = _meant(
                msgspec.convert(reported, Reported), reply.get("service_tier"), _searches(whole.output)
            )
        else:
            found = _meant(msgspec.convert(reported, Reported), reply.get("service_tier"))
    except msgspec.MsgspecError:
        return NO_USAGE
    return found or NO_USAGE


def _meant(found: Counts, tier: Any = None, searches: int = 0) -> Usage | None:
    inputs = found.prompt_tokens if found.prompt_tokens is not None else found.input_tokens
    outputs = found.completion_tokens if found.completion_tokens is not None else found.output_tokens
    total = found.total_tokens
    if inputs is None and outputs is None:
        inputs = total  # some embeddings and rerank providers give the total only
        if inputs is None:
            return None
    inputs, outputs = inputs or 0, outputs or 0
    into = found.prompt_tokens_details or found.input_tokens_details or _NO_DETAILS
    out = found.completion_tokens_details or found.output_tokens_details or _NO_DETAILS
    cached, written = into.cached_tokens or 0, into.cache_write_tokens or 0
    reasoning = out.reasoning_tokens or 0
    kinds = None
    if (tier is not None and tier != "default") or searches or _has_words_of_few(found, into, out):
        tier = found.speed if found.speed == _FAST else tier or found.service_tier
        if type(found) is Reported and found.iterations:
            return summed([_meant(one, tier) for one in found.iterations])
        into = found.input_token_details or into
        kinds = _kinds(found, into, out, outputs, tier, searches)
        cached = cached or found.prompt_cache_hit_tokens or found.cached_tokens or 0
        cached = cached or found.cache_read_input_tokens or 0
        written = written or found.cache_creation_input_tokens or 0
        reasoning = reasoning or out.thinking_tokens or 0
        if found.prompt_tokens is None and into is _NO_DETAILS:
            inputs += cached + written  # these are Anthropic's words
    if cached + written > inputs:
        inputs += cached + written
    if total is not None and total > inputs + outputs:  # xAI; Gemini's compatible endpoint, without a word
        reasoning = max(reasoning, total - inputs - outputs)
        outputs = total - inputs
    elif reasoning > outputs:
        outputs += reasoning
    return Usage(inputs, outputs, cached, written, reasoning, "provider", kinds)


def _has_words_of_few(found: Counts, into: Details, out: Details) -> Any:
    return (
        into.audio_tokens or into.image_tokens is not None or out.audio_tokens or out.image_tokens
        or out.thinking_tokens or found.input_token_details or found.cached_tokens or found.prompt_cache_hit_tokens
        or found.cache_read_input_tokens or found.cache_creation_input_tokens or found.num_search_queries
        or found.server_tool_use or found.service_tier or found.speed
        or (type(found) is Reported and found.iterations)
    )  # fmt: skip


def _kinds(
    found: Counts, into: Details, out: Details, outputs: int, tier: Any, searches: int
) -> Kinds | None:
    image_out = out.image_tokens
    if into.image_tokens is not None and out is _NO_DETAILS and found.prompt_tokens is None:
        image_out = outputs  # only the images API says the one without the other
    if found.server_tool_use is not None:
        searches += found.server_tool_use.web_search_requests or 0
    kinds = Kinds(
        0 if found.cache_creation is None else found.cache_creation.ephemeral_1h_input_tokens or 0,
        into.audio_tokens or 0,
        into.image_tokens or 0,
        out.audio_tokens or 0,
        image_out or 0,
        searches + (found.num_search_queries or 0),
        _tier(tier),
    )
    return None if kinds == _NO_KINDS else kinds


def _tier(said: Any) -> str:
    """ "" for the standard one."""
    return "" if type(said) is not str or said in _STANDARD else said[:_TIER_MAX]


def _searches(output: list[Item] | None) -> int:
    """Of what a model did in Responses only searches are billed by the call, not pages that it opened."""
    if not output:
        return 0
    calls = [one.action for one in output if one.type == "web_search_call"]
    return sum(action is None or action.type in (None, "search") for action in calls)


def _of_gemini(found: Gemini) -> Usage | None:
    read, said, total = found.prompt_token_count, found.candidates_token_count, found.total_token_count
    if read is None and said is None:
        if total is None:
            return None
        read = total
    inputs, outputs = (read or 0) + (found.tool_use_prompt_token_count or 0), said or 0
    thoughts = found.thoughts_token_count or 0
    if inputs + outputs != total:
        outputs += thoughts
    audio_in, image_in = _media(found.prompt_tokens_details)
    audio_out, image_out = _media(found.candidates_tokens_details)
    kinds = Kinds(0, audio_in, image_in, audio_out, image_out)
    cached = found.cached_content_token_count or 0
    return Usage(inputs, outputs, cached, 0, thoughts, "provider", None if kinds == _NO_KINDS else kinds)


def _media(several: list[Modality] | None) -> tuple[int, int]:
    """(tokens of sound, tokens of images and films)."""
    counts = {"AUDIO": 0, "IMAGE": 0, "VIDEO": 0}
    for one in several or ():
        if type(one.modality) is str and one.modality in counts:
            counts[one.modality] += one.token_count or 0
    return counts["AUDIO"], counts["IMAGE"] + counts["VIDEO"]


def _of_ollama(found: Ollama) -> Usage | None:
    if found.prompt_eval_count is None and found.eval_count is None:
        return None
    return Usage(found.prompt_eval_count or 0, found.eval_count or 0, source="provider")


def summed(several: Sequence[Usage | None]) -> Usage | None:
    """What several together used, as reported; None unless all of them are known."""
    known = [one for one in several if one is not None and one.source != "none"]
    if len(known) < len(several):
        return None
    more = [one.kinds or _NO_KINDS for one in known]
    whole = [sum(column) for column in zip(*(astuple(one)[:_PARTS] for one in known), strict=True)]
    parts = [sum(column) for column in zip(*(astuple(one)[:-1] for one in more), strict=True)]
    kinds = replace(Kinds(*parts), tier=more[0].tier)
    return replace(Usage(*whole), source="provider", kinds=None if kinds == _NO_KINDS else kinds)


def _decoded(decoder: Any, data: bytes) -> Any:
    """Raises one of `_UNREADABLE`."""
    try:
        return decoder.decode(data)
    except msgspec.DecodeError:
        sound = without_halves(data)
        if sound is None:
            raise
    return decoder.decode(sound)


_DIALECTS: dict[str, tuple[Any, Callable[[Any], Usage | None]]] = {
    # And Azure; and Anthropic, whose words are among these.
    "openai": (msgspec.json.Decoder(Reported), _meant),
    "gemini": (msgspec.json.Decoder(Gemini), _of_gemini),
    "ollama": (msgspec.json.Decoder(Ollama), _of_ollama),
}
