"""A caller's generateContent request, read into neutral nouns. Whether it streams, its path says."""

from gateway.chat import ChatRequest, Effort, Format, Json, JsonObject, Parameters
from gateway.dialects.gemini.contents_in import detail_of, inner_object, read_contents, read_system
from gateway.dialects.gemini.spelling import camel, inner, spelt_either_way
from gateway.dialects.gemini.table import CONFIG, REQUEST_IN
from gateway.dialects.gemini.tools_in import read_tool_choice, read_tools
from gateway.dialects.json_fields import (
    flag,
    integer,
    mapping,
    one_of,
    path,
    text,
    texts,
    wrong_type,
    wrong_value,
)
from gateway.dialects.known_fields import known_fields, tell_unknown
from gateway.dialects.losses import Losses
from gateway.dialects.openapi_schema import json_schema
from gateway.errors import UNSUPPORTED_PARAMETER, UNSUPPORTED_VALUE, GatewayError

_THINKING = f"{CONFIG}.thinkingConfig"
_VALUES = {row.field.removeprefix(f"{CONFIG}."): row for row in REQUEST_IN if row.read is not None}
_CONFIG_NAMES = frozenset(row.field.split(".")[1] for row in REQUEST_IN if row.field.startswith(f"{CONFIG}."))
_TOP_NAMES = frozenset(
    row.field.partition(".")[0].removesuffix("[]") for row in REQUEST_IN if row.noun != "others"
)
_REFUSED = tuple(row.field for row in REQUEST_IN if row.verdict == "R" and "[" not in row.field)
_PARTS = "contents[].parts"
_KNOWN = spelt_either_way(
    known_fields(
        (row.field for row in REQUEST_IN),
        {"systemInstruction": "contents", f"{_PARTS}[].functionResponse.parts": _PARTS},
    )
)
#: What callers call a parameter.
_NAMES = {row.noun: row.field for row in reversed(REQUEST_IN) if row.noun in Parameters.__struct_fields__} | {
    "name": "displayName"
}
_LEVELS: dict[str, Effort] = {
    "minimal": "minimal", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh",
}  # fmt: skip
_TIERS = {"standard": "default", "flex": "flex", "priority": "priority"}


def read_request(fields: JsonObject, losses: Losses) -> ChatRequest:
    """Raises GatewayError with the caller's path of what is no such request."""
    fields = camel(fields)
    config = inner(fields, CONFIG) or {}
    for name in _REFUSED:
        if (config if "." in name else fields).get(name.rpartition(".")[2]) is not None:
            raise GatewayError(UNSUPPORTED_PARAMETER, f"`{name}` is not supported here.", param=name)
    others: JsonObject = {
        name: value for name, value in fields.items() if name not in _TOP_NAMES and value is not None
    }
    found = _read_config(config, others)
    if found.get("top_logprobs") is not None and not found.get("logprobs"):
        losses.dropped(f"{CONFIG}.logprobs")  # it says how many, and the other whether there are any
        del found["top_logprobs"]
    found["tool_choice"] = read_tool_choice(fields, others)
    if "labels" in fields:
        found["metadata"] = _labels(fields)
    if "serviceTier" in fields:
        found["tier"] = _tier(fields)
    turns = read_contents(fields, detail_of(config.get("mediaResolution")), losses)
    system, tools = read_system(fields), read_tools(fields, losses)
    tell_unknown(fields, _KNOWN, losses)
    return ChatRequest(
        turns,
        system,
        tools,
        Parameters(**found),  # type: ignore[arg-type]
        False,
        others,
        _NAMES,
    )


def _read_config(config: JsonObject, others: JsonObject) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in config.items():
        if value is None:
            continue
        row = _VALUES.get(name)
        if row is not None and row.read is not None:
            found[row.noun] = row.read(config, name)
        elif name not in _CONFIG_NAMES:
            others[f"{CONFIG}.{name}"] = value
    if "thinkingConfig" in config:
        _read_thinking(inner(config, "thinkingConfig", CONFIG) or {}, found)
    if "responseModalities" in config:
        kinds = {one.upper() for one in texts(config, "responseModalities", CONFIG)}
        found["image_out"] = "IMAGE" in kinds
        if "AUDIO" in kinds:
            found["audio_out"] = _speech(inner(config, "speechConfig", CONFIG) or {})
    found["format"] = _format(config)
    return found


def _read_thinking(thinking: JsonObject, found: dict[str, object]) -> None:
    budget = integer(thinking, "thinkingBudget", _THINKING, least=-1)
    level = text(thinking, "thinkingLevel", _THINKING)
    if level is not None and level.upper() != "THINKING_LEVEL_UNSPECIFIED":
        if level.lower() not in _LEVELS:
            raise wrong_value(path(_THINKING, "thinkingLevel"), f"must be one of {', '.join(_LEVELS)}")
        if budget is not None:
            raise wrong_value(_THINKING, "may have a level or a budget, but not both")
        found["effort"] = _LEVELS[level.lower()]
    elif budget == 0:
        found["effort"] = "none"
    elif budget is not None and budget > 0:
        found["thinking_budget"] = budget
    found["shows_thinking"] = flag(thinking, "includeThoughts", _THINKING)


def _speech(speech: JsonObject) -> JsonObject:
    """The voice and the format, in the words of `Parameters.audio_out`."""
    voice = inner(inner(speech, "voiceConfig") or {}, "prebuiltVoiceConfig") or {}
    name = text(voice, "voiceName")
    return {"format": "pcm16"} if name is None else {"voice": name, "format": "pcm16"}


def _format(config: JsonObject) -> Format | None:
    kind = text(config, "responseMimeType", CONFIG)
    if kind not in (None, "text/plain", "application/json"):
        where = path(CONFIG, "responseMimeType")
        raise GatewayError(UNSUPPORTED_VALUE, f"`{where}`: `{kind}` is not supported here.", param=where)
    schema = mapping(config, "responseJsonSchema", CONFIG)
    if schema is None:
        own = mapping(config, "responseSchema", CONFIG)
        schema = None if own is None else json_schema(own)
    if schema is not None:
        return Format("schema", schema, "output")
    return None if kind is None else Format("json" if kind == "application/json" else "text")


def _labels(fields: JsonObject) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for name, value in inner_object(fields, "labels", "").items():
        if not isinstance(value, str):
            raise wrong_type(path("labels", name), "a string")
        found.append((name, value))
    return tuple(found)


def _tier(fields: JsonObject) -> Json:
    stated = text(fields, "serviceTier")
    if stated is None or stated.lower() == "unspecified":
        return None
    one_of({"serviceTier": stated.lower()}, "serviceTier", tuple(_TIERS))
    return _TIERS[stated.lower()]
