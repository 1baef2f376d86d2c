"""How much may wait, by count and by bytes: of each class with all lower ones, of one tenant; what a class keeps.

Shares are nested: a class may use what those below it leave of its share, and theirs lie within it. What a class
keeps is work for its floor: it is reserved in every share, so nobody more urgent can fill or take it.
"""

from typing import NamedTuple

from gateway.admission.classes import CLASSES, RANKS, TENANT_SHARE

COUNT, BYTES = AXES = range(2)
#: By axis.
Amount = tuple[int, int]

#: Of its share, what a class keeps. With a line of 1,000 that is 30 to 10 requests: enough that arrivals at random
#: leave no gap in its floor, and gone at the floor's pace long before they are too old.
_KEEPS = 0.05


class ClassBounds(NamedTuple):
    """Of one class."""

    most: Amount  # it and all lower ones
    tenant: Amount  # the same of one tenant
    keeps: Amount


class Bounds:
    """Settings `queue.depth_max` and `queue.bytes_max`, and what follows from them by rank."""

    __slots__ = ("bytes_max", "classes", "depth_max", "kept")

    def __init__(self, depth_max: int, bytes_max: int) -> None:
        self.depth_max = depth_max
        self.bytes_max = bytes_max
        self.classes = tuple(self._of(rank) for rank in RANKS)
        #: What all classes keep, together.
        self.kept = tuple(sum(row.keeps[axis] for row in self.classes) for axis in AXES)

    def _of(self, rank: int) -> ClassBounds:
        row = CLASSES[rank]
        most = _part(self.depth_max, row.line_share), _part(self.bytes_max, row.line_share)
        tenant = _part(most[COUNT], TENANT_SHARE), _part(most[BYTES], TENANT_SHARE)
        if not row.floor_permille:
            return ClassBounds(most, tenant, (0, 0))
        # Of a share of one nothing is kept, or those below would leave no room to those above.
        kept = min(_part(most[COUNT], _KEEPS), most[COUNT] // 2)
        return ClassBounds(most, tenant, (kept, int(most[BYTES] * _KEEPS)))


def _part(bound: int, share: float) -> int:
    return max(1, int(bound * share))
