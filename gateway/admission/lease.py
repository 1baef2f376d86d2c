"""One request's charge, taken from a lot: the grant of a worker that shares its ledger with others."""

from gateway.admission.grantor import Grant
from gateway.admission.sends import Sends
from gateway.charge import Charge


class Lease(Grant, kw_only=True, eq=False):
    """`at` is when it was sent, by the ledger's clock; until that was told, it is charged where its lot is."""

    granted: Charge  # what the ledger charged; `charge` is what is known by now
    sends: Sends  # with which it is counted
