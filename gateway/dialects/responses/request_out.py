"""A neutral request as a Responses request to OpenAI (wire reference §2.6): stateless, with sealed thoughts.

`store` is off, and reasoning comes back encrypted: what a model thought between its calls has to be shown again.
"""

from collections.abc import Iterator

from gateway.capabilities import Capabilities
from gateway.chat import (
    ChatRequest,
    Effort,
    Format,
    Json,
    JsonObject,
    Media,
    Parameters,
    Refusal,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from gateway.dialects.call_ids import openai_call_id
from gateway.dialects.chat.table import UNSAID
from gateway.dialects.effort import effort_sent, thinks_at, wanted_effort
from gateway.dialects.json_schema import strict_schema
from gateway.dialects.losses import Losses
from gateway.dialects.responses import items_out
from gateway.dialects.responses.table import REQUEST_OUT
from gateway.dialects.tool_names import OPENAI_NAMES, ToolNames
from gateway.dialects.translation import Sent
from gateway.errors import UNSUPPORTED_PARAMETER, UNSUPPORTED_VALUE, GatewayError

_PATH = "/responses"
_ENCRYPTED = "reasoning.encrypted_content"
_LOGPROBS = "message.output_text.logprobs"
_REFUSED = tuple(row.noun for row in REQUEST_OUT if row.verdict == "R")
_DROPPED = tuple(
    row.noun for row in REQUEST_OUT if row.verdict == "D" and row.noun in Parameters.__struct_fields__
)
#: What the caller may have written that means the same here.
_SHARED = frozenset(row.field for row in REQUEST_OUT if row.verdict == "P")


def write_request(request: ChatRequest, model: str, can: Capabilities, losses: Losses) -> Sent:
    """Raises GatewayError for what the API cannot be asked, with the caller's own path."""
    names = ToolNames(OPENAI_NAMES, (tool.name for tool in request.tools))
    body: JsonObject = {"model": model, "input": list(_items(request, names, losses)), "store": False}
    if request.tools:
        body["tools"] = [_tool(tool, names) for tool in request.tools]
    _parameters(request, can, losses, names, body)
    for name, value in request.others.items():
        if name in _SHARED:
            body[name] = value
        elif value is not None:
            losses.dropped(name)
    body["include"] = [_ENCRYPTED, _LOGPROBS] if "top_logprobs" in body else [_ENCRYPTED]
    if request.stream:
        body["stream"] = True
    return Sent(_PATH, body, names=names.restored, api="responses", streams=request.stream, request=request)


def _items(request: ChatRequest, names: ToolNames, losses: Losses) -> Iterator[Json]:
    if request.system:
        yield _message("developer", [items_out.input_part(text) for text in request.system])
    for turn in request.turns:
        if turn.role == "assistant":
            yield from _said(turn, names, losses)
        elif turn.role == "system":
            parts = [items_out.input_part(one) for one in turn.blocks if isinstance(one, Text)]
            yield _message("developer", parts)
        else:
            yield from _asked(turn)


def _message(role: str, parts: list[JsonObject]) -> JsonObject:
    return {"type": "message", "role": role, "content": list[Json](parts)}


def _asked(turn: Turn) -> Iterator[Json]:
    parts: list[JsonObject] = []
    for block in turn.blocks:
        if isinstance(block, ToolResult):
            yield {**items_out.result(block), "call_id": openai_call_id(block.id)}
        elif isinstance(block, Text | Media):
            parts.append(items_out.input_part(block))
    if parts:
        yield _message("user", parts)


def _said(turn: Turn, names: ToolNames, losses: Losses) -> Iterator[Json]:
    parts: list[Json] = []
    for block in turn.blocks:
        if isinstance(block, Text | Refusal):
            if block.text:
                parts.append(items_out.output_part(block))
            continue
        if parts:
            yield {"type": "message", "role": "assistant", "content": parts}
            parts = []
        if isinstance(block, ToolCall):
            item = items_out.call(block)
            item["call_id"], item["name"] = openai_call_id(block.id), names.sent(block.name)
            yield item
        elif isinstance(block, Thinking):
            signature = block.signature
            if signature is not None and signature.provider == "openai":  # it thinks nobody else's thoughts
                item = items_out.reasoning(block)
                if signature.id:
                    item["id"] = signature.id
                yield item
            elif block.at:
                losses.dropped(block.at)
        elif isinstance(block, Media):
            raise GatewayError(
                UNSUPPORTED_VALUE, "What an assistant said can have no attachments here.", param=block.at
            )
    if parts:
        yield {"type": "message", "role": "assistant", "content": parts}


def _tool(tool: Tool, names: ToolNames) -> JsonObject:
    said: JsonObject = {"type": "custom" if tool.custom else "function", "name": names.sent(tool.name)}
    if tool.description:
        said["description"] = tool.description
    if tool.custom:
        if tool.grammar is not None:
            said["format"] = {"type": "grammar", **tool.grammar}
        return said
    said["parameters"] = tool.schema if tool.schema is not None else {"type": "object", "properties": {}}
    said["strict"] = tool.strict or False  # there it would be on unless told
    return said


def _parameters(
    request: ChatRequest, can: Capabilities, losses: Losses, names: ToolNames, body: JsonObject
) -> None:
    stated = request.parameters
    _refuse(request, losses)
    effort = _effort(request, can, losses)
    thinks = thinks_at(effort, can)
    if stated.temperature is not None or stated.top_p is not None:
        _sampling(request, can, losses, body, thinks)
    if stated.max_output is not None:
        body["max_output_tokens"] = stated.max_output
    reasoning = _reasoning(stated, effort)
    if reasoning:
        body["reasoning"] = reasoning
    formatted: JsonObject = {}
    if stated.format is not None and stated.format.kind != "text":
        formatted["format"] = _format(stated.format)
    if stated.verbosity is not None:
        formatted["verbosity"] = stated.verbosity
    if formatted:
        body["text"] = formatted
    if stated.tool_choice is not None:
        body["tool_choice"] = _choice(stated.tool_choice, request.tools, names)
    if stated.parallel_calls is not None:
        body["parallel_tool_calls"] = stated.parallel_calls
    if stated.logprobs and not thinks:
        body["top_logprobs"] = stated.top_logprobs or 0
    elif stated.logprobs:
        losses.dropped(request.named("logprobs"))
    if stated.tier is not None:
        body["service_tier"] = stated.tier
    if stated.end_user is not None:
        body["safety_identifier"] = stated.end_user
    if stated.metadata:
        body["metadata"] = dict(stated.metadata)
    if stated.cache_key is not None:
        body["prompt_cache_key"] = stated.cache_key


def _refuse(request: ChatRequest, losses: Losses) -> None:
    stated = request.parameters
    asked = {
        "stop": bool(stated.stop),
        "choices": stated.choices > 1,
        "audio_out": stated.audio_out is not None,
    }
    for noun in _REFUSED:
        if asked[noun]:
            name = request.named(noun)
            raise GatewayError(
                UNSUPPORTED_PARAMETER,
                f"`{name}` cannot be asked of this model together with tools.",
                param=name,
            )
    for noun in _DROPPED:
        if getattr(stated, noun) not in (None, False, UNSAID.get(noun)):
            losses.dropped(request.named(noun))


def _sampling(
    request: ChatRequest, can: Capabilities, losses: Losses, body: JsonObject, thinks: bool
) -> None:
    for noun in ("temperature", "top_p"):
        value = getattr(request.parameters, noun)
        if value is None:
            continue
        if can.sampling and not thinks:
            body[noun] = value
        elif value != 1:  # which is what they do anyway
            losses.dropped(request.named(noun))


def _effort(request: ChatRequest, can: Capabilities, losses: Losses) -> Effort | None:
    """The level that is asked for; of a model whose levels nobody knows, the caller's own."""
    if can.effort_levels:
        return effort_sent(request, can, losses)
    asked = wanted_effort(request)
    return None if asked is None else asked[0]


def _reasoning(stated: Parameters, effort: Effort | None) -> JsonObject:
    reasoning: JsonObject = {}
    if effort is not None:
        reasoning["effort"] = effort
    if stated.shows_thinking:
        reasoning["summary"] = "auto"
    return reasoning


def _format(wanted: Format) -> JsonObject:
    if wanted.kind == "json":
        return {"type": "json_object"}
    strict, schema = wanted.strict, wanted.schema
    if strict is None and schema is not None:
        closed = strict_schema(schema)
        strict, schema = closed is not None, closed or schema
    said: JsonObject = {"type": "json_schema", "name": wanted.name or "output", "schema": schema}
    if wanted.description:
        said["description"] = wanted.description
    if strict is not None:
        said["strict"] = strict
    return said


def _choice(choice: ToolChoice, tools: tuple[Tool, ...], names: ToolNames) -> Json:
    if not choice.names:
        return choice.mode
    kinds = {tool.name: "custom" if tool.custom else "function" for tool in tools}
    listed: list[Json] = [
        {"type": kinds.get(name, "function"), "name": names.sent(name)} for name in choice.names
    ]
    if choice.mode == "required" and len(listed) == 1:
        return listed[0]
    return {"type": "allowed_tools", "mode": choice.mode, "tools": listed}
