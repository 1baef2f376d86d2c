"""A neutral request as Gemini's generateContent (wire reference §2.3)."""

from gateway.capabilities import Capabilities
from gateway.chat import ChatRequest, Json, JsonObject
from gateway.dialects.described_schema import described_schema
from gateway.dialects.effort import thinks
from gateway.dialects.gemini.contents_out import write_contents
from gateway.dialects.gemini.spelling import camel
from gateway.dialects.gemini.table import CONFIG, DROPPED, WRITTEN
from gateway.dialects.gemini.thinking_out import thinking_config
from gateway.dialects.gemini.tools_out import write_tools
from gateway.dialects.json_schema import gemini_schema
from gateway.dialects.losses import Losses
from gateway.dialects.tool_names import GEMINI_NAMES, ToolNames, check_names
from gateway.dialects.translation import Sent
from gateway.errors import UNSUPPORTED_VALUE, GatewayError

_WRITTEN = tuple((row.noun, row.field.removeprefix(f"{CONFIG}."), row.needs) for row in WRITTEN)
_DROPPED = tuple(row.noun for row in DROPPED)
_TEMPERATURE_MAX = 2.0
_STOPS_MAX = 5
#: Thoughts count as output there: with less than this they may be all of it.
_SCARCE = 1024
_LOGPROBS_MAX = 20
_JSON = "application/json"
#: How it speaks, whatever is asked for.
_SPOKEN = "pcm16"
#: The standard tier is what comes unasked.
_TIERS = {"default": "standard", "flex": "flex", "priority": "priority", "fast": "priority", "auto": ""}
#: Fields of a caller without a noun that are Google's own; `store` changes nothing here.
_PASSED = frozenset({"safetySettings", "toolConfig", "cachedContent"})
_IGNORED = frozenset({"store"})


def write_request(request: ChatRequest, can: Capabilities, losses: Losses) -> Sent:
    """Raises GatewayError for what the model cannot be asked."""
    check_names(request.tools)
    names = ToolNames(GEMINI_NAMES, (tool.name for tool in request.tools))
    contents, resolution = write_contents(request, can, names, losses)
    body: JsonObject = {"contents": list[Json](contents)}
    system: list[Json] = [{"text": one.text} for one in request.system if one.text]
    if system:
        body["systemInstruction"] = {"parts": system}
    write_tools(request, can, names, losses, body)
    config = _config(request, can, losses)
    is_held = _write_format(request, can, losses, config)
    if resolution:
        config["mediaResolution"] = resolution
    if config:
        body[CONFIG] = config
    if request.parameters.tier is not None:
        _write_tier(request, body, losses)
    if request.others:
        _write_others(request, body, losses)
    action = "streamGenerateContent" if request.stream else "generateContent"
    return Sent(
        f":{action}",
        body,
        "alt=sse" if request.stream else "",
        names=names.restored,
        api="generate_content",
        streams=request.stream,
        unenforced=not is_held,
        request=request if any(tool.custom for tool in request.tools) else None,
    )


def _config(request: ChatRequest, can: Capabilities, losses: Losses) -> JsonObject:
    """`generationConfig`."""
    parameters, named = request.parameters, request.named
    config: JsonObject = {}
    for noun, field, needs in _WRITTEN:
        value = getattr(parameters, noun)
        if value is None:
            continue
        if needs and not getattr(can, needs):
            losses.dropped(named(noun))
        else:
            config[field] = value
    for noun in _DROPPED:
        if getattr(parameters, noun) is not None:
            losses.dropped(named(noun))
    if parameters.temperature is not None:
        _write_temperature(request, can, losses, config)
    if parameters.stop:
        config["stopSequences"] = list[Json](parameters.stop[:_STOPS_MAX])
        if len(parameters.stop) > _STOPS_MAX:
            losses.dropped(named("stop"))
    if parameters.choices > 1:
        if parameters.choices > max(1, can.n_max):
            raise _unsupported(named("choices"), f"this model gives {max(1, can.n_max)} at most")
        config["candidateCount"] = parameters.choices
    if parameters.logprobs:
        _write_logprobs(request, can, losses, config)
    thinking = thinking_config(request, can, losses)
    if thinking is not None:
        config["thinkingConfig"] = thinking
    if parameters.max_output is not None and parameters.max_output < _SCARCE and thinks(request, can):
        losses.scarce(named("max_output"))
    if parameters.image_out or parameters.audio_out is not None:
        _write_modalities(request, losses, config)
    return config


def _write_temperature(request: ChatRequest, can: Capabilities, losses: Losses, config: JsonObject) -> None:
    temperature, name = request.parameters.temperature, request.named("temperature")
    assert temperature is not None
    if not can.sampling:
        losses.dropped(name)
        return
    if temperature > _TEMPERATURE_MAX:
        losses.clamped(name)
        temperature = _TEMPERATURE_MAX
    config["temperature"] = temperature


def _write_logprobs(request: ChatRequest, can: Capabilities, losses: Losses, config: JsonObject) -> None:
    if not can.logprobs:
        raise _unsupported(request.named("logprobs"), "this model reports none")
    config["responseLogprobs"] = True
    top = request.parameters.top_logprobs
    if top is not None and top > _LOGPROBS_MAX:
        losses.clamped(request.named("top_logprobs"))
        top = _LOGPROBS_MAX
    if top:
        config["logprobs"] = top


def _write_format(request: ChatRequest, can: Capabilities, losses: Losses, config: JsonObject) -> bool:
    """Whether Google sees to all that the answer has to be."""
    name, wanted = request.named("format"), request.parameters.format
    if wanted is None or wanted.kind == "text":
        return True
    if request.tools and not can.schema_with_tools:
        raise _unsupported(name, "this model answers in a form or calls tools, but not both")
    if wanted.kind == "schema" and not can.native_schema:
        raise _unsupported(name, "this model cannot be held to a schema")
    config["responseMimeType"] = _JSON
    if wanted.schema is None:
        return True
    subset = gemini_schema(described_schema(request, wanted, losses), name, losses)
    config["responseJsonSchema"] = subset.schema
    return subset.is_whole


def _write_modalities(request: ChatRequest, losses: Losses, config: JsonObject) -> None:
    parameters = request.parameters
    if parameters.audio_out is None:
        config["responseModalities"] = ["TEXT", "IMAGE"]
        return
    config["responseModalities"] = ["AUDIO", "IMAGE"] if parameters.image_out else ["AUDIO"]
    if parameters.audio_out.get("format") not in (None, _SPOKEN):
        losses.dropped(f"{request.named('audio_out')}.format")
    voice = parameters.audio_out.get("voice")
    if voice is not None:
        config["speechConfig"] = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice}}}


def _write_tier(request: ChatRequest, body: JsonObject, losses: Losses) -> None:
    tier = _TIERS.get(request.parameters.tier or "")
    if tier is None:
        losses.dropped(request.named("tier"))
    elif tier:
        body["serviceTier"] = tier


def _write_others(request: ChatRequest, body: JsonObject, losses: Losses) -> None:
    """What callers ask of Gemini in its own words: beside the rest, or as its compatible endpoint has it, in
    `extra_body.google`.
    """
    for name, value in request.others.items():
        if name in _PASSED:
            body[name] = value
        elif name.startswith(f"{CONFIG}."):
            _inside(body, CONFIG)[name.removeprefix(f"{CONFIG}.")] = value
        elif name.startswith("toolConfig."):
            _inside(body, "toolConfig")[name.removeprefix("toolConfig.")] = value
        elif name == "extra_body" and isinstance(value, dict) and isinstance(value.get("google"), dict):
            _write_extra(value, body, losses)
        elif name not in _IGNORED:
            losses.dropped(name)


def _write_extra(extra: JsonObject, body: JsonObject, losses: Losses) -> None:
    for name, value in extra.items():
        if name != "google" and value is not None:
            losses.dropped(f"extra_body.{name}")
    google = extra.get("google")
    for name, value in camel(google if isinstance(google, dict) else {}).items():
        if name in _PASSED:
            body[name] = value
        elif name == "thinkingConfig" and isinstance(value, dict):
            _inside(body, CONFIG)[name] = camel(value)  # instead of an effort: both at once are refused
        else:
            losses.dropped(f"extra_body.google.{name}")


def _inside(body: JsonObject, name: str) -> JsonObject:
    found = body.setdefault(name, {})
    assert isinstance(found, dict)
    return found


def _unsupported(name: str, why: str) -> GatewayError:
    return GatewayError(UNSUPPORTED_VALUE, f"`{name}` is not supported here: {why}.", param=name)
