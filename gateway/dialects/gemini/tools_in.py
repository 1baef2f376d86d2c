"""Tools of a caller's generateContent request, and which of them may or must be called."""

from gateway.chat import JsonObject, Tool, ToolChoice
from gateway.dialects.gemini.spelling import inner, several
from gateway.dialects.json_fields import mapping, path, required_text, text, texts, wrong_value
from gateway.dialects.losses import Losses
from gateway.dialects.openapi_schema import json_schema
from gateway.errors import UNSUPPORTED_VALUE, GatewayError

_DECLARATIONS = "functionDeclarations"
_CALLING = "toolConfig.functionCallingConfig"
_MODES = {"MODE_UNSPECIFIED": "auto", "AUTO": "auto", "VALIDATED": "auto", "ANY": "required", "NONE": "none"}


def read_tools(fields: JsonObject, losses: Losses) -> tuple[Tool, ...]:
    """Raises GatewayError for what is none, and for tools that only Google itself runs."""
    found: list[Tool] = []
    for tool, at in several(fields, "tools"):
        for name, value in tool.items():
            if name != _DECLARATIONS and value is not None:
                where = path(at, name)
                raise GatewayError(UNSUPPORTED_VALUE, f"`{where}` is not supported here.", param=where)
        found += [_tool(one, where, losses) for one, where in several(tool, _DECLARATIONS, at)]
    return tuple(found)


def _tool(stated: JsonObject, at: str, losses: Losses) -> Tool:
    if stated.get("behavior") not in (None, "BLOCKING", "UNSPECIFIED"):
        losses.dropped(path(at, "behavior"))
    schema = mapping(stated, "parametersJsonSchema", at)
    if schema is None:
        own = mapping(stated, "parameters", at)
        schema = None if own is None else json_schema(own)
    return Tool(required_text(stated, "name", at), at, text(stated, "description", at) or "", schema)


def read_tool_choice(fields: JsonObject, others: JsonObject) -> ToolChoice | None:
    """What else `toolConfig` says goes to `others`. Raises GatewayError for what is none."""
    config = inner(fields, "toolConfig") or {}
    for name, value in config.items():
        if name != "functionCallingConfig" and value is not None:
            others[f"toolConfig.{name}"] = value
    calling = inner(config, "functionCallingConfig", "toolConfig")
    if calling is None:
        return None
    mode = _MODES.get((text(calling, "mode", _CALLING) or "AUTO").upper())
    if mode is None:
        raise wrong_value(path(_CALLING, "mode"), f"must be one of {', '.join(_MODES)}")
    names = texts(calling, "allowedFunctionNames", _CALLING)
    return ToolChoice(mode, names)  # type: ignore[arg-type]
