"""What callers and operators were told of waits, and what came of it (invariant 14)."""

import re
from collections.abc import Iterable
from statistics import median
from typing import NamedTuple

from tests.simulation.caller_end import CallerEnd
from tests.simulation.observed import Seen
from tests.simulation.plan import Request

_RETRY_AFTER = re.compile(rb"retry-after-ms: (\d+)")


class Told(NamedTuple):
    """`told_s` at a moment `at`; it came to `came_s`."""

    request: Request
    at: float
    told_s: float
    came_s: float


def etas(forecasts: Iterable[tuple[str, float, float]], seen: dict[str, Seen]) -> list[Told]:
    """Of those that waited, were looked at (who, when, expected) and went in the end."""
    found = ((seen[name], at, told_s) for name, at, told_s in forecasts)
    return [Told(one.request, at, told_s, one.first_permit - at) for one, at, told_s in found if one.permits]


def retries(seen: dict[str, Seen], ends: dict[str, CallerEnd]) -> list[Told]:
    """Told to those who were refused, against when the next of the same tenant and class went who was not."""
    open_: dict[tuple[str, int], list[tuple[Request, float]]] = {}
    found = []
    every = {id(one): one for one in seen.values()}.values()
    for one in sorted(every, key=lambda one: one.request.at):
        request, waits = one.request, open_.setdefault((one.request.tenant, one.request.rank), [])
        if one.permits:
            found += [
                Told(refused, refused.at, told_s, one.first_permit - refused.at) for refused, told_s in waits
            ]
            waits.clear()
        elif one.exchange.code == "queue_full" and (told := _RETRY_AFTER.search(ends[request.id].head)):
            waits.append((request, int(told[1]) / 1000))
    return found


def error(told: Iterable[Told], least_s: float = 0.0) -> float:
    """The median of |told - came| ÷ came. What came within `least_s` of what was told is right."""
    off = ((abs(one.told_s - one.came_s), one.came_s) for one in told)
    return median(by / came_s if by > least_s else 0.0 for by, came_s in off)
