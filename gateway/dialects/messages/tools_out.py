"""Tools for Anthropic's models, and which of them must be called (wire reference §2.1)."""

from collections.abc import Iterable

from gateway.capabilities import Capabilities
from gateway.chat import ChatRequest, Json, JsonObject, Tool, ToolCall
from gateway.dialects.allowed_tools import allowed_tools
from gateway.dialects.answer_tool import ANSWER_TOOL
from gateway.dialects.json_fields import path, wrong_value
from gateway.dialects.json_schema import anthropic_schema
from gateway.dialects.losses import Losses
from gateway.dialects.messages.cache_marks import FIELD, mark
from gateway.dialects.tool_arguments import PLAIN_TEXT
from gateway.dialects.tool_names import ToolNames
from gateway.errors import UNSUPPORTED_PARAMETER, UNSUPPORTED_VALUE, GatewayError
from gateway.record import Record

_NOTHING: JsonObject = {"type": "object", "properties": {}}


class Offered(Record, frozen=True):
    """`forces`: some call must come. `answers`: the answer's own tool is among those that may be called."""

    tools: tuple[Json, ...] = ()
    choice: JsonObject | None = None
    forces: bool = False
    answers: bool = False


_NONE = Offered()


def offered_tools(
    request: ChatRequest, can: Capabilities, names: ToolNames, answer: JsonObject | None, losses: Losses
) -> Offered:
    """`answer` is the tool whose arguments are to be the answer, where there is one.

    Raises GatewayError for what the model cannot be offered or made to call.
    """
    said = request.parameters
    choice = said.tool_choice
    mode, chosen = (choice.mode, choice.names) if choice is not None else ("auto", ())
    if request.tools and not can.tools:
        raise GatewayError(UNSUPPORTED_PARAMETER, "The model that serves this calls no tools.", param="tools")
    wanted = request.tools
    if choice is not None:
        wanted = allowed_tools(wanted, choice, request.named("tool_choice"), losses)
    if mode == "required":
        if _is_forced(request, can, _has(request.tools, chosen), losses):
            answer = answer if len(chosen) != 1 else None
        else:
            mode = "auto"
    tools: list[Json] = [_tool(tool, names, losses) for tool in wanted]
    if answer is not None:
        tools.append(answer)
    elif not tools:
        tools += [{"name": names.sent(name), "input_schema": _NOTHING} for name in _called(request)]
    if not tools:
        return _NONE
    made: JsonObject
    if answer is not None and (not wanted or mode == "none"):
        made = {"type": "tool", "name": ANSWER_TOOL}
    elif mode == "required" and len(chosen) == 1:
        made = {"type": "tool", "name": names.sent(chosen[0])}
    elif answer is not None or mode == "required":
        made = {"type": "any"}
    else:
        made = {"type": mode}
    forces = made["type"] in ("any", "tool")
    is_said = choice is not None or forces
    if said.parallel_calls is False and made["type"] != "none":
        if can.parallel_control:
            made["disable_parallel_tool_use"] = is_said = True
        else:
            losses.dropped(request.named("parallel_calls"))
    return Offered(tuple(tools), made if is_said else None, forces, answer is not None)


def _is_forced(request: ChatRequest, can: Capabilities, has_tools: bool, losses: Losses) -> bool:
    """Whether the model is made to call a tool. Raises GatewayError where that cannot be."""
    name = request.named("tool_choice")
    if not has_tools:
        raise wrong_value(name, "asks for a call of a tool that is not among `tools`")
    if not can.forced_tool_choice and not losses.bent(name):
        raise GatewayError(
            UNSUPPORTED_VALUE,
            f"`{name}`: the model that serves this cannot be made to call a tool.",
            param=name,
        )
    return can.forced_tool_choice


def _has(tools: tuple[Tool, ...], chosen: tuple[str, ...]) -> bool:
    return any(not chosen or tool.name in chosen for tool in tools)


def _tool(tool: Tool, names: ToolNames, losses: Losses) -> JsonObject:
    made: JsonObject = {"name": names.sent(tool.name)}
    if tool.description:
        made["description"] = tool.description
    if tool.custom:
        made["input_schema"] = PLAIN_TEXT
        if tool.grammar is not None:
            losses.dropped(path(tool.at, "format.grammar"))
    else:
        schema = _schema(tool)
        strict = anthropic_schema(schema) if tool.strict else None
        if strict is not None:
            made["strict"] = True
        elif tool.strict:
            losses.dropped(path(tool.at, "strict"))
        made["input_schema"] = schema if strict is None else strict.schema
    if tool.cache is not None:
        made[FIELD] = mark(tool.cache)
    return made


def _schema(tool: Tool) -> JsonObject:
    schema = tool.schema
    if not schema:
        return _NOTHING
    kind = schema.get("type")
    if kind is None:
        return {"type": "object", **schema}
    if kind != "object":
        raise wrong_value(tool.at, "must take an object: the `type` of its schema must be object")
    return schema


def _called(request: ChatRequest) -> Iterable[str]:
    """The tools that the history has calls of."""
    return dict.fromkeys(
        block.name for turn in request.turns for block in turn.blocks if isinstance(block, ToolCall)
    )
