"""What a sensible model answers: a short text quoting the last user message, a valid tool call, a valid instance.

The rules, in order: a script's words; a tool call when tools are offered, allowed and not yet answered; an
instance of the schema asked for; text. `max_tokens` cuts the answer and the finish says so.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from provider_sim.ask import Ask, Tool
from provider_sim.determinism import Draw
from provider_sim.fault import Fault
from provider_sim.schema_instance import instance
from provider_sim.script import Script
from provider_sim.tokens import count, pieces

Finish = Literal["stop", "length", "tool_calls", "content_filter", "stop_sequence"]

QUOTE_MAX = 240
OPENINGS = ["You said", "I read", "I understand", "As you put it"]
CLOSINGS = ["That is clear.", "Noted.", "Understood.", "That makes sense.", "I agree with that."]
FILLER = ["and", "so", "it", "goes", "on", "with", "one", "more", "word"]
THOUGHTS = "The user wants a short answer. I will quote what was said and stop there."
REFUSAL = "I can't help with that."


@dataclass(slots=True)
class ToolCall:
    """A call with its arguments as JSON text, or as free text for a custom tool."""

    name: str
    arguments: str
    id: str | None = None
    custom: bool = False

    def object(self) -> Any:
        """The arguments for dialects that want a value; broken JSON (only scripts make it) stays text."""
        try:
            return orjson.loads(self.arguments or "{}")
        except orjson.JSONDecodeError:
            return {"_raw": self.arguments}


@dataclass(slots=True)
class Usage:
    """Token counts in OpenAI's sense: input includes cached and cache writes, output includes reasoning."""

    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0


@dataclass(slots=True)
class Answer:
    """What is said. `pieces` joined are the text; None for text means there is none."""

    pieces: list[str] | None = None
    thinking: list[str] = field(default_factory=list)
    refusal: str | None = None
    tool_calls: list[ToolCall] = field(default_factory=list)
    finish: Finish = "stop"
    stop_sequence: str | None = None
    usage: Usage = field(default_factory=Usage)
    model: str = ""

    @property
    def text(self) -> str | None:
        return None if self.pieces is None else "".join(self.pieces)


def compose(ask: Ask, draw: Draw, fault: Fault, script: Script | None) -> Answer:
    """The answer to `ask`, with `script`'s words and `fault`'s shape laid over it."""
    answer = Answer(model=ask.model)
    if script is not None and not script.verbatim:
        _recite(answer, script)
    else:
        _speak(answer, ask, draw, fault)
    if fault.thinking is not None:
        answer.thinking = _filled([], fault.thinking)
    if fault.refusal:
        answer.pieces, answer.tool_calls, answer.refusal = None, [], REFUSAL
    if fault.filtered and answer.pieces:
        answer.pieces = answer.pieces[: max(1, len(answer.pieces) // 2)]
        answer.finish = "content_filter"
    _count(answer, ask, fault, script)
    return answer


def _speak(answer: Answer, ask: Ask, draw: Draw, fault: Fault) -> None:
    if ask.thinking:
        answer.thinking = pieces(THOUGHTS)
    wants_calls = bool(ask.tools) and ask.choice != "none" and not ask.answered
    if (wants_calls or (fault.calls and ask.tools)) and fault.calls != 0:
        answer.tool_calls = _calls(ask, draw, fault.calls or 1)
        answer.finish = "tool_calls"
        return
    quoted = ask.last_user
    if ask.schema is not None:
        text = orjson.dumps(instance(ask.schema, draw, quoted[:QUOTE_MAX])).decode()
    elif ask.json_object:
        text = orjson.dumps({"answer": quoted[:QUOTE_MAX]}).decode()
    else:
        text = f'{draw.pick("opening", OPENINGS)}: "{quoted[:QUOTE_MAX]}". {draw.pick("closing", CLOSINGS)}'
    said = pieces(text)
    if fault.frames is not None:
        said = _filled(said, fault.frames)
    _bound(answer, said, ask)


def _bound(answer: Answer, said: list[str], ask: Ask) -> None:
    """Apply stop sequences and max_tokens, as a model's sampler does."""
    if ask.stop:
        text = "".join(said)
        found = sorted((text.index(stop), stop) for stop in ask.stop if stop and stop in text)
        if found:
            said = pieces(text[: found[0][0]])
            answer.finish, answer.stop_sequence = "stop_sequence", found[0][1]
    if ask.max_tokens is not None and len(answer.thinking) + len(said) > ask.max_tokens:
        answer.thinking = answer.thinking[: ask.max_tokens]
        said = said[: ask.max_tokens - len(answer.thinking)]
        answer.finish, answer.stop_sequence = "length", None
    answer.pieces = said


def _filled(said: list[str], wanted: int) -> list[str]:
    """`said` cut or lengthened to exactly `wanted` tokens."""
    return [*said[:wanted], *(" " + FILLER[i % len(FILLER)] for i in range(wanted - len(said)))]


def _calls(ask: Ask, draw: Draw, wanted: int) -> list[ToolCall]:
    """`wanted` calls: of the tool named by the choice, else by the user, else of the first; then the next ones."""
    allowed = [
        tool for tool in ask.tools if not ask.choice_names or tool.name in ask.choice_names
    ] or ask.tools
    first = next((i for i, tool in enumerate(allowed) if tool.name in ask.last_user), 0)
    return [_call(allowed[(first + i) % len(allowed)], draw, ask, i) for i in range(wanted)]


def _call(tool: Tool, draw: Draw, ask: Ask, number: int) -> ToolCall:
    quoted = ask.last_user[:QUOTE_MAX]
    if tool.custom:
        return ToolCall(tool.name, quoted, custom=True)
    arguments = instance(
        tool.schema or {"type": "object"}, draw, quoted if number == 0 else f"{quoted} {number}"
    )
    return ToolCall(tool.name, orjson.dumps(arguments).decode())


def _recite(answer: Answer, script: Script) -> None:
    answer.pieces = script.pieces if script.pieces is not None else None
    if answer.pieces is None and script.text is not None:
        answer.pieces = pieces(script.text)
    answer.thinking = pieces(script.thinking or "")
    answer.refusal = script.refusal
    for call in script.tool_calls or []:
        arguments = call.get("arguments", {})
        text = arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
        answer.tool_calls.append(ToolCall(call["name"], text, call.get("id"), bool(call.get("custom"))))
    if answer.pieces is None and not answer.tool_calls and answer.refusal is None:
        answer.pieces = []
    finish: Any = script.finish or ("tool_calls" if answer.tool_calls else "stop")
    answer.finish = finish
    answer.model = script.model or answer.model


def _count(answer: Answer, ask: Ask, fault: Fault, script: Script | None) -> None:
    usage = answer.usage
    told = script.usage if script is not None else {}
    reasoning = len(answer.thinking)
    spoken = len(answer.pieces or []) + sum(count(c.arguments) + 8 for c in answer.tool_calls)
    spoken += count(answer.refusal or "")
    if answer.tool_calls and ask.max_tokens is not None:
        # Calls are never cut in half here, so that they stay valid; the bill still keeps to the bound.
        spoken = min(spoken, max(1, ask.max_tokens - reasoning))
    usage.input = _first(fault.input, told.get("input"), ask.input_tokens)
    usage.reasoning = _first(fault.reasoning, told.get("reasoning"), reasoning)
    usage.output = _first(fault.output, told.get("output"), reasoning + spoken)
    usage.cached = _first(fault.cached, told.get("cached"), 0)
    usage.cache_write = _first(fault.cache_write, told.get("cache_write"), 0)


def _first(*values: int | None) -> int:
    return next(value for value in values if value is not None)
