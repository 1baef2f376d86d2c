"""A caller's Responses request as a neutral one (wire reference §2.5)."""

from collections.abc import Iterator
from typing import cast

from gateway.chat import (
    Block,
    ChatRequest,
    Effort,
    Format,
    JsonObject,
    Parameters,
    Role,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
    Turn,
)
from gateway.dialects.json_fields import (
    array,
    flag,
    mapping,
    missing,
    objects,
    one_of,
    path,
    required_text,
    text,
    wrong_type,
    wrong_value,
)
from gateway.dialects.known_fields import known_fields, tell_unknown
from gateway.dialects.losses import Losses
from gateway.dialects.responses import items_in
from gateway.dialects.responses.namespaces import within
from gateway.dialects.responses.table import REQUEST_IN
from gateway.errors import (
    PREVIOUS_RESPONSE_NOT_FOUND,
    UNSUPPORTED_PARAMETER,
    UNSUPPORTED_VALUE,
    GatewayError,
)

_NAMES = {
    "max_output": "max_output_tokens",
    "parallel_calls": "parallel_tool_calls",
    "effort": "reasoning.effort",
    "shows_thinking": "reasoning.summary",
    "format": "text.format",
    "verbosity": "text.verbosity",
    "cache_key": "prompt_cache_key",
    "end_user": "user",
    "tier": "service_tier",
    "logprobs": "top_logprobs",
    "name": "filename",
    "format.description": "text.format.description",
}
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_SYSTEM = ("system", "developer")
_CALLED = ("function", "custom")  # by the caller; others run at the provider
_CALLS = ("function_call", "custom_tool_call")
_RESULTS = ("function_call_output", "custom_tool_call_output")
#: Of the provider's own tools: what they found has been said in the answer that followed.
_PAST = ("web_search_call", "file_search_call")
_REFUSED = tuple(row.field for row in REQUEST_IN if row.verdict == "R" and row.field.isidentifier())
_DROPPED = tuple(row.field for row in REQUEST_IN if row.verdict == "D" and row.field.isidentifier())
_SIMPLE = tuple(row for row in REQUEST_IN if row.read is not None)
_UNDERSTOOD = frozenset(row.field.partition(".")[0].partition("[")[0] for row in REQUEST_IN)
_CONTENT = "input[].content"
_KNOWN = known_fields(
    (row.field for row in REQUEST_IN), {"input[].output": _CONTENT, "input[].summary": _CONTENT}
)
_LOGPROBS = "message.output_text.logprobs"


def read_request(fields: JsonObject, losses: Losses) -> ChatRequest:
    """Raises GatewayError for what is no such request or cannot be asked elsewhere, with the caller's path."""
    _refuse(fields, losses)
    turns = list(_turns(fields))
    system: list[Text] = []
    instructions = text(fields, "instructions")
    if instructions:
        system.append(Text(instructions))
    while turns and turns[0].role == "system":
        system += [block for block in turns.pop(0).blocks if isinstance(block, Text)]
    if not turns and not system:
        raise missing("input")
    tools = tuple(_tools(fields, losses))
    parameters = _parameters(fields, losses)
    tell_unknown(fields, _KNOWN, losses)
    return ChatRequest(
        tuple(turns),
        tuple(system),
        tools,
        parameters,
        flag(fields, "stream") or False,
        {name: value for name, value in fields.items() if name not in _UNDERSTOOD},
        _NAMES,
    )


def _refuse(fields: JsonObject, losses: Losses) -> None:
    if fields.get("previous_response_id") is not None:
        name = "previous_response_id"
        raise GatewayError(
            PREVIOUS_RESPONSE_NOT_FOUND,
            "The response that this one goes on from is not kept here.",
            param=name,
        )
    for name in _REFUSED:
        if fields.get(name):  # false asks for nothing
            raise GatewayError(
                UNSUPPORTED_PARAMETER, f"`{name}` is not supported by what serves this model.", param=name
            )
    for name in _DROPPED:
        if fields.get(name) not in (None, "disabled"):
            losses.dropped(name)


def _turns(fields: JsonObject) -> Iterator[Turn]:
    """Items that belong together are one turn: all that the model said in a row, all results in a row."""
    given = fields.get("input")
    if isinstance(given, str):
        yield Turn("user", (Text(given),), "input")
        return
    if given is None:
        return
    role: Role | None = None
    blocks: list[Block] = []
    began = ""
    results = False
    for item, at in objects(fields, "input"):
        found = _item(item, at)
        if found is None:
            continue
        its_role, its_blocks = found
        its_results = isinstance(its_blocks[0], ToolResult) if its_blocks else False
        if its_role == role and (role == "assistant" or (results and its_results)):
            blocks += its_blocks
            continue
        if role is not None:
            yield Turn(role, tuple(blocks), began)
        role, blocks, began, results = its_role, list(its_blocks), at, its_results
    if role is not None:
        yield Turn(role, tuple(blocks), began)


def _item(item: JsonObject, at: str) -> tuple[Role, tuple[Block, ...]] | None:
    """Who says it, and what; None for what only the provider that made it has a use for."""
    kind = text(item, "type", at) or "message"
    if kind == "message":
        role = one_of(item, "role", ("user", "assistant", *_SYSTEM), at)
        if role is None:
            raise missing(path(at, "role"))
        blocks = items_in.content(item, "content", at)
        return ("system" if role in _SYSTEM else cast(Role, role)), blocks
    if kind in _CALLS:
        return "assistant", (items_in.call(item, at),)
    if kind in _RESULTS:
        return "user", (items_in.result(item, at),)
    if kind == "reasoning":
        return "assistant", (items_in.thought(item, at),)
    if kind in _PAST:
        return None
    raise GatewayError(
        UNSUPPORTED_VALUE, f"Items of type '{kind[:64]}' cannot be translated.", param=path(at, "type")
    )


def _tools(fields: JsonObject, losses: Losses) -> Iterator[Tool]:
    for tool, at in objects(fields, "tools"):
        kind = text(tool, "type", at) or "function"
        if kind == "namespace":
            name, about = required_text(tool, "name", at), text(tool, "description", at) or ""
            for inner, where in objects(tool, "tools", at):
                its_kind = text(inner, "type", where) or "function"
                yield _tool(inner, its_kind, where, name, about)
        elif kind in _CALLED or not losses.bent(at):
            yield _tool(tool, kind, at)


def _tool(tool: JsonObject, kind: str, at: str, namespace: str = "", about: str = "") -> Tool:
    if kind not in _CALLED:
        raise GatewayError(
            UNSUPPORTED_VALUE,
            f"Tools of type '{kind[:64]}' run at OpenAI and cannot be translated.",
            param=path(at, "type"),
        )
    described = text(tool, "description", at) or ""
    return Tool(
        within(namespace, required_text(tool, "name", at)),
        at,
        "\n\n".join(one for one in (about, described) if one),
        mapping(tool, "parameters", at) if kind == "function" else None,
        flag(tool, "strict", at),
        kind == "custom",
        _grammar(tool, at) if kind == "custom" else None,
    )


def _grammar(tool: JsonObject, at: str) -> JsonObject | None:
    stated = mapping(tool, "format", at) or {}
    if stated.get("type") != "grammar":
        return None
    return {name: value for name, value in stated.items() if name != "type"}


def _choice(fields: JsonObject) -> ToolChoice | None:
    at = "tool_choice"
    value = fields.get(at)
    if value is None:
        return None
    if isinstance(value, str):
        mode = one_of(fields, at, ("auto", "none", "required"))
        return ToolChoice(mode)  # type: ignore[arg-type]
    if not isinstance(value, dict):
        raise wrong_type(at, "a string or an object")
    kind = text(value, "type", at)
    if kind in _CALLED:
        return ToolChoice("required", (_chosen(value, at),))
    if kind == "allowed_tools":
        names = tuple(_chosen(tool, where) for tool, where in objects(value, "tools", at))
        mode = one_of(value, "mode", ("auto", "required"), at) or "auto"
        return ToolChoice(mode, names)  # type: ignore[arg-type]
    raise wrong_value(path(at, "type"), "must be function, custom or allowed_tools")


def _chosen(tool: JsonObject, at: str) -> str:
    return within(text(tool, "namespace", at) or "", required_text(tool, "name", at))


def _format(stated: JsonObject) -> Format | None:
    wanted = mapping(stated, "format", "text")
    if wanted is None:
        return None
    at = "text.format"
    kind = one_of(wanted, "type", ("text", "json_object", "json_schema"), at)
    if kind == "json_schema":
        schema = mapping(wanted, "schema", at)
        if schema is None:
            raise missing(path(at, "schema"))
        name, description = text(wanted, "name", at) or "", text(wanted, "description", at) or ""
        return Format("schema", schema, name, description, flag(wanted, "strict", at))
    return Format("json") if kind == "json_object" else Format("text")


def _parameters(fields: JsonObject, losses: Losses) -> Parameters:
    reasoning = mapping(fields, "reasoning") or {}
    stated = mapping(fields, "text") or {}
    for name in ("context", "mode"):
        if reasoning.get(name) is not None:
            losses.dropped(f"reasoning.{name}")
    simple = {
        row.noun: row.read(fields, row.field)
        for row in _SIMPLE
        if row.read is not None and row.field in fields and row.behind not in fields
    }
    if simple.get("tier") == "ultrafast":
        losses.changed("service_tier")
        simple["tier"] = "fast"
    include = array(fields, "include") or []
    metadata = mapping(fields, "metadata") or {}
    return Parameters(
        **simple,  # type: ignore[arg-type]
        logprobs=bool(simple.get("top_logprobs")) or _LOGPROBS in include,
        effort=cast(Effort | None, one_of(reasoning, "effort", _EFFORTS, "reasoning")),
        shows_thinking=True if text(reasoning, "summary", "reasoning") else None,
        tool_choice=_choice(fields),
        format=_format(stated),
        metadata=tuple((name, value) for name, value in metadata.items() if isinstance(value, str)),
        verbosity=text(stated, "verbosity", "text"),
    )
