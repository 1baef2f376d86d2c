"""One request's charge, taken from a lot: the grant of a worker that shares its ledger with others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.admission.grantor import Grant

if TYPE_CHECKING:
    from gateway.admission.holding import Holding
    from gateway.admission.lots import Lot
    from gateway.charge import Charge


class Lease(Grant):
    """`at` is when it was sent, by the ledger's clock; until it was `told` that, it is charged where its lot is."""

    __slots__ = ("granted", "holding", "kept", "lot", "told")

    def __init__(self, holding: Holding, lot: Lot, charge: Charge, rank: int, at: int) -> None:
        self.account = holding.terms.id
        self.charge = charge
        self.rank = rank
        self.at = at
        self.late = 0
        self.granted = charge  # what the ledger charged; `charge` is what is known by now
        self.holding = holding
        self.lot = lot
        self.kept = False  # in the record of the last minute
        self.told = False
