"""One request's charge, taken from a lot: the grant of a worker that shares its ledger with others."""

from gateway.admission.grantor import Grant
from gateway.admission.sends import Sends
from gateway.charge import Charge


class Lease(Grant):
    """`at` is when it was sent, by the ledger's clock; until that was told, it is charged where its lot is."""

    __slots__ = ("granted", "sends")

    def __init__(self, account: str, charge: Charge, rank: int, at: int, sends: Sends) -> None:
        self.account = account
        self.charge = charge
        self.rank = rank
        self.at = at
        self.late = 0
        self.granted = charge  # what the ledger charged; `charge` is what is known by now
        self.sends = sends  # with which it is counted
