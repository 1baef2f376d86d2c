"""An Anthropic messages request as a neutral one (wire reference §2.2)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

from gateway.chat import (
    ChatRequest,
    Effort,
    Format,
    JsonObject,
    Parameters,
    Role,
    Text,
    Turn,
)
from gateway.dialects.field_row import Row
from gateway.dialects.json_fields import (
    integer,
    mapping,
    missing,
    objects,
    one_of,
    required_mapping,
    required_text,
    text,
    wrong_value,
)
from gateway.dialects.known_fields import known_fields, tell_unknown
from gateway.dialects.losses import Losses
from gateway.dialects.messages.blocks_in import blocks_of, cache_of, texts_of
from gateway.dialects.messages.table import REQUEST_IN
from gateway.dialects.messages.tools_in import tool_choice_of, tools_of
from gateway.errors import UNSUPPORTED_PARAMETER, UNSUPPORTED_VALUE, GatewayError

_ROWS: Mapping[str, Row] = MappingProxyType({row.field: row for row in REQUEST_IN})
_NAMES = {
    "max_output": "max_tokens",
    "stop": "stop_sequences",
    "effort": "output_config.effort",
    "thinking_budget": "thinking.budget_tokens",
    "shows_thinking": "thinking.display",
    "format": "output_config.format",
    "parallel_calls": "tool_choice.disable_parallel_tool_use",
    "end_user": "metadata.user_id",
    "tier": "service_tier",
    "auto_cache": "cache_control",
    "cache": "cache_control",
    "name": "title",
}
_BLOCKS = "messages[].content"
_KNOWN = known_fields(
    (row.field for row in REQUEST_IN),
    {"system": _BLOCKS, f"{_BLOCKS}[].content": _BLOCKS, f"{_BLOCKS}[].source.content": _BLOCKS},
)
_ROLES = ("user", "assistant", "system")
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_THINKING = ("disabled", "enabled", "adaptive", "between_tools")
#: A coding agent tells its maker by a block of the system prompt what it is to be billed as.
_BILLING = "x-anthropic-billing-header"
_TIERS = {"auto": "auto", "standard_only": "default"}


def read_request(fields: JsonObject, losses: Losses, closed: bool) -> ChatRequest:
    """`closed`: under the rules of the newest version.

    Raises GatewayError for what is no such request or cannot be asked elsewhere, with the caller's path.
    """
    said, others = _simple(fields)
    if "max_output" not in said:
        raise missing("max_tokens")
    if said["max_output"] == 0:
        raise GatewayError(
            UNSUPPORTED_VALUE,
            "`max_tokens` of 0 warms Anthropic's cache; the model that serves this has none of that kind.",
            param="max_tokens",
        )
    names = {**_NAMES, **_read_thinking(fields, said, losses), **_read_rest(fields, said)}
    stream = said.pop("stream", None) or False
    system, turns = _conversation(fields, closed, losses)
    tools = tools_of(fields, losses)
    tell_unknown(fields, _KNOWN, losses)
    return ChatRequest(turns, system, tools, Parameters(**said), stream, others, names)


def _simple(fields: JsonObject) -> tuple[dict[str, Any], JsonObject]:
    """By noun what the table alone can read, and what has no noun."""
    said: dict[str, Any] = {}
    others: JsonObject = {}
    for name, value in fields.items():
        row = _ROWS.get(name)
        if value is None:
            continue
        if row is None or row.noun == "others":
            others[name] = value
        elif row.read is not None:
            said[row.noun] = row.read(fields, name)
        elif row.verdict == "R" and value:
            raise GatewayError(
                UNSUPPORTED_PARAMETER,
                f"`{name}` is Anthropic's own, and another provider serves this.",
                param=name,
            )
    return said, others


def _read_thinking(fields: JsonObject, said: dict[str, Any], losses: Losses) -> dict[str, str]:
    """How hard it is to think. Returns what the caller calls that, where it is not the usual name."""
    thinking, config = mapping(fields, "thinking"), mapping(fields, "output_config") or {}
    effort = one_of(config, "effort", _EFFORTS, "output_config")
    if effort is not None:
        said["effort"] = cast(Effort, effort)
    if config.get("task_budget") is not None:
        losses.dropped("output_config.task_budget")
    if thinking is None:
        return {}
    kind = one_of(thinking, "type", _THINKING, "thinking")
    display = text(thinking, "display", "thinking")
    if display is not None:
        said["shows_thinking"] = display != "omitted"
    if kind == "between_tools":
        losses.dropped("thinking")
    elif kind == "enabled":
        budget = integer(thinking, "budget_tokens", "thinking", 1)
        if budget is None:
            raise missing("thinking.budget_tokens")
        said["thinking_budget"] = budget
    elif kind == "disabled":
        said["effort"] = "none"
        return {"effort": "thinking"}
    elif kind is None:
        raise missing("thinking.type")
    return {}


def _read_rest(fields: JsonObject, said: dict[str, Any]) -> dict[str, str]:
    """What stands inside other fields. Returns names likewise."""
    renamed: dict[str, str] = {}
    choice, parallel = tool_choice_of(fields)
    if choice is not None:
        said["tool_choice"], said["parallel_calls"] = choice, parallel
    metadata = mapping(fields, "metadata")
    if metadata is not None:
        said["end_user"] = text(metadata, "user_id", "metadata")
    tier = one_of(fields, "service_tier", tuple(_TIERS))
    if tier is not None:
        said["tier"] = _TIERS[tier]
    if one_of(fields, "speed", ("standard", "fast")) == "fast":
        said["tier"], renamed["tier"] = "priority", "speed"
    wanted = _format(fields)
    if wanted is not None:
        said["format"] = wanted
    if fields.get("cache_control") is not None:
        said["auto_cache"] = cache_of(fields, "")
    return renamed


def _format(fields: JsonObject) -> Format | None:
    config = mapping(fields, "output_config") or {}
    wanted, at = mapping(config, "format", "output_config"), "output_config.format"
    if wanted is None:
        wanted, at = mapping(fields, "output_format"), "output_format"
    if wanted is None:
        return None
    one_of(wanted, "type", ("json_schema",), at)
    return Format("schema", required_mapping(wanted, "schema", at), "output")


def _conversation(
    fields: JsonObject, closed: bool, losses: Losses
) -> tuple[tuple[Text, ...], tuple[Turn, ...]]:
    system = [one for one in texts_of(fields, "system") if not one.text.startswith(_BILLING)]
    turns: list[Turn] = []
    if fields.get("messages") is None:
        raise missing("messages")
    for message, at in objects(fields, "messages"):
        required_text(message, "role", at)
        role = cast(Role, one_of(message, "role", _ROLES, at))
        if role != "system":
            turns.append(Turn(role, blocks_of(message, at, role, closed, losses), at))
            continue
        said = texts_of(message, "content", at)
        if turns:
            turns.append(Turn(role, said, at))
        else:
            system += said
    if not turns:
        raise wrong_value("messages", "must have at least one message of a user")
    return tuple(system), tuple(turns)
