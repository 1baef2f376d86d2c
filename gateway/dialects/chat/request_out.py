"""A request in neutral nouns, as chat completions of a provider."""

from gateway.capabilities import Capabilities
from gateway.chat import ChatRequest, Effort, Json, JsonObject
from gateway.dialects.chat.cache_marks import OPENAI_MARK
from gateway.dialects.chat.format_out import ask_format
from gateway.dialects.chat.messages_out import check_end, write_messages
from gateway.dialects.chat.quirks import Quirks
from gateway.dialects.chat.table import UNSAID, WRITTEN
from gateway.dialects.chat.tools_out import write_tools
from gateway.dialects.effort import effort_sent, thinks_at, wanted_effort
from gateway.dialects.losses import Losses
from gateway.dialects.tool_names import OPENAI_NAMES, ToolNames
from gateway.dialects.translation import Sent
from gateway.errors import UNSUPPORTED_PARAMETER, UNSUPPORTED_VALUE, GatewayError

_PATH = "/chat/completions"
#: Of what has no noun: nothing is stored for a caller who could not fetch it.
_MEANINGLESS = frozenset({"store"})
_TIERS = {"fast": "priority"}
_USUAL_TIERS = ("auto", "default")


def write_request(
    request: ChatRequest, model: str, can: Capabilities, quirks: Quirks, losses: Losses
) -> Sent:
    """Raises GatewayError for what the model or the provider cannot be asked."""
    goes_on = check_end(request, can.prefill)
    names = ToolNames(OPENAI_NAMES, (tool.name for tool in request.tools))
    asking = ask_format(request, can, quirks, losses)
    messages = write_messages(request, model, quirks, names, losses, asking.instruction)
    if goes_on and quirks.prefix:
        last = messages[-1]
        assert isinstance(last, dict)
        last["prefix"] = True
    body: JsonObject = {"model": model, "messages": messages}
    effort = _write_effort(body, request, can, quirks, losses)
    thinks = thinks_at(effort, can)
    lacks = quirks.lacks | quirks.lacks_thinking if thinks else quirks.lacks
    _write_parameters(body, request, model, can, quirks, lacks, losses)
    write_tools(body, request, can, quirks, names, losses)
    if asking.response_format is not None:
        body["response_format"] = asking.response_format
    if asking.tool is not None:
        body["tools"] = [asking.tool]
        body["tool_choice"] = {"type": "function", "function": {"name": asking.tool_name}}
    _write_media(body, request, quirks, losses)
    for name, value in request.others.items():
        if name in quirks.fields:
            body[name] = value
        elif name not in _MEANINGLESS or name in quirks.refuses:
            losses.dropped(name)
    if request.stream:
        body["stream"] = True
        if quirks.asks_usage:
            body["stream_options"] = {"include_usage": True}
    return Sent(
        _PATH,
        body,
        names=names.restored,
        streams=request.stream,
        answer_tool=asking.tool_name,
        unenforced=asking.unenforced,
        request=request,
    )


def _write_effort(
    body: JsonObject, request: ChatRequest, can: Capabilities, quirks: Quirks, losses: Losses
) -> Effort | None:
    """The effort that is asked for; None: the model's own."""
    asked = wanted_effort(request)
    if asked is not None and asked[0] == "none" and quirks.effort_off is not None:
        field, kind = quirks.effort_off
        body[field] = {"type": kind}
        return "none"
    sent = effort_sent(request, can, losses)
    if sent is not None:
        body["reasoning_effort"] = sent
    return sent


def _write_parameters(
    body: JsonObject,
    request: ChatRequest,
    model: str,
    can: Capabilities,
    quirks: Quirks,
    lacks: frozenset[str],
    losses: Losses,
) -> None:
    parameters = request.parameters
    for row in WRITTEN:
        value: Json = getattr(parameters, row.noun)
        if value is None or value is False:
            continue
        if row.noun not in lacks and (not row.needs or getattr(can, row.needs)):
            body[row.field] = value
        elif UNSAID.get(row.noun) != value:
            losses.dropped(request.named(row.noun))
    for usual, own in quirks.renamed:
        if usual in body:
            body[own] = body.pop(usual)
    most = parameters.max_output
    if most is not None:
        if 0 < can.max_out < most:
            most = can.max_out
            losses.clamped(request.named("max_output"))
        body[quirks.limit_for(model)] = most
    if parameters.stop:
        stops: list[Json] = [*parameters.stop[: quirks.stops_max]] if "stop" not in lacks else []
        if len(stops) < len(parameters.stop):
            losses.dropped(request.named("stop"))
        if stops:
            body["stop"] = stops
    if parameters.choices > 1:
        check_choices(parameters.choices, choices_max(quirks, can), request.named("choices"))
        body["n"] = parameters.choices
    if parameters.tier is not None:
        if "tier" not in lacks:
            body["service_tier"] = _TIERS.get(parameters.tier, parameters.tier)
        elif parameters.tier not in _USUAL_TIERS:
            losses.dropped(request.named("tier"))
    if parameters.auto_cache is not None and quirks.mark_for(model) == OPENAI_MARK:
        body["prompt_cache_options"] = {"mode": "implicit"}
    if parameters.end_user is not None:
        if quirks.end_user:
            body[quirks.end_user] = parameters.end_user
        else:
            losses.dropped(request.named("end_user"))


def choices_max(quirks: Quirks, can: Capabilities) -> int:
    """How many answers one request may ask for."""
    return can.n_max or quirks.choices_max


def check_choices(choices: int, most: int, name: str) -> None:
    """Raises GatewayError for more answers than there can be; `name` is the caller's of the field."""
    if choices > most:
        said = f"`{name}` must be {most} or less for the model that serves this."
        raise GatewayError(UNSUPPORTED_VALUE, said, param=name)


def _write_media(body: JsonObject, request: ChatRequest, quirks: Quirks, losses: Losses) -> None:
    parameters = request.parameters
    wanted: list[Json] = ["text"]
    if parameters.audio_out is not None:
        if "audio" not in quirks.media:
            name = request.named("audio_out")
            said = f"`{name}`: the provider that serves this has no answers that are spoken."
            raise GatewayError(UNSUPPORTED_PARAMETER, said, param=name)
        wanted.append("audio")
        body["audio"] = parameters.audio_out
    if parameters.image_out:
        if "image" in quirks.media:
            wanted.append("image")
        else:
            losses.dropped(request.named("image_out"))
    if len(wanted) > 1:
        body["modalities"] = wanted
