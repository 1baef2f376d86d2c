"""JSON in one way only, so that equal values have equal bytes and so equal hashes: RFC 8785 without fractions.

Objects' keys are sorted as RFC 8785 does (by UTF-16), nothing is escaped that need not be. Fractions become text,
as implementations differ in how they write them. What PostgreSQL cannot hold (NUL, lone surrogates) is replaced.
"""

import json
from typing import Any

_REPLACEMENT = "\ufffd"


def canonical_json(value: object) -> str:
    """Raises TypeError for what is neither null, truth value, number, text, list nor object with text keys."""
    return json.dumps(_ordered(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _ordered(value: object) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return [_ordered(one) for one in value]
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("keys must be text")
        pairs = [(_text(key), _ordered(one)) for key, one in value.items()]
        return dict(sorted(pairs, key=lambda pair: pair[0].encode("utf-16-be")))
    raise TypeError(f"{type(value).__name__} has no canonical JSON here")


def _text(value: str) -> str:
    plain = value.replace("\0", _REPLACEMENT)
    return plain.encode("utf-8", "replace").decode() if not _is_sound(plain) else plain


def _is_sound(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)
