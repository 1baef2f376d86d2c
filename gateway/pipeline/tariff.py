"""What a tenant key pays where its requests may go, worked out once for each of its routes."""

from budgets.price import Price
from budgets.slices import Levels
from gateway.record import Record
from gateway.settings.snapshot import Target


class Tariff(Record, eq=False):
    """The budgets that count, and what each target charges; until prices or the configuration change."""

    levels: Levels
    prices: tuple[Price, ...]  # of those below that cost anything; money is held for the dearest
    by_target: tuple[tuple[Target, Price], ...]  # of these and of the local model: few

    def price(self, target: Target) -> Price | None:
        """None for a target that was not among them. Two may be equal and not the same: of two provider keys'."""
        for known, price in self.by_target:
            if known is target:
                return price
        return next((price for known, price in self.by_target if known == target), None)
