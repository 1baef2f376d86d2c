"""Why a candidate ended, in Google's words and in ours."""

from gateway.chat import Stop

#: What a model's answer was cut short, or held back, for.
_FILTERED = frozenset(
    {
        "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "ESCALATION", "MODEL_ARMOR",
        "NO_IMAGE",
    }
)  # fmt: skip
#: It went wrong: with nothing said that is no answer.
_FAILED = frozenset(
    {
        "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE", "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE", "OTHER",
    }
)  # fmt: skip
#: It was all said, or so it is told.
_ENDED = frozenset({"STOP", "FINISH_REASON_UNSPECIFIED"})
_SAID: dict[Stop, str] = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "context_window": "MAX_TOKENS",
    "pause": "MAX_TOKENS",  # there is more to come, if it is asked for
    "content_filter": "SAFETY",
    "refusal": "SAFETY",
    "error": "OTHER",
}


def stop_of(reason: str, has_calls: bool) -> Stop:
    """`error` for one that says that it failed."""
    if reason in ("MAX_TOKENS", "CONTINUATION"):
        return "length"
    if reason in _FILTERED or reason.startswith("IMAGE_"):
        return "content_filter"
    if reason in _FAILED:
        return "error"
    return "tool_calls" if has_calls else "stop"


def is_known(reason: str) -> bool:
    """Whether it says how the answer is to be taken; a failure does not, where something was said before it."""
    return reason in _ENDED or stop_of(reason, False) not in ("stop", "error")


def reason_of(stop: Stop) -> str:
    return _SAID[stop]
