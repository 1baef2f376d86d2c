"""JSON as the dialects write it and as providers send it: compact, in the order of the keys as they came.

A model's text that was cut in the middle of a character has half of a surrogate pair, which JSON's escapes can say
and UTF-8 cannot: it is read as U+FFFD. What passes unchanged keeps it. Callers who send one are refused
(`gateway.dialects.document`).

Integers are of any size, and stay what they are: in arguments, schemas and replies they may well be ids. The usual
writer takes those of 64 bits, and as a reader would make floats of longer ones; the one used is as fast.
"""

import re
from collections.abc import Iterable
from typing import Any

import orjson

from gateway.chat import Json, JsonObject
from gateway.errors import UPSTREAM_INVALID, GatewayError
from gateway.record import from_json, to_json

#: Levels of what is read to be written anew, within more of the other dialect: writing ends at 254.
DEPTH_MAX = 200
_MAYBE = re.compile(rb"\\u[dD][89a-fA-F]")
#: Any of a string; the group is of half a pair.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def json_bytes(value: Any) -> bytes:
    """Any JSON value. Raises TypeError for what JSON cannot hold."""
    try:
        return orjson.dumps(value)
    except TypeError:  # an integer of more than 64 bits; and what is no JSON is none for this either
        return to_json(value)


def read_json(text: str | bytes) -> Json:
    """Any JSON value of its text. Raises ValueError for what is none, or is nested a thousand levels deep."""
    try:
        return from_json(text)  # type: ignore[no-any-return]
    except RecursionError:
        raise ValueError("nested too deep") from None
    except ValueError:
        sound = without_halves(text.encode() if isinstance(text, str) else text)
        if sound is None:
            raise
    return from_json(sound)  # type: ignore[no-any-return]


def without_halves(data: bytes) -> bytes | None:
    """The text of JSON without halves of surrogate pairs; None where it has none."""
    if _MAYBE.search(data) is None:
        return None
    sound = _ESCAPE.sub(_whole, data)
    return None if sound == data else sound


def json_text(value: Json) -> str:
    return json_bytes(value).decode()


def read_object(text: str | bytes) -> JsonObject | None:
    """None for what is no JSON object, or one that is nested deeper than it could be written."""
    try:
        value = read_json(text)
    except ValueError:
        return None
    return value if type(value) is dict and not _is_too_deep(text, value) else None


def event_object(data: bytes) -> JsonObject:
    """The object that an event of a provider's stream is. Raises GatewayError when it is none."""
    try:
        value = read_json(data)
    except ValueError:
        raise GatewayError(UPSTREAM_INVALID, "The provider sent an event that is not JSON.") from None
    if type(value) is not dict:
        raise GatewayError(UPSTREAM_INVALID, "The provider sent an event that is not an object.")
    if _is_too_deep(data, value):
        raise GatewayError(UPSTREAM_INVALID, "The provider sent an event that is nested too deep.")
    return value


def _is_too_deep(text: str | bytes, value: Json) -> bool:
    """Most texts do not even open so many."""
    opened = (
        text.count("[") + text.count("{") if isinstance(text, str) else text.count(b"[") + text.count(b"{")
    )
    if opened <= DEPTH_MAX:
        return False
    level: list[Json] = [value]
    for _ in range(DEPTH_MAX):
        level = [inner for one in level for inner in _inside(one)]
    return bool(level)


def _inside(value: Json) -> Iterable[Json]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _whole(escape: "re.Match[bytes]") -> bytes:
    return escape[0] if escape[1] is None else b"\\ufffd"
