"""Tools of a chat completions request, and which of them may or must be called."""

from gateway.capabilities import Capabilities
from gateway.chat import ChatRequest, Json, JsonObject, Tool, ToolChoice
from gateway.dialects.allowed_tools import allowed_tools
from gateway.dialects.chat.cache_marks import OPENAI_MARK, written_mark
from gateway.dialects.chat.quirks import Quirks
from gateway.dialects.json_fields import path, wrong_value
from gateway.dialects.losses import Losses
from gateway.dialects.tool_arguments import PLAIN_TEXT
from gateway.dialects.tool_names import ToolNames
from gateway.errors import UNSUPPORTED_VALUE, GatewayError

_NO_ARGUMENTS: JsonObject = {"type": "object", "properties": {}}


def write_tools(
    body: JsonObject,
    request: ChatRequest,
    can: Capabilities,
    quirks: Quirks,
    names: ToolNames,
    losses: Losses,
) -> None:
    """Raises GatewayError for a choice that the model cannot be given."""
    choice, parallel = request.parameters.tool_choice, request.parameters.parallel_calls
    must = choice is not None and choice.mode == "required"
    if not request.tools:
        if must:
            raise wrong_value(
                request.named("tool_choice"), "must not ask for a call where there are no tools"
            )
        return
    if must and not can.forced_tool_choice:
        where = request.named("tool_choice")
        if not losses.bent(where):
            said = f"`{where}`: this model cannot be made to call a tool."
            raise GatewayError(UNSUPPORTED_VALUE, said, param=where)
        choice = ToolChoice("auto", choice.names if choice is not None else ())
    tools = request.tools
    if choice is not None and not quirks.tool_lists:
        tools = allowed_tools(tools, choice, request.named("tool_choice"), losses)
    body["tools"] = [_tool(tool, quirks, names, losses) for tool in tools]
    if choice is not None:
        body["tool_choice"] = _choice(choice, request, quirks, names)
    if parallel is not None:
        if can.parallel_control:
            body["parallel_tool_calls"] = parallel
        elif not parallel:
            losses.dropped(request.named("parallel_calls"))


def custom_functions(request: ChatRequest, names: ToolNames) -> frozenset[str]:
    """Names of the plain-text tools, as the provider knows them."""
    return frozenset(names.sent(tool.name) for tool in request.tools if tool.custom)


def _tool(tool: Tool, quirks: Quirks, names: ToolNames, losses: Losses) -> Json:
    stated: JsonObject = {"name": names.sent(tool.name)}
    if tool.description:
        stated["description"] = tool.description
    if tool.custom and quirks.custom_tools:
        if tool.grammar is not None:
            stated["format"] = {"type": "grammar", "grammar": tool.grammar}
        return {"type": "custom", "custom": stated}
    if tool.custom:
        if tool.grammar is not None:
            losses.dropped(path(tool.at, "format"))
        stated["parameters"] = PLAIN_TEXT
    else:
        schema = tool.schema if tool.schema is not None else _NO_ARGUMENTS
        stated["parameters"] = schema if quirks.schema is None else quirks.schema(schema)
    if tool.strict is not None:
        if quirks.strict_tools:
            stated["strict"] = tool.strict
        elif tool.strict:
            losses.dropped(path(tool.at, "strict"))
    written: JsonObject = {"type": "function", "function": stated}
    if tool.cache and quirks.cache_mark and quirks.cache_mark != OPENAI_MARK:  # OpenAI marks parts only
        written[quirks.cache_mark] = written_mark(quirks.cache_mark, tool.cache)
    return written


def _choice(choice: ToolChoice, request: ChatRequest, quirks: Quirks, names: ToolNames) -> Json:
    mode = quirks.required if choice.mode == "required" else choice.mode
    if not choice.names:
        return mode
    kinds = {tool.name: "custom" for tool in request.tools if tool.custom and quirks.custom_tools}
    listed: list[Json] = []
    for name in choice.names:
        kind = kinds.get(name, "function")
        listed.append({"type": kind, kind: {"name": names.sent(name)}})
    if choice.mode == "required" and len(listed) == 1:
        return listed[0]
    if not quirks.tool_lists:
        return mode  # the others are not sent
    return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": listed}}
