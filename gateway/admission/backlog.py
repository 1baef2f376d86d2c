"""How much waits: of each tenant of a class, of each class, and in all."""

from gateway.admission.bounds import BYTES
from gateway.admission.classes import RANKS
from gateway.admission.item import Item


class Backlog:
    """The waiting of one class, and who has most of it.

    Counts move by one, so tenants are kept in rows by count and the top row is known: O(1). Who has most bytes is
    looked for, O(T): asked only when bodies of megabytes fill the line.
    """

    __slots__ = ("_bytes_of", "_count_of", "_most", "_rows", "bytes", "count")

    def __init__(self) -> None:
        self.count = 0
        self.bytes = 0
        self._count_of: dict[str, int] = {}
        self._bytes_of: dict[str, int] = {}
        self._rows: dict[int, dict[str, None]] = {}
        self._most = 0

    def add(self, item: Item) -> None:
        tenant = item.tenant
        before = self._count_of.get(tenant, 0)
        self.count += 1
        self.bytes += item.bytes
        self._bytes_of[tenant] = self._bytes_of.get(tenant, 0) + item.bytes
        self._move(tenant, before, before + 1)
        if before >= self._most:
            self._most = before + 1

    def drop(self, item: Item) -> None:
        tenant = item.tenant
        before = self._count_of[tenant]
        self.count -= 1
        self.bytes -= item.bytes
        self._bytes_of[tenant] -= item.bytes
        self._move(tenant, before, before - 1)
        if self._most not in self._rows:
            self._most -= 1

    def count_of(self, tenant: str) -> int:
        return self._count_of.get(tenant, 0)

    def bytes_of(self, tenant: str) -> int:
        return self._bytes_of.get(tenant, 0)

    def amount(self, axis: int) -> int:
        """The count, or the bytes."""
        return self.bytes if axis == BYTES else self.count

    def amount_of(self, tenant: str, axis: int) -> int:
        return self.bytes_of(tenant) if axis == BYTES else self.count_of(tenant)

    def leader(self, axis: int) -> str:
        """The tenant with most of it. There must be one."""
        return self.heaviest() if axis == BYTES else self.largest()

    def largest(self) -> str:
        """The tenant with most waiting; of equals, who came to that count first. There must be one."""
        return next(iter(self._rows[self._most]))

    def heaviest(self) -> str:
        """The tenant with most bytes waiting. There must be one."""
        return max(self._bytes_of, key=self._bytes_of.__getitem__)

    def by_tenant(self) -> dict[str, int]:
        """A copy, for people."""
        return dict(self._count_of)

    def _move(self, tenant: str, before: int, after: int) -> None:
        rows = self._rows
        if before:
            row = rows[before]
            del row[tenant]
            if not row:
                del rows[before]
        if after:
            if after in rows:
                rows[after][tenant] = None
            else:
                rows[after] = {tenant: None}
            self._count_of[tenant] = after
        else:
            del self._count_of[tenant], self._bytes_of[tenant]


class Backlogs:
    """All classes, by rank."""

    __slots__ = ("bytes", "classes", "count")

    def __init__(self) -> None:
        self.classes = tuple(Backlog() for _ in RANKS)
        self.count = 0
        self.bytes = 0

    def add(self, item: Item) -> None:
        self.classes[item.rank].add(item)
        self.count += 1
        self.bytes += item.bytes

    def drop(self, item: Item) -> int:
        """How many of the item's class are left."""
        backlog = self.classes[item.rank]
        backlog.drop(item)
        self.count -= 1
        self.bytes -= item.bytes
        return backlog.count
