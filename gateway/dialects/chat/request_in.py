"""A caller's chat completions request, read into neutral nouns."""

from collections.abc import Mapping

from gateway.chat import ChatRequest, Format, JsonObject, Parameters
from gateway.dialects.chat.messages_in import read_messages
from gateway.dialects.chat.table import REQUEST_IN, UNSAID
from gateway.dialects.chat.tools_in import read_tool_choice, read_tools
from gateway.dialects.field_row import Row
from gateway.dialects.json_fields import (
    flag,
    mapping,
    missing,
    one_of,
    path,
    required_mapping,
    required_text,
    text,
    texts,
    wrong_value,
)
from gateway.dialects.known_fields import known_fields, tell_unknown
from gateway.dialects.losses import Losses

_ROWS = {row.field: row for row in REQUEST_IN}
#: What callers call a parameter, where that is another word than ours.
_NAMES = {
    row.noun: row.field for row in REQUEST_IN if row.noun in Parameters.__struct_fields__ and not row.behind
} | {"name": "file.filename", "format.description": "response_format.json_schema.description"}
_KNOWN = known_fields(row.field for row in REQUEST_IN)
_OTHERS = "others"
_MEDIA = ("text", "audio", "image")


def read_request(fields: JsonObject, losses: Losses) -> ChatRequest:
    """Raises GatewayError with the caller's path of what is no such request."""
    system, turns = read_messages(fields, losses)
    tools = read_tools(fields)
    found, others, names = read_parameters(fields, _ROWS)
    found["tool_choice"] = read_tool_choice(fields)
    if fields.get("modalities") is not None:
        _read_media(fields, found)
    if fields.get("response_format") is not None:
        found["format"] = read_format(fields)
    if found.get("top_logprobs") is not None and not found.get("logprobs"):
        losses.dropped("top_logprobs")  # it says how many, and the other whether there are any
        del found["top_logprobs"]
    asks_usage(fields)
    stream = flag(fields, "stream") or False
    tell_unknown(fields, _KNOWN, losses)
    return ChatRequest(turns, system, tools, Parameters(**found), stream, others, names)  # type: ignore[arg-type]


def read_parameters(
    fields: JsonObject, rows: Mapping[str, Row]
) -> tuple[dict[str, object], JsonObject, dict[str, str]]:
    """(`Parameters` by name, fields without a noun, the caller's words for parameters). Raises GatewayError."""
    names = _NAMES
    found: dict[str, object] = {}
    others: JsonObject = {}
    for name, value in fields.items():
        if value is None:
            continue
        row = rows.get(name)
        if row is None or row.noun == _OTHERS:
            if name not in UNSAID or UNSAID[name] != value:
                others[name] = value
        elif row.read is not None:
            if row.behind:
                if fields.get(row.behind) is not None:
                    continue
                names = {**names, row.noun: name}
            found[row.noun] = row.read(fields, name)
    return found, others, names


def asks_usage(fields: JsonObject) -> bool:
    """Whether the caller of a stream wants the frame that reports usage. Raises GatewayError for no yes or no."""
    options = mapping(fields, "stream_options")
    return options is not None and bool(flag(options, "include_usage", "stream_options"))


def read_format(fields: JsonObject) -> Format:
    """`response_format`. Raises GatewayError."""
    where = "response_format"
    stated = mapping(fields, where) or {}
    kind = one_of(stated, "type", ("text", "json_object", "json_schema"), where)
    if kind is None:
        raise missing(path(where, "type"))
    if kind != "json_schema":
        return Format("json" if kind == "json_object" else "text")
    inner, where = required_mapping(stated, kind, where), path(where, kind)
    return Format(
        "schema",
        mapping(inner, "schema", where),
        required_text(inner, "name", where),
        text(inner, "description", where) or "",
        flag(inner, "strict", where),
    )


def _read_media(fields: JsonObject, found: dict[str, object]) -> None:
    wanted = texts(fields, "modalities")
    for one in wanted:
        if one not in _MEDIA:
            raise wrong_value("modalities", f"must be of {', '.join(_MEDIA)}")
    found["image_out"] = "image" in wanted
    if "audio" in wanted:
        found["audio_out"] = required_mapping(fields, "audio")
