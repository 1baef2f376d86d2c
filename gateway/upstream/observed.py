"""What a reply's headers tell of a key's ceilings: limit, what remains, when it is full again.

One pass over the headers, one look-up each; a reply that tells nothing costs no more. Numbers that cannot be
true (negative, no numbers, more left than there is, told twice and differently) are not believed.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from gateway.upstream.dimension import Dimension
from gateway.upstream.durations import duration
from gateway.upstream.retry_after import Headers, their_clock

_COUNT_DIGITS = 12
_UNBELIEVED = b""
#: Longer than any ceiling per minute needs to be full again: OpenAI tells of requests per day under the name of
#: requests per minute where those are the scarcer ones.
_NO_MINUTE_S = 90.0


class Observed(NamedTuple):
    """None is "not told". A dimension may come twice: each is a ceiling in force (a project's, an account's)."""

    dimension: Dimension
    limit: int | None
    remaining: int | None
    reset_in_s: float | None


class Names(NamedTuple):
    """The headers of one ceiling, lower case; an empty name is none."""

    dimension: Dimension
    limit: bytes
    remaining: bytes
    reset: bytes = b""


class HeaderTable:
    """The headers of one provider. `until` reads a reset that is a point in time; otherwise it is a duration."""

    __slots__ = ("_dimensions", "_places", "_until")

    def __init__(
        self, names: Sequence[Names], until: Callable[[bytes, datetime], float | None] | None = None
    ) -> None:
        self._dimensions = tuple(row.dimension for row in names)
        self._until = until
        self._places = {
            name: 3 * row + column
            for row, (_, *columns) in enumerate(names)
            for column, name in enumerate(columns)
            if name
        }

    def read(self, headers: Headers, now: datetime) -> tuple[Observed, ...]:
        places = self._places
        found: list[bytes | None] | None = None
        for name, value in headers:
            place = places.get(name)
            if place is not None:
                if found is None:
                    found = [None] * (3 * len(self._dimensions))
                before = found[place]
                found[place] = value if before is None or before == value else _UNBELIEVED
        return () if found is None else self._made(found, headers, now)

    def _made(self, found: list[bytes | None], headers: Headers, now: datetime) -> tuple[Observed, ...]:
        until = self._until
        clock: datetime | None = None
        made = []
        row = 0
        for dimension in self._dimensions:
            limit, remaining, told = _count(found[row]), _count(found[row + 1]), found[row + 2]
            row += 3
            limit = (
                limit or None
            )  # a ceiling of 0 would shut the key for good (Mistral has said so in passing)
            if limit is not None and remaining is not None and remaining > limit:
                remaining = None
            if limit is None and remaining is None:
                continue
            reset: float | None = None
            counted = dimension
            if told is not None and until is not None:
                if clock is None:
                    clock = their_clock(headers, now)
                reset = until(told, clock)
            elif told is not None:
                reset = duration(told)
                if dimension == "rpm" and reset is not None and reset > _NO_MINUTE_S:
                    counted = "rpd"
            made.append(Observed(counted, limit, remaining, reset))
        return tuple(made)


def _count(value: bytes | None) -> int | None:
    if not value or len(value) > _COUNT_DIGITS:
        return None
    if value.isdigit():
        return int(value)
    whole, point, part = value.partition(b".")
    return int(whole) if point and whole.isdigit() and (part.isdigit() or not part) else None
