"""How far the service of each tenant who waits has come on one account, over all workers: `fairness` across them.
Pure; integer milliseconds, and millionths of the ceiling divided by the tenant's weight.

Workers say whom they let go and who waits there, and read where those stand; whose tag is least is next, wherever
they wait. A class's clock is the least tag of those who wait: who comes to wait begins there, so idle time earns
nothing. Nobody is named, and nothing is kept, while nobody waits.
"""

from collections.abc import Sequence

from gateway.admission.classes import RANKS
from gateway.admission.ledger import Served

#: Who was named as waiting so lately waits: at a worker with several accounts they are named at each in turn.
WAITS_MS = 2_000
#: Who has not waited for so long owes nothing any more.
TAG_MS = 60_000
#: Tenants kept, over all classes. Of more, the half least ahead of the clock is let off what it is ahead.
TAGS_MAX = 128


class TenantTags:
    """By class and tenant: the tag, and when they were last named as waiting."""

    __slots__ = ("_clocks", "_tags")

    def __init__(self) -> None:
        self._clocks = [0] * len(RANKS)
        self._tags: dict[tuple[int, str], tuple[int, int]] = {}

    def book(self, served: Sequence[Served], now: int) -> None:
        """Once for a batch."""
        self._forget(now)
        clocks, tags = self._clocks, self._tags
        for rank, tenant, amount, waits in served:
            if (rank, tenant) not in tags and len(tags) >= TAGS_MAX:
                if amount <= 0:
                    continue
                self._let_off()
            tag, waited_at = tags.get((rank, tenant), (0, now - WAITS_MS))
            tag = max(clocks[rank], max(clocks[rank], tag) + amount)
            tags[rank, tenant] = tag, now if waits else waited_at
        least: dict[int, int] = {}
        for (rank, _), (tag, waited_at) in tags.items():
            if waited_at > now - WAITS_MS:
                least[rank] = min(tag, least.get(rank, tag))
        for rank, tag in least.items():
            clocks[rank] = max(clocks[rank], tag)

    def of(self, rank: int, tenant: str) -> int:
        """Where they stand: who is not known, at the clock."""
        return max(self._clocks[rank], self._tags.get((rank, tenant), (0, 0))[0])

    def _let_off(self) -> None:
        for rank in RANKS:
            known = sorted(tag for (its, _), (tag, _) in self._tags.items() if its == rank)
            if known:
                self._clocks[rank] = max(self._clocks[rank], known[len(known) // 2])
        for rank, tenant in list(self._tags):
            if self._tags[rank, tenant][0] <= self._clocks[rank]:
                del self._tags[rank, tenant]

    def _forget(self, now: int) -> None:
        self._tags = {
            (rank, tenant): (tag, waited_at)
            for (rank, tenant), (tag, waited_at) in self._tags.items()
            if waited_at > now - WAITS_MS or (tag > self._clocks[rank] and waited_at > now - TAG_MS)
        }

    def __len__(self) -> int:
        return len(self._tags)
