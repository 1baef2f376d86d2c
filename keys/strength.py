"""Whether a value that somebody chose can serve as a secret. Pure; says what is wrong and never the value."""

import re

#: The shortest value accepted of a key that callers present, in characters.
KEY_CHARS_MIN = 20
#: HMAC-SHA256 gains nothing from more, and loses with less.
PEPPER_BYTES_MIN = 32

#: What stands in examples, templates and other products' first-run settings.
_WELL_KNOWN = re.compile(
    "change[-_ ]?(?:me|it|this)|replace[-_ ]?(?:me|this)|sk[-_]?1234|pass(?:word|wd)?|secret|default|example"
    "|admin|test(?:ing)?|demo|dummy|placeholder|insert[-_ ]?here|your|pepper|kaze|here"
)
_FILLING = re.compile(r"[\W_\d]+")
_SUBSTANCE_CHARS_MIN = 8
_PIECE_CHARS_MAX = 10
_DISTINCT_MIN = 6


def weakness(value: str, least: int) -> str | None:
    """Why `value` is no secret of at least `least` bytes, or None.

    Empty, a well-known default (also with digits and signs around it, or several in a row), short, or made
    long by writing the same thing again and again.
    """
    if not value.strip():
        return "is empty"
    lowered = value.strip().lower()
    rest, found = _WELL_KNOWN.subn("", lowered)
    if found and len(_FILLING.sub("", rest)) < _SUBSTANCE_CHARS_MIN:
        return "is a well-known default"
    if len(value.encode("utf-8", "replace")) < least:
        return f"is shorter than {least} bytes"
    if len(set(lowered)) < _DISTINCT_MIN or _is_repeated(lowered):
        return "repeats a few characters"
    return None


def _is_repeated(value: str) -> bool:
    """Whether a piece of at most ten characters, written again and again, gives `value`."""
    longest = min(_PIECE_CHARS_MAX, len(value) // 2)
    return any((value[:size] * len(value))[: len(value)] == value for size in range(1, longest + 1))
