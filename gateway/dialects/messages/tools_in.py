"""Tools of an Anthropic request, and which of them must be called, as neutral nouns (wire reference §2.2)."""

from gateway.chat import JsonObject, Tool, ToolChoice
from gateway.dialects.json_fields import (
    array,
    flag,
    mapping,
    objects,
    one_of,
    path,
    required_mapping,
    required_text,
    text,
)
from gateway.dialects.losses import Losses
from gateway.dialects.messages.blocks_in import cache_of
from gateway.errors import UNSUPPORTED_VALUE, GatewayError

_CUSTOM = (None, "custom")
_KINDS = ("auto", "any", "tool", "none")


def tools_of(fields: JsonObject, losses: Losses) -> tuple[Tool, ...]:
    """Raises GatewayError for a tool that Anthropic defines: what it takes, or how it is run, nobody else knows."""
    return tuple(_tool(tool, at, losses) for tool, at in objects(fields, "tools"))


def tool_choice_of(fields: JsonObject) -> tuple[ToolChoice | None, bool | None]:
    """The choice, and whether several may be called at once, where that is said."""
    choice = mapping(fields, "tool_choice")
    if choice is None:
        return None, None
    kind = one_of(choice, "type", _KINDS, "tool_choice") or "auto"
    names = (required_text(choice, "name", "tool_choice"),) if kind == "tool" else ()
    parallel = False if flag(choice, "disable_parallel_tool_use", "tool_choice") else None
    if kind == "none":
        return ToolChoice("none"), parallel
    return ToolChoice("auto" if kind == "auto" else "required", names), parallel


def _tool(tool: JsonObject, at: str, losses: Losses) -> Tool:
    kind = text(tool, "type", at)
    if kind not in _CUSTOM:
        where = path(at, "type")
        raise GatewayError(
            UNSUPPORTED_VALUE, f"`{where}`: `{kind}` is not known to the model that serves this.", param=where
        )
    if tool.get("input_examples"):
        losses.dropped(path(at, "input_examples"))
    if tool.get("defer_loading"):
        losses.dropped(path(at, "defer_loading"))
    if (array(tool, "allowed_callers", at) or ["direct"]) != ["direct"]:
        losses.dropped(path(at, "allowed_callers"))
    return Tool(
        required_text(tool, "name", at),
        at,
        text(tool, "description", at) or "",
        required_mapping(tool, "input_schema", at),
        flag(tool, "strict", at),
        cache=cache_of(tool, at),
    )
