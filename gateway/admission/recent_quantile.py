"""A quantile of recent times: counts in bins that widen by a tenth, halved now and then so that the past fades.

The value read is the upper end of a bin, so at most a tenth above the true quantile of what it holds.
"""

from math import log

_WIDTH = log(1.1)
_SHORTEST_S = 0.01
_BINS = 128  # up to half an hour
_HALVED_AT = 512.0


class RecentQuantile:
    """Of times in seconds; `least` of them must have been seen before anything is said."""

    __slots__ = ("_counts", "_least", "_share", "_total")

    def __init__(self, share: float, least: int = 20) -> None:
        self._share = share
        self._least = least
        self._counts = [0.0] * _BINS
        self._total = 0.0

    def add(self, seconds: float) -> None:
        at = int(log(seconds / _SHORTEST_S) / _WIDTH) if seconds > _SHORTEST_S else 0
        self._counts[min(at, _BINS - 1)] += 1.0
        self._total += 1.0
        if self._total >= _HALVED_AT:
            self._counts = [one / 2 for one in self._counts]
            self._total = sum(self._counts)

    def value(self) -> float | None:
        """Seconds within which that share of them was; None as long as too few were seen."""
        if self._total < self._least:
            return None
        wanted = self._share * self._total
        for at, one in enumerate(self._counts):
            wanted -= one
            if wanted <= 1e-9:
                return float(_SHORTEST_S * 1.1 ** (at + 1))
        return float(_SHORTEST_S * 1.1**_BINS)
