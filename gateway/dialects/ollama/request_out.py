"""A neutral request as Ollama's /api/chat (wire reference §2.4)."""

from gateway.capabilities import Capabilities
from gateway.chat import ChatRequest, Effort, Format, Json, JsonObject, Tool
from gateway.dialects.allowed_tools import allowed_tools, only
from gateway.dialects.effort import effort_of_budget, nearest
from gateway.dialects.json_fields import path
from gateway.dialects.json_schema import ollama_keeps
from gateway.dialects.losses import Losses
from gateway.dialects.ollama.messages_out import write_messages
from gateway.dialects.ollama.table import DROPPED, OPTIONS
from gateway.dialects.tool_arguments import PLAIN_TEXT
from gateway.dialects.translation import Sent
from gateway.errors import UNSUPPORTED_VALUE, GatewayError

_OPTIONS = tuple((row.noun, row.field.removeprefix("options.")) for row in OPTIONS)
_DROPPED = tuple(row.noun for row in DROPPED)
_THINK: dict[Effort, bool | str] = {
    "none": False, "minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "max", "max": "max",
}  # fmt: skip
#: Fields of a caller without a noun that are Ollama's own; `store` changes nothing here.
_PASSED = frozenset({"keep_alive"})
_IGNORED = frozenset({"store"})
_NO_ARGUMENTS: JsonObject = {"type": "object", "properties": {}}


def write_request(request: ChatRequest, model: str, can: Capabilities, losses: Losses) -> Sent:
    """Raises GatewayError for what the model cannot be asked."""
    parameters = request.parameters
    _refuse(request)
    body: JsonObject = {
        "model": model,
        "messages": list[Json](write_messages(request, can, losses)),
        "stream": request.stream,
        "truncate": False,
        "shift": False,
    }
    tools = _tools(request, losses)
    if tools:
        body["tools"] = tools
    if parameters.format is not None and parameters.format.kind != "text":
        body["format"] = _format(request, parameters.format, losses)
    _write_think(request, can, losses, body)
    if parameters.logprobs:
        body["logprobs"] = True
        if parameters.top_logprobs:
            body["top_logprobs"] = parameters.top_logprobs
    options = _options(request, can)
    if options:
        body["options"] = options
    for noun in _DROPPED:
        if getattr(parameters, noun) is not None:
            losses.dropped(request.named(noun))
    for name, value in request.others.items():
        if name in _PASSED:
            body[name] = value
        elif name not in _IGNORED:
            losses.dropped(name)
    custom = any(tool.custom for tool in request.tools)
    return Sent("/api/chat", body, streams=request.stream, request=request if custom else None)


def _refuse(request: ChatRequest) -> None:
    """What its answers cannot be."""
    parameters = request.parameters
    for asked, noun, why in (
        (parameters.choices > 1, "choices", "this model gives one"),
        (parameters.image_out, "image_out", "this model makes no images"),
        (parameters.audio_out is not None, "audio_out", "this model does not speak"),
    ):
        if asked:
            name = request.named(noun)
            raise GatewayError(UNSUPPORTED_VALUE, f"`{name}` is not supported here: {why}.", param=name)


def _options(request: ChatRequest, can: Capabilities) -> JsonObject:
    """Only what was said: its own defaults are the model's, which nothing should stand in for."""
    parameters = request.parameters
    options: JsonObject = {}
    for noun, option in _OPTIONS:
        value = getattr(parameters, noun)
        if value is not None:
            options[option] = value
    most = parameters.max_output or can.max_out
    if most:  # unlimited, unless told
        options["num_predict"] = most
    if parameters.stop:
        options["stop"] = list[Json](parameters.stop)
    if can.num_ctx:
        options["num_ctx"] = can.num_ctx
    return options


def _tools(request: ChatRequest, losses: Losses) -> list[Json]:
    choice, parameters = request.parameters.tool_choice, request.parameters
    if parameters.parallel_calls is False:
        losses.dropped(request.named("parallel_calls"))
    if choice is None:
        return [_tool(tool, losses) for tool in request.tools]
    if choice.mode == "none":
        return []
    if choice.mode == "required":
        losses.dropped(request.named("tool_choice"))
        offered = request.tools if not choice.names else only(request.tools, choice.names)
    else:
        offered = allowed_tools(request.tools, choice, request.named("tool_choice"), losses)
    return [_tool(tool, losses) for tool in offered]


def _tool(tool: Tool, losses: Losses) -> JsonObject:
    schema = tool.schema or _NO_ARGUMENTS
    if tool.strict:
        losses.dropped(path(tool.at, "strict"))
    if tool.custom:
        schema = PLAIN_TEXT
        if tool.grammar is not None:
            losses.dropped(path(tool.at, "format"))
    elif not ollama_keeps(schema):
        losses.changed(tool.at)
    function: JsonObject = {"name": tool.name, "description": tool.description, "parameters": schema}
    return {"type": "function", "function": function}


def _format(request: ChatRequest, wanted: Format, losses: Losses) -> Json:
    if wanted.description:
        losses.dropped(request.named("format.description"))
    return "json" if wanted.schema is None else wanted.schema


def _write_think(request: ChatRequest, can: Capabilities, losses: Losses, body: JsonObject) -> None:
    effort, budget = request.parameters.effort, request.parameters.thinking_budget
    noun = "effort" if effort is not None else "thinking_budget"
    if effort is None and budget is not None:
        effort = effort_of_budget(budget)
    if effort is None:
        return
    if can.thinking != "none":
        sent = nearest(effort, can.effort_levels) if can.effort_levels else effort
        if sent != effort:
            losses.clamped(request.named(noun))
        body["think"] = _THINK[sent]
    elif effort != "none":
        losses.dropped(request.named(noun))
