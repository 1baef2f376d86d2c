"""Who waits and may overflow, worst off first: least slack first, as schedulers call it.

Slack is reckoned when somebody is looked at, and goes stale: nobody's wait is forecast anew before its turn to be
looked at. So the order is that of the last look, which is never later than the end of anybody's patience.
"""

from collections.abc import Callable
from heapq import heapify, heappop, heappush

from gateway.admission.item import Item

#: Dead entries that are not worth looking for.
_SLACK = 64
_Find = Callable[[str], Item | None]


class LeastSlack:
    """A heap by `late_from`. Who left the line is left in it for whoever meets it; `find` tells who still waits."""

    __slots__ = ("_find", "_heap", "_sweep_at")

    def __init__(self, find: _Find) -> None:
        self._find = find
        self._heap: list[tuple[float, int, str]] = []
        self._sweep_at = _SLACK

    def add(self, item: Item, late_from: float) -> None:
        """It waits, and has to be looked at by then."""
        heappush(self._heap, (late_from, item.order, item.id))
        if len(self._heap) > self._sweep_at:
            self._heap = [entry for entry in self._heap if self._alive(entry) is not None]
            heapify(self._heap)
            self._sweep_at = 2 * len(self._heap) + _SLACK

    def take(self, most: int) -> list[Item]:
        """Those with the least slack; who is to be kept has to be added again."""
        found: list[Item] = []
        while self._heap and len(found) < most:
            item = self._alive(heappop(self._heap))
            if item is not None:
                found.append(item)
        return found

    def next(self) -> float | None:
        """When the next one has to be looked at; None when nobody waits."""
        while self._heap:
            if self._alive(self._heap[0]) is not None:
                return self._heap[0][0]
            heappop(self._heap)
        return None

    def _alive(self, entry: tuple[float, int, str]) -> Item | None:
        item = self._find(entry[2])
        return item if item is not None and item.order == entry[1] else None
