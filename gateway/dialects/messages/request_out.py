"""A neutral request as one to Anthropic (wire reference §2.1)."""

import re
from collections.abc import Mapping
from hashlib import sha256
from types import MappingProxyType

from gateway.capabilities import Capabilities
from gateway.chat import NO_PARAMETERS, ChatRequest, Json, JsonObject, Parameters
from gateway.dialects.answer_tool import ANSWER_TOOL
from gateway.dialects.json_fields import wrong_value
from gateway.dialects.losses import Losses
from gateway.dialects.messages.betas import FAST_MODE, beta_line
from gateway.dialects.messages.cache_marks import FIELD, mark, settle_marks
from gateway.dialects.messages.format_out import AnswerForm, answer_form
from gateway.dialects.messages.table import REQUEST_OUT
from gateway.dialects.messages.thinking_out import reasoning
from gateway.dialects.messages.thoughts import PROVIDER
from gateway.dialects.messages.tools_out import Offered, offered_tools
from gateway.dialects.messages.turns_out import Messages
from gateway.dialects.messages.versions import version_line
from gateway.dialects.tool_names import ANTHROPIC_NAMES, ToolNames, check_names
from gateway.dialects.translation import Sent
from gateway.errors import UNSUPPORTED_PARAMETER, UNSUPPORTED_VALUE, GatewayError

_PATH, _API = "/messages", "messages"
#: Of an answer whose length the caller leaves open: the field is required there.
_OUTPUT_USUAL = 32_000
_OUTPUT_UNKNOWN = 8192
#: Nouns that have no field there, with what they are when nothing was said.
_DROPPED: Mapping[str, object] = MappingProxyType(
    {
        row.noun: getattr(NO_PARAMETERS, row.noun)
        for row in REQUEST_OUT
        if row.verdict == "D" and row.noun in Parameters.__struct_fields__
    }
)
_WITHOUT_EFFECT: Mapping[str, object] = MappingProxyType({"presence_penalty": 0, "frequency_penalty": 0})
_PASSED = frozenset(row.field for row in REQUEST_OUT if row.verdict == "P")
_PERSONAL = re.compile(r"@|^\+?[\d\s().-]{7,}$")
_USER_MAX = 256
#: Thoughts go together with these alone: Anthropic refuses others beside them.
_TOP_P_BESIDE_THOUGHTS = 0.95


def write_request(request: ChatRequest, model: str, can: Capabilities, losses: Losses) -> Sent:
    """Raises GatewayError for what the model cannot be asked, with the caller's own path."""
    said = request.parameters
    _refuse(request)
    check_names(request.tools)
    names = ToolNames(ANTHROPIC_NAMES, (tool.name for tool in request.tools))
    messages = Messages(request.turns, can, names, losses)
    form = answer_form(request, can, losses)
    offered = offered_tools(request, can, names, form.tool, losses)
    max_tokens = _max_tokens(request, can, losses)
    body: JsonObject = {"model": model, "max_tokens": max_tokens}
    system = _system(request, form)
    if system:
        body["system"] = system
    body["messages"] = messages.json()
    _write_tools(body, offered)
    barred = offered.forces or messages.prefilled or (messages.calls_without and not messages.thinks)
    thought = reasoning(request, can, max_tokens, barred, losses)
    if thought.thinking is not None:
        body["thinking"] = thought.thinking
    config: JsonObject = {}
    if thought.effort is not None:
        config["effort"] = thought.effort
    if form.native is not None:
        config["format"] = form.native
    if config:
        body["output_config"] = config
    samples = _sample(body, request, can, thought.on, losses)
    _write_rest(body, request, losses)
    headers = version_line(samples) + _tier(body, request, can, losses)
    if messages.marked or said.auto_cache is not None or _is_marked(request):
        settle_marks(body, losses, request.named("cache"))
    return Sent(
        _PATH,
        body,
        headers=headers,
        names=names.restored,
        api=_API,
        streams=request.stream,
        answer_tool=ANSWER_TOOL if offered.answers else "",
        unenforced=form.unenforced,
        request=request if any(tool.custom for tool in request.tools) else None,
    )


def _is_marked(request: ChatRequest) -> bool:
    """Whether something is to be cached before the messages."""
    return any(one.cache is not None for one in request.system) or any(
        one.cache is not None for one in request.tools
    )


def _refuse(request: ChatRequest) -> None:
    said = request.parameters
    if said.choices > 1:
        name = request.named("choices")
        raise GatewayError(
            UNSUPPORTED_VALUE, f"`{name}`: the model that serves this gives one answer at a time.", param=name
        )
    if said.audio_out is not None:
        name = request.named("audio_out")
        raise GatewayError(
            UNSUPPORTED_VALUE, f"`{name}`: the model that serves this does not speak.", param=name
        )
    if request.others.get("web_search_options") is not None:
        name = "web_search_options"
        raise GatewayError(
            UNSUPPORTED_PARAMETER, f"`{name}`: the model that serves this does not search.", param=name
        )


def _max_tokens(request: ChatRequest, can: Capabilities, losses: Losses) -> int:
    wanted = request.parameters.max_output
    if wanted is None:
        return min(can.max_out or _OUTPUT_UNKNOWN, _OUTPUT_USUAL)
    if wanted < 1:
        raise wrong_value(request.named("max_output"), "must be 1 or more")
    if can.max_out and wanted > can.max_out:
        losses.clamped(request.named("max_output"))
        return can.max_out
    return wanted


def _system(request: ChatRequest, form: AnswerForm) -> list[Json]:
    found: list[Json] = []
    for one in request.system:
        if one.text and not one.text.isspace():
            block: JsonObject = {"type": "text", "text": one.text}
            if one.cache is not None:
                block[FIELD] = mark(one.cache)
            found.append(block)
    if form.line:
        found.append({"type": "text", "text": form.line})
    return found


def _write_tools(body: JsonObject, offered: Offered) -> None:
    if offered.tools:
        body["tools"] = list(offered.tools)
    if offered.choice is not None:
        body["tool_choice"] = offered.choice


def _sample(body: JsonObject, request: ChatRequest, can: Capabilities, thinks: bool, losses: Losses) -> bool:
    """Writes the sampling parameters that the model takes; whether there are any."""
    said = request.parameters
    temperature, top_p, top_k = said.temperature, said.top_p, said.top_k
    if temperature is not None and (thinks or not can.sampling):
        if temperature != 1:
            losses.dropped(request.named("temperature"))
        temperature = None
    if temperature is not None and temperature > 1:
        losses.clamped(request.named("temperature"))
        temperature = 1.0
    if top_p is not None:
        bound = _TOP_P_BESIDE_THOUGHTS if thinks else 0
        if not can.sampling or temperature is not None or top_p < bound:
            if top_p != 1:
                losses.dropped(request.named("top_p"))
            top_p = None
    if top_k is not None and (thinks or not can.sampling):
        losses.dropped(request.named("top_k"))
        top_k = None
    chosen: JsonObject = {"temperature": temperature, "top_p": top_p, "top_k": top_k}
    written = {name: value for name, value in chosen.items() if value is not None}
    body.update(written)
    return bool(written)


def _write_rest(body: JsonObject, request: ChatRequest, losses: Losses) -> None:
    said = request.parameters
    stops: list[Json] = [one for one in said.stop if one and not one.isspace()]
    if len(stops) < len(said.stop):
        losses.dropped(request.named("stop"))
    if stops:
        body["stop_sequences"] = stops
    if request.stream:
        body["stream"] = True
    if said.end_user:
        body["metadata"] = {"user_id": _user_id(said.end_user)}
    if said.auto_cache is not None:
        body[FIELD] = mark(said.auto_cache)
    if said is not NO_PARAMETERS:
        for noun, unsaid in _DROPPED.items():
            if getattr(said, noun) not in (unsaid, _WITHOUT_EFFECT.get(noun, unsaid)):
                losses.dropped(request.named(noun))
    for name, value in request.others.items():
        if name in _PASSED:
            body[name] = value
        elif name == "prompt_cache_options" and isinstance(value, dict) and value.get("mode") == "implicit":
            body.setdefault(FIELD, mark("short"))
        elif value is not None:
            losses.dropped(name)


def _user_id(user: str) -> str:
    """Anthropic refuses addresses and telephone numbers of people."""
    if len(user) <= _USER_MAX and _PERSONAL.search(user) is None:
        return user
    return sha256(user.encode()).hexdigest()


def _tier(body: JsonObject, request: ChatRequest, can: Capabilities, losses: Losses) -> bytes:
    """Writes the tier; the header that it needs."""
    tier = request.parameters.tier
    if tier is None:
        return b""
    if tier == "auto":
        body["service_tier"] = "auto"
    elif tier == "default":
        body["service_tier"] = "standard_only"
    elif tier in ("fast", "priority") and can.fast:
        body["speed"] = "fast"
        return beta_line((FAST_MODE,), PROVIDER)
    else:
        losses.dropped(request.named("tier"))
        if tier in ("fast", "priority"):
            body["service_tier"] = "auto"
    return b""
