"""Fields inside a caller's messages, parts and tools that nobody here knows: each is named, none vanishes.

Readers take what they know; what else stands beside it would be lost without a word. So a request that was read is
held against the paths of its dialect's table, in one pass. Fields at the top are `ChatRequest.others` and not meant
here; nor is what stands in a field that is taken as it is (schemas, arguments), which has no rows inside.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from gateway.chat import Json, JsonObject
from gateway.dialects.json_fields import path
from gateway.dialects.losses import Losses

#: Of each field what may be in it; nothing said: anything.
KnownFields: TypeAlias = "dict[str, KnownFields | None]"
#: Other fields are seen to by code.
_ANY_OTHER = "(any other)"


def known_fields(paths: Iterable[str], same: Mapping[str, str] | None = None) -> KnownFields:
    """Of paths such as `tools[].function|custom.name`; `type=…` is a field that says a kind. What is in the
    first path of `same` is what is in its second one.
    """
    whole: KnownFields = {}
    for written in paths:
        _add(whole, _steps(written))
    for repeated, first in (same or {}).items():
        *above, last = _steps(repeated)
        _inside(whole, above)[last] = _inside(whole, _steps(first))
    return whole


def without_unknown(value: Json, known: KnownFields, at: str, losses: Losses) -> Json:
    """What is at `at` for who refuses other fields; those are told, but for nulls.

    Raises GatewayError where nothing may be lost.
    """
    if isinstance(value, list):
        return [
            without_unknown(one, known, path(at, place), losses) if isinstance(one, dict) else one
            for place, one in enumerate(value)
        ]
    if not isinstance(value, dict):
        return value
    made: JsonObject = {}
    for name, one in value.items():
        if name in known:
            inner = known[name]
            made[name] = one if inner is None else without_unknown(one, inner, path(at, name), losses)
        elif one is not None:
            losses.dropped(path(at, name))
    return made


def tell_unknown(fields: JsonObject, known: KnownFields, losses: Losses) -> None:
    """Raises GatewayError when nothing may be lost."""
    if not _knows(fields, known):
        losses.dropped_several(_unknown(fields, known, "", losses))


def _steps(written: str) -> list[str]:
    return [step.partition("=")[0].removesuffix("[]") for step in written.split(".")]


def _add(known: KnownFields, steps: list[str]) -> None:
    first, *rest = steps
    for name in first.split("|"):
        if rest:
            _add(_inside(known, [name]), rest)
        else:
            known.setdefault(name, None)


def _inside(known: KnownFields, steps: Iterable[str]) -> KnownFields:
    for step in steps:
        inner = known.get(step)
        if inner is None:
            inner = known[step] = {}
        known = inner
    return known


def _knows(fields: JsonObject, known: KnownFields) -> bool:
    """Whether all is known: every request is asked this, so most of what it sees costs one look-up."""
    for name, value in fields.items():
        if name not in known:
            if value is not None and _ANY_OTHER not in known:
                return False
        elif type(value) is list:
            inner = known[name]
            if inner is not None:
                for one in value:
                    if type(one) is dict and not _knows(one, inner):
                        return False
        elif type(value) is dict:
            inner = known[name]
            if inner is not None and not _knows(value, inner):
                return False
    return True


def _unknown(fields: JsonObject, known: KnownFields, at: str, losses: Losses) -> Iterator[str]:
    """Their paths, but for what is in things that are named as lost themselves."""
    for name, value in fields.items():
        where = path(at, name)
        if name not in known:
            if value is not None and _ANY_OTHER not in known:
                yield where
            continue
        inner = known[name]
        if inner is None or losses.has_dropped(where):
            continue
        if isinstance(value, dict):
            yield from _unknown(value, inner, where, losses)
        for place, one in enumerate(value if isinstance(value, list) else ()):
            if isinstance(one, dict) and not losses.has_dropped(path(where, place)):
                yield from _unknown(one, inner, path(where, place), losses)
