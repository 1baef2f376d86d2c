"""JSON as the admin API reads and writes it: strict, and quick enough for a page of two hundred rows."""

import json
from collections.abc import Iterable
from typing import Any

import orjson

from gateway.settings.problem import Path, show

JSONDecodeError = orjson.JSONDecodeError


def loads(content: bytes | bytearray | str) -> Any:
    """Raises JSONDecodeError: NaN, Infinity and text that is no UTF-8 are none."""
    return orjson.loads(content)


def dumps(value: object) -> bytes:
    return orjson.dumps(value)


def canonical(value: object) -> bytes:
    """The same for the same content, whatever the order it was said in."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def twice(content: bytes | bytearray) -> str | None:
    """The place of a key that its object has twice (of such JSON readers keep one, and not all the same one).

    `content` is JSON; slower than reading it, so for what is small. Raises RecursionError where it is deep.
    """
    found = json.loads(content.decode(), object_pairs_hook=_of_object, parse_int=str, parse_float=str)
    path = _within(found)
    return None if path is None else show(path)


class _Twice(tuple[str | int, ...]):
    """Stands for an object in which there is such a key: the way to it."""


def _of_object(pairs: Iterable[tuple[str, Any]]) -> _Twice | None:
    seen: set[str] = set()
    for name, value in pairs:
        below = _within(value)
        if below is not None:
            return _Twice((name, *below))
        if name in seen:
            return _Twice((name,))
        seen.add(name)
    return None


def _within(value: Any) -> Path | None:
    if type(value) is _Twice:
        return value
    if type(value) is list:
        for index, one in enumerate(value):
            below = _within(one)
            if below is not None:
                return (index, *below)
    return None
