"""Order statistics of a handful or a million of figures."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest figure that at least `share` percent of the (ascending) figures do not exceed.

    Nearest rank, so it is always a figure that was measured; 0 of nothing is 0.
    """
    if not ordered:
        return 0.0
    rank = ceil(share / 100 * len(ordered))
    return ordered[min(len(ordered), max(1, rank)) - 1]


def median(figures: Sequence[float]) -> float:
    """The middle figure, or the mean of the two middle ones; 0 of nothing."""
    if not figures:
        return 0.0
    ordered = sorted(figures)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
