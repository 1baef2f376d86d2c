"""What went from one lot within one slot to one class: counted together, for the ledger makes no difference. Pure.

A request costs some additions here, where it goes and where it is settled; the rest is done once for all of them,
when the ledger is told. Open until the next call is made: then `kept` in the worker's own record, and closed; then
`told`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gateway.charge import Charge

if TYPE_CHECKING:
    from gateway.admission.lots import Lot


class Sends:
    """By axis what was granted, and how much `more` is charged for it that nobody was told yet; signed."""

    __slots__ = (
        "at", "count", "ends", "first", "input", "kept", "lot", "more_input", "more_output", "more_requests",
        "more_tokens", "noted", "output", "rank", "requests", "tokens", "told",
    )  # fmt: skip

    def __init__(self, lot: Lot, rank: int, at: int, ends: int, first: Charge) -> None:
        self.lot = lot
        self.rank = rank
        self.at = at  # the latest of them, by the ledger's clock
        self.ends = ends  # of the slot
        self.first = first  # what one of them was granted
        self.count = self.requests = self.input = self.output = self.tokens = 0
        self.more_requests = self.more_input = self.more_output = self.more_tokens = 0
        self.kept = False
        self.told = False
        self.noted = True  # to be looked at when the ledger is told

    def granted(self) -> Charge:
        return Charge(self.requests, self.input, self.output, self.tokens)

    def add(self, charge: Charge) -> None:
        """One more."""
        self.count += 1
        self.requests += charge.requests
        self.input += charge.input
        self.output += charge.output
        self.tokens += charge.tokens

    def take_out(self, charge: Charge) -> None:
        """One was not sent, or not then."""
        self.count -= 1
        self.requests -= charge.requests
        self.input -= charge.input
        self.output -= charge.output
        self.tokens -= charge.tokens

    def owe(self, delta: Charge) -> None:
        """So much more is charged for them, where negative less."""
        self.more_requests += delta.requests
        self.more_input += delta.input
        self.more_output += delta.output
        self.more_tokens += delta.tokens

    def owed(self, axes: Sequence[int]) -> Charge | None:
        """What was not told yet: it is now. None when there is nothing on any of `axes`."""
        more = Charge(self.more_requests, self.more_input, self.more_output, self.more_tokens)
        self.more_requests = self.more_input = self.more_output = self.more_tokens = 0
        return more if any(more[axis] for axis in axes) else None
