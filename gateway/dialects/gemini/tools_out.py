"""Tools as Gemini's function declarations, and which of them may or must be called."""

from gateway.capabilities import Capabilities
from gateway.chat import ChatRequest, Json, JsonObject, Tool, ToolChoice
from gateway.dialects.json_fields import path
from gateway.dialects.json_schema import gemini_schema
from gateway.dialects.losses import Losses
from gateway.dialects.tool_arguments import PLAIN_TEXT
from gateway.dialects.tool_names import ToolNames
from gateway.errors import UNSUPPORTED_PARAMETER, UNSUPPORTED_VALUE, GatewayError

_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY"}


def write_tools(
    request: ChatRequest, can: Capabilities, names: ToolNames, losses: Losses, body: JsonObject
) -> None:
    """Into the body. Raises GatewayError for what the model cannot be asked."""
    if request.parameters.parallel_calls is False:
        losses.dropped(request.named("parallel_calls"))
    if not request.tools:
        return
    if not can.tools:
        name = request.named("tools")
        raise GatewayError(UNSUPPORTED_PARAMETER, f"`{name}`: this model calls no tools.", param=name)
    declared: list[Json] = [_declared(tool, names, losses) for tool in request.tools]
    body["tools"] = [{"functionDeclarations": declared}]
    choice = request.parameters.tool_choice
    if choice is not None:
        if choice.mode == "required" and not can.forced_tool_choice:
            name = request.named("tool_choice")
            if not losses.bent(name):
                raise GatewayError(
                    UNSUPPORTED_VALUE, f"`{name}`: this model cannot be made to call a tool.", param=name
                )
            choice = ToolChoice("auto")
        body["toolConfig"] = {"functionCallingConfig": _calling(choice, names)}


def _declared(tool: Tool, names: ToolNames, losses: Losses) -> JsonObject:
    made: JsonObject = {"name": names.sent(tool.name)}
    if tool.description:
        made["description"] = tool.description
    if tool.strict:
        losses.dropped(path(tool.at, "strict"))
    if tool.custom:
        if tool.grammar is not None:
            losses.dropped(path(tool.at, "format"))
        made["parametersJsonSchema"] = PLAIN_TEXT
    elif tool.schema is not None and tool.schema.get("properties", True):
        made["parametersJsonSchema"] = gemini_schema(tool.schema, tool.at, losses).schema
    return made


def _calling(choice: ToolChoice, names: ToolNames) -> JsonObject:
    if not choice.names:
        return {"mode": _MODES[choice.mode]}
    allowed: list[Json] = [names.sent(name) for name in choice.names]
    mode = "VALIDATED" if choice.mode == "auto" else _MODES[choice.mode]
    return {"mode": mode, "allowedFunctionNames": allowed}
