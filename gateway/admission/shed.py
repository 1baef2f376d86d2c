"""Who goes when the line is full: the newest request of the largest tenant in the lowest class, or the arrival.

Reference §3.7. Each bound is on a class and all lower ones together (`bounds`), so what is full is full for the
arrival's class and those below it:

* the line, a class's share, or what overload leaves of it: somebody of the lowest class goes that has more than it
  keeps for its floor, if that is lower than the arrival's; else somebody of the arrival's own class and of a tenant
  with more; else the arrival;
* the tenant's part of a share: the same among the tenant's own. Others' work has not caused that and pays nothing
  for it.

So nobody goes for want of room while a lower class has more than it keeps. What a class keeps counts as held even
while it is not there, so it finds room when it comes.

"More" counts the arrival with its own tenant, or two tenants would throw each other out by turns. By bytes one
arrival may cost several; all are named before anyone goes, so nobody goes in vain. Shares of bytes bound no tenant
or class that has nothing waiting, or a large body could never wait in a low class. What was put back may exceed any
bound; an arrival makes room for itself, not for that.
"""

from math import inf
from typing import NamedTuple

from gateway.admission.backlog import Backlogs
from gateway.admission.bounds import AXES, BYTES, COUNT, Amount, Bounds
from gateway.admission.classes import RANKS
from gateway.admission.item import CLASS_FULL, LINE_FULL, OVERLOAD, TENANT_FULL, Item


class Victim(NamedTuple):
    """Whose newest request goes."""

    rank: int
    tenant: str


class _Sums(NamedTuple):
    """By rank, what a class and all lower ones hold."""

    all: list[Amount]  # each class at least what it keeps
    tenant: list[Amount]  # of it the arrival's tenant, for whom nothing is kept


class Room:
    """What must go for one arrival. Made before anyone goes; `victim` is asked again after each."""

    __slots__ = ("_bounds", "_fits", "_held", "_item", "_limits", "_needs", "_shut", "_tenant_limits")

    def __init__(self, item: Item, held: Backlogs, bounds: Bounds, shut_from: int) -> None:
        self._item = item
        self._held = held
        self._bounds = bounds
        self._needs = 1, item.bytes
        self._shut = item.rank >= shut_from
        self._fits = not self._shut and self._is_roomy()
        if self._fits:
            return
        sums = self._sums()
        self._fits = not self._shut and self._fits_everywhere(sums)
        if not self._fits:
            self._limits = [self._limits_of(axis, sums, shut_from) for axis in AXES]
            self._tenant_limits = [self._tenant_limits_of(axis, sums) for axis in AXES]

    def refusal(self) -> str | None:
        """Why the arrival cannot wait; None when it can, once `victim` names nobody any more."""
        if self._fits:
            return None
        sums, lower = self._sums(), self._lower()
        for axis in AXES:
            missing = self._over(sums.tenant, axis, self._tenant_limits[axis])
            if missing > 0 and missing > sum(self._tenant_spare(rank, axis) for rank in lower):
                return TENANT_FULL
        for axis in AXES:
            missing = self._over(sums.all, axis, self._limits[axis])
            if missing <= 0 or missing <= sum(self._spare(rank, axis) for rank in lower):
                continue
            if not self._another_has_more(axis):
                return self._reason(sums.all, axis)
        return None

    def victim(self) -> Victim | None:
        """Who goes next for an arrival that is not refused; None when there is room."""
        if self._fits:
            return None
        item, sums, lower = self._item, self._sums(), self._lower()
        for axis in AXES:
            if self._over(sums.tenant, axis, self._tenant_limits[axis]) > 0:
                return Victim(next(rank for rank in lower if self._tenant_spare(rank, axis)), item.tenant)
        for axis in AXES:
            if self._over(sums.all, axis, self._limits[axis]) > 0:
                rank = next((rank for rank in lower if self._spare(rank, axis)), item.rank)
                return Victim(rank, self._held.classes[rank].leader(axis))
        return None

    def _sums(self) -> _Sums:
        tenant, classes = self._item.tenant, self._held.classes
        count = size = own_count = own_size = 0
        sums = _Sums([(0, 0)] * len(RANKS), [(0, 0)] * len(RANKS))
        for rank in reversed(RANKS):
            backlog, (kept_count, kept_size) = classes[rank], self._bounds.classes[rank].keeps
            count += backlog.count if backlog.count > kept_count else kept_count
            size += backlog.bytes if backlog.bytes > kept_size else kept_size
            own_count += backlog.count_of(tenant)
            own_size += backlog.bytes_of(tenant)
            sums.all[rank] = count, size
            sums.tenant[rank] = own_count, own_size
        return sums

    def _is_roomy(self) -> bool:
        """Whether all that waits is less than the narrowest of the bounds: most often, and soon known."""
        least, held = self._bounds.classes[self._item.rank].tenant, (self._held.count, self._held.bytes)
        return all(held[axis] + self._needs[axis] + self._bounds.kept[axis] <= least[axis] for axis in AXES)

    def _fits_everywhere(self, sums: _Sums) -> bool:
        """Whether the arrival is within all bounds, so that nobody need ask which of them do not hold for it."""
        count, size = self._needs
        for rank in range(self._item.rank + 1):
            most, tenant, _ = self._bounds.classes[rank]
            held, own = sums.all[rank], sums.tenant[rank]
            if held[COUNT] + count > most[COUNT] or held[BYTES] + size > most[BYTES]:
                return False
            if own[COUNT] + count > tenant[COUNT] or own[BYTES] + size > tenant[BYTES]:
                return False
        return True

    def _limits_of(self, axis: int, sums: _Sums, shut_from: int) -> list[float]:
        """By rank down to the arrival's, how much the class and all lower ones may hold with it."""
        first = axis == BYTES and not self._held.classes[self._item.rank].count
        limits: list[float] = []
        for rank in range(self._item.rank + 1):
            held = sums.all[rank][axis]
            if first and rank:
                limits.append(inf)
            elif axis == COUNT and rank >= shut_from:
                limits.append(held)
            else:
                limits.append(max(held, self._bounds.classes[rank].most[axis]))
        return limits

    def _tenant_limits_of(self, axis: int, sums: _Sums) -> list[float]:
        ranks = range(self._item.rank + 1)
        if axis == BYTES and not self._held.classes[self._item.rank].count_of(self._item.tenant):
            return [inf for _ in ranks]
        return [max(sums.tenant[rank][axis], self._bounds.classes[rank].tenant[axis]) for rank in ranks]

    def _over(self, sums: list[Amount], axis: int, limits: list[float]) -> float:
        """By how much the arrival would exceed the limit that it would exceed most."""
        growth = self._growth(axis)
        return max(sums[rank][axis] + growth - limit for rank, limit in enumerate(limits))

    def _growth(self, axis: int) -> int:
        """What the arrival takes besides what its class keeps."""
        rank = self._item.rank
        own, keeps = self._held.classes[rank].amount(axis), self._bounds.classes[rank].keeps[axis]
        return max(own + self._needs[axis], keeps) - max(own, keeps)

    def _lower(self) -> range:
        """Classes below the arrival's, the lowest first."""
        return range(len(RANKS) - 1, self._item.rank, -1)

    def _spare(self, rank: int, axis: int) -> int:
        """What a class has more than it keeps."""
        return max(0, self._held.classes[rank].amount(axis) - self._bounds.classes[rank].keeps[axis])

    def _tenant_spare(self, rank: int, axis: int) -> int:
        """The part of that which may be the tenant's own."""
        own = self._held.classes[rank].amount_of(self._item.tenant, axis)
        return min(own, self._spare(rank, axis)) if own else 0

    def _another_has_more(self, axis: int) -> bool:
        """Than the arrival's tenant has with it, in its class. So much can make room alone."""
        own = self._held.classes[self._item.rank]
        if not own.count:
            return False
        mine = own.amount_of(self._item.tenant, axis) + self._needs[axis]
        return own.amount_of(own.leader(axis), axis) > mine

    def _reason(self, sums: list[Amount], axis: int) -> str:
        if sums[0][axis] + self._growth(axis) > self._limits[axis][0]:
            return LINE_FULL
        return OVERLOAD if axis == COUNT and self._shut else CLASS_FULL
