"""How a provider counts one account: every window by its own exact log, knowing nothing of the gateway's code."""

from bisect import bisect_right
from collections.abc import Mapping
from math import floor
from typing import NamedTuple

WINDOW_S = 60.0
AXES = ("rpm", "itpm", "otpm", "tpm")


class Counted(NamedTuple):
    """What one request was charged on arrival, by axis; `beyond` is what of it the gateway could not know."""

    at: float
    units: tuple[int, int, int, int]
    beyond: tuple[int, int, int, int] = (0, 0, 0, 0)
    ours: bool = True


class Judge:
    """One account's ceilings and all that was ever charged there."""

    def __init__(self, limits: Mapping[str, int], burst_s: float | None) -> None:
        self.limits = dict(limits)
        self.spans = [(WINDOW_S, {name: limits[name] for name in AXES if name in limits})]
        if burst_s is not None:
            self.spans.append(
                (
                    burst_s,
                    {
                        name: max(1, floor(limit * burst_s / WINDOW_S))
                        for name, limit in self.spans[0][1].items()
                    },
                )
            )
        self.log: list[Counted] = []
        self._times: list[float] = []

    def used(self, axis: int, at: float, span: float = WINDOW_S) -> int:
        first = bisect_right(self._times, at - span)
        return sum(one.units[axis] for one in self.log[first:])

    def exceeded(self, units: tuple[int, ...], at: float) -> str | None:
        """The ceiling that `units` would break."""
        for span, limits in self.spans:
            for name, limit in limits.items():
                axis = AXES.index(name)
                used = self.used(axis, at, span) if units[axis] else 0
                if units[axis] and used + units[axis] > limit and (used or span == WINDOW_S):
                    return name
        return None

    def charge(self, counted: Counted) -> None:
        self.log.append(counted)
        self._times.append(counted.at)

    def worst(self, axis: int, span: float) -> tuple[int, float]:
        """The most that we charged in any window of `span` beyond what could not be known, and where it ended."""
        ours = [one for one in self.log if one.ours]
        most, at, used, first = 0, 0.0, 0, 0
        for one in ours:
            used += one.units[axis] - one.beyond[axis]
            while ours[first].at <= one.at - span:
                used -= ours[first].units[axis] - ours[first].beyond[axis]
                first += 1
            if used > most:
                most, at = used, one.at
        return most, at
