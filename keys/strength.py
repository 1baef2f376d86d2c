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
_SUBSTANCE_LETTERS_MIN = 8
#: Of letters and digits together: sixteen random bytes in hexadecimal, after a name, are 32.
_SUBSTANCE_CHARS_MIN = 20
_SIGNS = re.compile(r"[\W_]+")
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
    if found and not _has_substance(rest):
        return "is a well-known default"
    if len(value.encode("utf-8", "replace")) < least:
        return f"is shorter than {least} bytes"
    if _is_monotonous(lowered):
        return "repeats a few characters"
    return None


def _has_substance(rest: str) -> bool:
    """Whether what stands beside well-known words is enough by itself: some words, or a random value.

    Random hexadecimal digits have few letters now and then, so letters alone do not tell.
    """
    if len(_FILLING.sub("", rest)) >= _SUBSTANCE_LETTERS_MIN:
        return True
    value = _SIGNS.sub("", rest)
    return len(value) >= _SUBSTANCE_CHARS_MIN and not _is_monotonous(value)


def _is_monotonous(value: str) -> bool:
    return len(set(value)) < _DISTINCT_MIN or _is_repeated(value)


def _is_repeated(value: str) -> bool:
    """Whether a piece of at most ten characters, written again and again, gives `value`."""
    longest = min(_PIECE_CHARS_MAX, len(value) // 2)
    return any((value[:size] * len(value))[: len(value)] == value for size in range(1, longest + 1))
