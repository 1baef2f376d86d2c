"""Lanes, one a tenant, in buckets, one a signature and class; and who of a bucket comes first on an account.

A bucket keeps one heap of its lanes for each account of its signature, ordered by virtual service there. Heaps
are lazy: a lane has one entry in each from its first item to its last, whose tag may lie behind the tenant's. Tags
only grow (but for corrections, which set an entry one dispatch late), so an entry is put where it belongs when it
comes to the top: O(log T) amortised. Lanes are heaps by expiry, then arrival; what is removed from them is left for
whoever meets it.
"""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush, heapreplace

from gateway.admission.fairness import VirtualService
from gateway.admission.item import Item, Work

_NEVER_LATER = float("-inf")
#: The order of who has not come: behind all who have.
_NOT_YET = 1 << 62
#: Dead entries that are not worth looking for.
_SLACK = 8

#: Tag, order of the lane's head when the entry was made, lane.
Entry = tuple[float, int, "Lane"]


class Lane:
    """The items of one tenant in one bucket: by expiry (EDF), which equal TTLs make first come first."""

    __slots__ = ("_heap", "gone", "items", "tenant", "weight", "work")

    def __init__(self, tenant: str, weight: float) -> None:
        self.tenant = tenant
        self.weight = weight
        self.items: dict[int, Item] = {}  # by order, so the newest is the last
        self.work = Work()
        self.gone = 0.0  # shares dispatched since the lane last was empty
        self._heap: list[tuple[float, int]] = []

    def __lt__(self, other: "Lane") -> bool:
        """Entries tie when an item came back to a new lane of its tenant; the old lane is dead, either may lead."""
        return False

    def add(self, item: Item) -> None:
        self.items[item.order] = item
        self.work.add(item)
        heappush(self._heap, key(item))

    def drop(self, item: Item) -> None:
        """The entry of the heap stays, unless the dead outnumber the living."""
        del self.items[item.order]
        self.work.subtract(item)
        if len(self._heap) > 2 * len(self.items) + _SLACK:
            self._heap = [entry for entry in self._heap if entry[1] in self.items]
            heapify(self._heap)

    def head(self) -> Item:
        """Who is next. There must be one."""
        heap, items = self._heap, self.items
        while heap[0][1] not in items:
            heappop(heap)
        return items[heap[0][1]]

    def tags(self, start: float) -> Iterator[tuple[float, int, Item]]:
        """Its items with their tags, if the first's is `start`: as they came, who must hurry is not looked for."""
        for order, item in self.items.items():
            yield start, order, item
            start += item.share / item.weight

    def newest(self) -> Item:
        """Who came last. What was put back is older than its place among the items says."""
        for item in reversed(self.items.values()):
            if not item.ahead_of_all:
                return item
        return next(reversed(self.items.values()))


def key(item: Item) -> tuple[float, int]:
    """An item's place in its lane; of one that might come, the place that it would get."""
    return (_NEVER_LATER if item.ahead_of_all else item.expires_at, item.order or _NOT_YET)


class Bucket:
    """The lanes of one signature and class. Accounts are meant by their place in the signature."""

    __slots__ = ("_heaps", "_services", "gone", "lanes", "rank", "weight", "work")

    def __init__(self, rank: int, services: tuple[VirtualService, ...]) -> None:
        self.rank = rank
        self.lanes: dict[str, Lane] = {}
        self.work = Work()
        self.weight = 0.0  # of the lanes that are, and what has gone of them
        self.gone = 0.0
        self._services = services
        self._heaps: list[list[Entry]] = [[] for _ in services]

    def add(self, item: Item) -> None:
        self.work.add(item)
        lane = self.lanes.get(item.tenant)
        if lane is None:
            lane = self.lanes[item.tenant] = Lane(item.tenant, item.weight)
            self.weight += item.weight
            for heap, service in zip(self._heaps, self._services, strict=True):
                heappush(heap, (service.start(item.tenant), item.order, lane))
        lane.add(item)

    def drop(self, item: Item) -> None:
        """A lane without items is gone; its entries stay, unless the dead outnumber the living."""
        lane = self.lanes[item.tenant]
        lane.drop(item)
        self.work.subtract(item)
        if lane.items:
            return
        del self.lanes[item.tenant]
        self.weight = self.weight - lane.weight if self.lanes else 0.0
        self.gone = max(0.0, self.gone - lane.gone) if self.lanes else 0.0
        for heap in self._heaps:
            if len(heap) > 2 * len(self.lanes) + _SLACK:
                heap[:] = [entry for entry in heap if entry[2].items]
                heapify(heap)

    def first(self, at: int) -> Entry | None:
        """The lane that is next on account `at`, with its true tag. It stays the heap's first."""
        heap, service = self._heaps[at], self._services[at]
        while heap:
            tag, order, lane = heap[0]
            if not lane.items:
                heappop(heap)
                continue
            start = service.start(lane.tenant)
            if start <= tag or start <= service.clock:  # at the clock nobody can be before it
                return (start, order, lane)
            heapreplace(heap, (start, order, lane))
        return None

    def set_aside(self, at: int) -> Entry:
        """Take out the first of account `at`; `set_back` is owed."""
        return heappop(self._heaps[at])

    def set_back(self, at: int, entry: Entry) -> None:
        heappush(self._heaps[at], entry)

    def serve(self, at: int, share: float) -> None:
        """The head of the first lane goes on account `at`, where it is thought to use `share` now, and the lane to
        where its tenant now stands.
        """
        heap, service = self._heaps[at], self._services[at]
        lane = heappop(heap)[2]
        item = lane.head()
        lane.gone += share
        self.gone += share
        self.drop(item)
        item.share = share
        service.serve(item)
        if lane.items:
            heappush(heap, (service.start(lane.tenant), lane.head().order, lane))

    def return_service(self, at: int, item: Item) -> None:
        """The item, here again, was not served on account `at` after all. O(T), for what should not happen."""
        service, lane, heap = self._services[at], self.lanes[item.tenant], self._heaps[at]
        service.correct(item, 0.0)
        heap[:] = [entry for entry in heap if entry[2] is not lane]
        heap.append((service.start(item.tenant), lane.head().order, lane))
        heapify(heap)
