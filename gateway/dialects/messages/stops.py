"""Why an answer ended: Anthropic's words and the neutral ones."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.chat import Json, Stop

_NEUTRAL: Mapping[str, Stop] = MappingProxyType({
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "compaction": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "model_context_window_exceeded": "context_window",
    "pause_turn": "pause",
})  # fmt: skip
_ANTHROPIC: Mapping[Stop, str] = MappingProxyType({
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
    "context_window": "model_context_window_exceeded",
    "pause": "pause_turn",
})  # fmt: skip
#: Why an answer ends that was not cut off.
WHOLE = frozenset[Stop]({"stop", "tool_calls"})
#: What a caller is told of a refusal that its provider did not explain.
DECLINED = "The model declined to respond."


def neutral_stop(reason: Json) -> Stop:
    """A word that is not known ends an answer like any other."""
    return _NEUTRAL.get(reason, "stop") if isinstance(reason, str) else "stop"


def is_known(reason: Json) -> bool:
    """None is not: whole answers have one."""
    return isinstance(reason, str) and reason in _NEUTRAL


def anthropic_stop(stop: Stop, matched: str, refused: bool) -> str:
    """`matched` is the stop sequence that ended it, `refused` whether the model said that it would not."""
    if refused:
        return "refusal"
    if stop == "stop" and matched:
        return "stop_sequence"
    return _ANTHROPIC[stop]
