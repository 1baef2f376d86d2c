"""The rules of `gateway.admission.shed` said as searches through a list of all that waits."""

from collections.abc import Sequence

from gateway.admission.bounds import AXES, BYTES, COUNT, Bounds
from gateway.admission.classes import RANKS
from gateway.admission.item import CLASS_FULL, LINE_FULL, OVERLOAD, TENANT_FULL, Item

#: Bounds that hold for everybody: shares of bytes let the first of a class or tenant pass.
_LEVELS = [(0, BYTES), *((rank, COUNT) for rank in RANKS)]


class Shedding:
    """What waits at one moment."""

    def __init__(self, bounds: Bounds, waiting: Sequence[Item]) -> None:
        self.bounds = bounds
        self.waiting = waiting

    def limits(self) -> list[int]:
        """What may be held with one more: the bounds, or where something was put back, what is held already."""
        rows = self.bounds.classes
        return [max(rows[rank].most[axis], self.held(rank, axis)) for rank, axis in _LEVELS]

    def within(self, limits: list[int]) -> bool:
        return all(self.held(*level) <= most for level, most in zip(_LEVELS, limits, strict=True))

    def check_refusal(self, item: Item, reason: str) -> None:
        """A bound is reached indeed, and lower classes could not have made room (invariant 9)."""
        tenant = item.tenant if reason == TENANT_FULL else None
        spare = [sum(self.spare(rank, axis, tenant) for rank in RANKS[item.rank + 1 :]) for axis in AXES]
        assert spare[COUNT] == 0 or (item.bytes > spare[BYTES] and reason != OVERLOAD)
        if reason == OVERLOAD:
            assert item.rank > 0
            assert self.amount(item.rank, COUNT) >= self.bounds.classes[item.rank].keeps[COUNT]
            return
        levels = {LINE_FULL: [0], CLASS_FULL: RANKS[1 : item.rank + 1], TENANT_FULL: RANKS[: item.rank + 1]}
        needs = 1, item.bytes
        assert any(
            self.held(level, axis, tenant) + needs[axis] > self.most(level, tenant)[axis]
            for level in levels[reason]
            for axis in AXES
        )

    def check_victim(self, item: Item, victim: Item) -> None:
        """The newest of its tenant, in the lowest class that has more than it keeps or in the arrival's own."""
        assert victim.rank >= item.rank and victim is not item
        rivals = [one for one in self.waiting if (one.rank, one.tenant) == (victim.rank, victim.tenant)]
        fresh = [one for one in rivals if not one.ahead_of_all and one is not item]
        assert victim is max(fresh or rivals, key=lambda one: one.order)
        assert victim.tenant != item.tenant or victim.rank > item.rank
        assert any(
            (victim.rank == item.rank or self.spare(victim.rank, axis, tenant))
            and not any(self.spare(lower, axis, tenant) for lower in RANKS[victim.rank + 1 :])
            for axis in AXES
            for tenant in ({None, item.tenant} if victim.tenant == item.tenant else {None})
        )  # 9

    def most(self, rank: int, tenant: str | None) -> tuple[int, int]:
        row = self.bounds.classes[rank]
        return row.most if tenant is None else row.tenant

    def held(self, rank: int, axis: int, tenant: str | None = None) -> int:
        """By the class and all lower ones: at least what each keeps, or what the tenant has."""
        rows = [
            (self.amount(lower, axis, tenant), self.bounds.classes[lower].keeps) for lower in RANKS[rank:]
        ]
        return sum(amount if tenant is not None else max(amount, keeps[axis]) for amount, keeps in rows)

    def amount(self, rank: int, axis: int, tenant: str | None = None) -> int:
        some = [one for one in self.waiting if one.rank == rank and tenant in (None, one.tenant)]
        return sum(one.bytes for one in some) if axis == BYTES else len(some)

    def spare(self, rank: int, axis: int, tenant: str | None = None) -> int:
        """What the class, or of it the tenant, has more than the class keeps."""
        more = max(0, self.amount(rank, axis) - self.bounds.classes[rank].keeps[axis])
        return more if tenant is None else min(more, self.amount(rank, axis, tenant))
