"""Tools of a caller's chat completions request, and which of them may or must be called."""

from gateway.chat import CacheTtl, Json, JsonObject, Tool, ToolChoice
from gateway.dialects.chat.cache_marks import cache_mark
from gateway.dialects.json_fields import (
    flag,
    mapping,
    objects,
    one_of,
    path,
    required_mapping,
    required_text,
    text,
    wrong_type,
    wrong_value,
)
from gateway.errors import UNSUPPORTED_VALUE, GatewayError

_FUNCTION, _CUSTOM = "function", "custom"


def read_tools(fields: JsonObject) -> tuple[Tool, ...]:
    """Raises GatewayError for what is none, and for tools that only a provider itself could run."""
    if fields.get("tools") is not None:
        return tuple(_tool(stated, at) for stated, at in objects(fields, "tools"))
    if fields.get("functions") is not None:
        return tuple(_function(stated, at) for stated, at in objects(fields, "functions"))
    return ()


def _tool(stated: JsonObject, at: str) -> Tool:
    kind = text(stated, "type", at) or _FUNCTION
    if kind == _FUNCTION:
        return _function(required_mapping(stated, kind, at), path(at, kind), cache_mark(stated))
    if kind != _CUSTOM:
        where = path(at, "type")
        said = f"`{where}`: tools of type `{kind}` cannot be called from here."
        raise GatewayError(UNSUPPORTED_VALUE, said, param=where)
    inner, where = required_mapping(stated, kind, at), path(at, kind)
    form = mapping(inner, "format", where) or {}
    return Tool(
        required_text(inner, "name", where),
        where,
        text(inner, "description", where) or "",
        custom=True,
        grammar=mapping(form, "grammar", path(where, "format")),
        cache=cache_mark(stated),
    )


def _function(stated: JsonObject, at: str, cache: CacheTtl | None = None) -> Tool:
    return Tool(
        required_text(stated, "name", at),
        at,
        text(stated, "description", at) or "",
        mapping(stated, "parameters", at),
        flag(stated, "strict", at),
        cache=cache,
    )


def read_tool_choice(fields: JsonObject) -> ToolChoice | None:
    """Raises GatewayError for what is none."""
    stated = fields.get("tool_choice")
    if stated is not None:
        return _choice(stated)
    stated = fields.get("function_call")
    if stated is None:
        return None
    if isinstance(stated, dict):
        return ToolChoice("required", (required_text(stated, "name", "function_call"),))
    return _mode(stated, "function_call")


def _choice(stated: Json) -> ToolChoice:
    where = "tool_choice"
    if not isinstance(stated, dict):
        return _mode(stated, where)
    kind = one_of(stated, "type", (_FUNCTION, _CUSTOM, "allowed_tools"), where) or _FUNCTION
    inner, where = required_mapping(stated, kind, where), path(where, kind)
    if kind != "allowed_tools":
        return ToolChoice("required", (required_text(inner, "name", where),))
    names = tuple(_named(one, at) for one, at in objects(inner, "tools", where))
    mode = one_of(inner, "mode", ("auto", "required"), where)
    return ToolChoice("required" if mode == "required" else "auto", names)


def _named(stated: JsonObject, at: str) -> str:
    kind = one_of(stated, "type", (_FUNCTION, _CUSTOM), at) or _FUNCTION
    return required_text(required_mapping(stated, kind, at), "name", path(at, kind))


def _mode(stated: Json, at: str) -> ToolChoice:
    match stated:
        case "none" | "auto" | "required":
            return ToolChoice(stated)
        case "any":  # Mistral's word
            return ToolChoice("required")
        case str():
            raise wrong_value(at, "must be none, auto or required, or name a tool")
        case _:
            raise wrong_type(at, "a string or an object")
