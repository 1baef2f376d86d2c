"""Who goes when the line is full: the newest request of the largest tenant in the lowest class, or the arrival.

Reference §3.7. Three things can be full, by count and by bytes:

* what the tenant may hold of its class: the arrival goes, it is the newest of its own;
* what the class may hold of the line: somebody of the same class goes, if of a tenant with more;
* the line: somebody of the lowest class present goes if that is lower than the arrival's, or is the same and of a
  tenant with more. So nobody goes for want of room while work of a lower class waits that could give it.

"More" counts the arrival with its own tenant, or two tenants would throw each other out by turns. By bytes one
arrival may cost several; all are named before anyone goes, so nobody goes in vain. Bytes bound no tenant or class
that has nothing waiting, or a large body could never wait in a low class.
"""

from typing import NamedTuple

from gateway.admission.backlog import Backlog, Backlogs
from gateway.admission.classes import CLASSES, TENANT_SHARE
from gateway.admission.item import CLASS_FULL, LINE_FULL, OVERLOAD, TENANT_FULL, Item

#: Of its share, what a class keeps while it is shut by overload: work for its floor, so that it does not starve.
_SHUT_KEEPS = 0.1


class ClassBounds(NamedTuple):
    """What one class, and one tenant of it, may have waiting."""

    depth: int
    bytes: int
    tenant_depth: int
    tenant_bytes: int
    shut_depth: int


class Bounds:
    """Settings `queue.depth_max` and `queue.bytes_max`, and what follows from them by rank."""

    __slots__ = ("bytes_max", "classes", "depth_max")

    def __init__(self, depth_max: int, bytes_max: int) -> None:
        self.depth_max = depth_max
        self.bytes_max = bytes_max
        self.classes = tuple(self._of(row.line_share) for row in CLASSES)

    def _of(self, share: float) -> ClassBounds:
        depth, size = _part(self.depth_max, share), _part(self.bytes_max, share)
        return ClassBounds(
            depth, size, _part(depth, TENANT_SHARE), _part(size, TENANT_SHARE), _part(depth, _SHUT_KEEPS)
        )


class Victim(NamedTuple):
    """Whose newest request goes."""

    rank: int
    tenant: str


def refusal(item: Item, held: Backlogs, bounds: Bounds, shut_from: int) -> str | None:
    """Why the arrival cannot wait; None when it can, once `victim` names nobody any more."""
    own, most = held.classes[item.rank], bounds.classes[item.rank]
    mine = own.count_of(item.tenant)
    if mine >= most.tenant_depth or (mine and own.bytes_of(item.tenant) + item.bytes > most.tenant_bytes):
        return TENANT_FULL
    if item.rank >= shut_from and own.count >= most.shut_depth:
        return OVERLOAD
    count_over, bytes_over = _class_over(item, own, most)
    if (count_over and not _has_more(own, item)) or (bytes_over and not _has_more_bytes(own, item)):
        return CLASS_FULL if most.depth < bounds.depth_max else LINE_FULL
    if held.count >= bounds.depth_max and held.lowest_below(item.rank) is None and not _has_more(own, item):
        return LINE_FULL
    missing = held.bytes + item.bytes - bounds.bytes_max
    if missing > 0 and held.bytes_below(item.rank) < missing and not _has_more_bytes(own, item):
        return LINE_FULL
    return None


def victim(item: Item, held: Backlogs, bounds: Bounds) -> Victim | None:
    """Who goes next for an arrival that is not refused; None when there is room. Ask again after each."""
    own = held.classes[item.rank]
    count_over, bytes_over = _class_over(item, own, bounds.classes[item.rank])
    if count_over or bytes_over:
        return Victim(item.rank, own.heaviest() if bytes_over else own.largest())
    bytes_over = held.bytes + item.bytes > bounds.bytes_max
    if not bytes_over and held.count < bounds.depth_max:
        return None
    rank = held.lowest_below(item.rank) or item.rank
    lowest = held.classes[rank]
    return Victim(rank, lowest.heaviest() if bytes_over else lowest.largest())


def _part(bound: int, share: float) -> int:
    return max(1, int(bound * share))


def _class_over(item: Item, own: Backlog, most: ClassBounds) -> tuple[bool, bool]:
    """Whether with the arrival its class would hold more than its share, by count and by bytes."""
    return own.count >= most.depth, own.count > 0 and own.bytes + item.bytes > most.bytes


def _has_more(own: Backlog, item: Item) -> bool:
    """Whether another tenant of the class has more waiting than the arrival's has with it."""
    return own.count > 0 and own.count_of(own.largest()) > own.count_of(item.tenant) + 1


def _has_more_bytes(own: Backlog, item: Item) -> bool:
    """The same in bytes. All that such a tenant has is more than the arrival, so it can make room alone."""
    return own.count > 0 and own.bytes_of(own.heaviest()) > own.bytes_of(item.tenant) + item.bytes
