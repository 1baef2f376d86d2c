"""What an exchange must hold before it may queue: the tenant key's own limits and its budgets' slices.

Neither is enforced yet; a reservation is a place in the tenant key's count of running exchanges, and is given
back exactly once. Limits and money grow in here, all or nothing.
"""

from gateway.settings.snapshot import TenantKey


class Reservations:
    """Running exchanges by tenant key."""

    __slots__ = ("running",)

    def __init__(self) -> None:
        self.running: dict[TenantKey, int] = {}

    def take(self, key: TenantKey) -> None:
        self.running[key] = self.running.get(key, 0) + 1

    def give_back(self, key: TenantKey) -> None:
        left = self.running[key] - 1
        if left:
            self.running[key] = left
        else:
            del self.running[key]
