"""Bounds on what a large JSON text consists of, checked before anything that would build or recurse over it.

Ten megabytes can be one string, or four million lists: the one is read in three milliseconds, the other stops
everybody for seconds. So texts that may be the latter are walked token by token, with pauses for others. Syntax is
not checked here; whatever this takes a broken text for, its decoder refuses it afterwards.
"""

import re
from collections.abc import Generator, Iterator

from gateway.errors import INVALID_JSON, GatewayError

#: Read at once, whatever it is: lists in lists, the worst there is, take some 20 ms, and counting has a price too.
SMALL = 128 * 1024
#: Read at once if it has few brackets and commas.
_MEDIUM = 1024 * 1024
_PARTS = 20_000
#: What a body may consist of, outside its strings.
CONTAINERS_MAX = 200_000
MEMBERS_MAX = 200_000
STRINGS_MAX = 400_000
TOP_MEMBERS_MAX = 10_000
_TOKEN = re.compile(rb'["\[\]{}:]')
#: A stretch of a string's inside: bounded, so that half a million escapes are no single step.
_TEXT = re.compile(rb'(?:[^"\\]++|\\.){0,20000}+', re.DOTALL)
_STEP = 4096  # tokens between pauses: about two milliseconds
_COUNTED = 1024 * 1024
_SPARSE_QUOTES = 2 * TOP_MEMBERS_MAX
_QUOTE, _COLON = b'":'
_OPENING = b"[{"


def is_light(raw: bytes) -> bool:
    """Whether all of `raw` may be made into objects at once: that takes a few milliseconds at most."""
    size = len(raw)
    if size <= SMALL:
        return True
    return size <= _MEDIUM and raw.count(b"[") + raw.count(b"{") <= _PARTS and raw.count(b",") <= _PARTS


def check_structure(raw: bytes, depth_max: int) -> Iterator[None]:
    """Refuse what nests too deep or has too many parts, pausing (by a yield) every few milliseconds.

    Raises GatewayError (`invalid_json`).
    """
    if (yield from _is_sparse(raw, depth_max)):
        return  # too few brackets and quotes to break a bound
    depth = containers = members = top_members = strings = count = 0
    found = _TOKEN.search(raw)
    while found is not None:
        end = found.end()
        token = raw[end - 1]
        if token == _QUOTE:
            strings += 1
            end = yield from _string_end(raw, end)
        elif token == _COLON:
            members += 1
            top_members += depth == 1
        elif token in _OPENING:
            depth += 1
            containers += 1
            if depth > depth_max:
                raise GatewayError(
                    INVALID_JSON, f"The request body is nested deeper than {depth_max} levels."
                )
        else:
            depth -= 1
        count += 1
        if count % _STEP == 0:
            _check_counts(containers, members, top_members, strings)
            yield
        found = _TOKEN.search(raw, end)
    _check_counts(containers, members, top_members, strings)


def _check_counts(containers: int, members: int, top_members: int, strings: int) -> None:
    for count, limit, what in (
        (containers, CONTAINERS_MAX, "lists and objects"),
        (members, MEMBERS_MAX, "members of objects"),
        (top_members, TOP_MEMBERS_MAX, "fields"),
        (strings, STRINGS_MAX, "strings"),
    ):
        if count > limit:
            raise GatewayError(INVALID_JSON, f"The request body has more than {limit:,} {what}.")


def _string_end(raw: bytes, start: int) -> Generator[None, None, int]:
    """Where the string that begins at `start` has ended; the end of `raw` if it never does."""
    while True:
        text = _TEXT.match(raw, start)
        assert text is not None, "it matches nothing at least"
        end = text.end()
        if end >= len(raw) or raw[end] == _QUOTE:
            return end + 1
        if end == start:
            return len(raw)  # a lone backslash at the very end
        start = end
        yield


def _is_sparse(raw: bytes, depth_max: int) -> Generator[None, None, bool]:
    brackets = quotes = 0
    for start in range(0, len(raw), _COUNTED):
        end = start + _COUNTED
        brackets += raw.count(b"[", start, end) + raw.count(b"{", start, end)
        quotes += raw.count(b'"', start, end)
        if brackets > depth_max or quotes > _SPARSE_QUOTES:
            return False
        yield
    return True
