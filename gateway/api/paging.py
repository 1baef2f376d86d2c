"""Which part of a list is asked for: `?limit=&after=`, bounded, so that no answer grows with what there is."""

from collections.abc import Mapping
from typing import NamedTuple

LIMIT, LIMIT_MAX = 50, 200
_AFTER_MAX = 256


class Page(NamedTuple):
    """Up to `limit` entries, of those that come after the one named `after`."""

    limit: int = LIMIT
    after: str = ""


def page_of(query: Mapping[str, str]) -> Page:
    """Raises ValueError, in words for who asked."""
    limit, after = query.get("limit", str(LIMIT)), query.get("after", "")
    if not (limit.isascii() and limit.isdigit() and len(limit) <= 4 and 1 <= int(limit) <= LIMIT_MAX):
        raise ValueError(f"limit: a whole number from 1 to {LIMIT_MAX}")
    if len(after) > _AFTER_MAX:
        raise ValueError("after: the `next` of the page before")
    return Page(int(limit), after)
