"""Bounds on what a large JSON text consists of, checked before anything that would build or recurse over it.

Ten megabytes can be one string, or four million lists: the one is read in three milliseconds, the other stops
everybody for seconds. So texts that may be the latter are walked token by token, with pauses for others. Syntax is
not checked here; whatever this takes a broken text for, its decoder refuses it afterwards.
"""

import re
from collections.abc import Generator, Iterator

from gateway.errors import INVALID_JSON, GatewayError

#: Read at once, whatever it is.
_SMALL = 16 * 1024
#: Read at once if it has few brackets.
_MEDIUM = 1024 * 1024
_BRACKETS = 20_000
#: What a body may consist of, outside its strings.
CONTAINERS_MAX = 200_000
MEMBERS_MAX = 200_000
STRINGS_MAX = 1_000_000
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}:]', re.DOTALL)
_PAUSE = 0x1FFF  # tokens between pauses, less one: a few milliseconds
_COUNTED = 1024 * 1024
_QUOTE, _COLON = b'":'
_OPENING = b"[{"


def is_light(raw: bytes) -> bool:
    """Whether all of `raw` may be made into objects at once: that takes a few milliseconds at most."""
    size = len(raw)
    return size <= _SMALL or (size <= _MEDIUM and raw.count(b"[") + raw.count(b"{") <= _BRACKETS)


def check_structure(raw: bytes, depth_max: int) -> Iterator[None]:
    """Refuse what nests too deep or has too many parts, pausing (by a yield) every few milliseconds.

    Raises GatewayError (`invalid_json`).
    """
    if (yield from _is_sparse(raw, depth_max)):
        return  # too few brackets and quotes to break a bound
    depth = containers = members = strings = 0
    for count, token in enumerate(_TOKEN.finditer(raw)):
        first = raw[token.start()]
        if first == _QUOTE:
            strings += 1
        elif first == _COLON:
            members += 1
        elif first in _OPENING:
            depth += 1
            containers += 1
            if depth > depth_max:
                raise GatewayError(
                    INVALID_JSON, f"The request body is nested deeper than {depth_max} levels."
                )
        else:
            depth -= 1
        if count & _PAUSE == _PAUSE:
            if containers > CONTAINERS_MAX or members > MEMBERS_MAX or strings > STRINGS_MAX:
                break
            yield
    if containers > CONTAINERS_MAX or members > MEMBERS_MAX or strings > STRINGS_MAX:
        raise GatewayError(
            INVALID_JSON,
            f"The request body has more parts than can be read: at most {CONTAINERS_MAX:,} lists and objects, "
            f"{MEMBERS_MAX:,} members and {STRINGS_MAX:,} strings.",
        )


def _is_sparse(raw: bytes, depth_max: int) -> Generator[None, None, bool]:
    brackets = quotes = 0
    for start in range(0, len(raw), _COUNTED):
        end = start + _COUNTED
        brackets += raw.count(b"[", start, end) + raw.count(b"{", start, end)
        quotes += raw.count(b'"', start, end)
        if brackets > depth_max or quotes > MEMBERS_MAX:
            return False
        yield
    return True
