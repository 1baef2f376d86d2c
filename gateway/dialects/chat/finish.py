"""Why an answer ended: chat completions' words for it, and those that compatible servers made up."""

from gateway.chat import Json, Stop

_MEANT: dict[str, Stop] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "error": "error",
    "insufficient_system_resource": "error",
}
#: `error` has no word: it is told as one.
FINISH: dict[Stop, str] = {
    "stop": "stop",
    "length": "length",
    "context_window": "length",
    "pause": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "content_filter",
}


def stop_of(finish: Json, calls: bool) -> Stop:
    """`calls`: the answer has some. Several servers then say `stop` all the same."""
    meant = _MEANT.get(finish.lower(), "stop") if isinstance(finish, str) else "stop"
    if meant in ("stop", "tool_calls"):
        return "tool_calls" if calls else "stop"
    return meant


def is_known(finish: Json) -> bool:
    """None is not: whole answers have one."""
    return isinstance(finish, str) and finish.lower() in _MEANT
