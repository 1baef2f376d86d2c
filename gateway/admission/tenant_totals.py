"""Service of each tenant on one account, by all workers together, halved every minute. Pure; integer
milliseconds.

Workers add what they dispatched and read what all did, so that fairness between tenants is one with many workers.
"""

HALVED_MS = 60_000


class TenantTotals:
    """Totals by tenant; one that has halved to nothing is forgotten when it is next looked at."""

    __slots__ = ("_totals",)

    def __init__(self) -> None:
        self._totals: dict[str, tuple[int, int]] = {}  # total, and the minute in which it was so

    def add(self, tenant: str, amount: int, now: int) -> None:
        total = max(0, self.read(tenant, now) + amount)
        if total:
            self._totals[tenant] = (total, now // HALVED_MS)
        else:
            self._totals.pop(tenant, None)

    def read(self, tenant: str, now: int) -> int:
        total, minute = self._totals.get(tenant, (0, 0))
        return total >> min(64, max(0, now // HALVED_MS - minute))
