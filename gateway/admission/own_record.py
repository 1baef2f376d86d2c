"""What this worker can teach a ledger that forgot: what it sent itself, and how the ledger stood before. Pure.

Of the latter its own part must be known, and rather too small: what the lost ledger was surely charged for this
worker. So settlements that it may not have booked, and what was sent without it, are left out there.
"""

from collections.abc import Sequence

from gateway.admission.dimension import AccountTerms
from gateway.admission.last_answer import LastAnswer
from gateway.admission.last_minute import LastMinute
from gateway.admission.lease import Lease
from gateway.admission.ledger import Batch
from gateway.admission.unsaid import Unsaid, more_of
from gateway.charge import Charge

_NOTHING = Charge()


class OwnRecord:
    """Of one account. `now` and what leases say are brought to the worker's own clock."""

    __slots__ = ("_leased", "_unbooked", "_unleased")

    def __init__(self) -> None:
        self._leased = LastMinute()
        self._unleased = LastMinute()
        self._unbooked = (
            _NOTHING  # of what is leased, what the last ledger that knew all was not told, at most
        )

    def fold(self, unsaid: Unsaid) -> list[Charge]:
        """Leases that were used since the last time: what they were granted."""
        sent = unsaid.fold()
        for lease in sent:
            if not lease.kept:
                lease.kept = True
                self._leased.add(lease.granted, lease.at - lease.lot.ahead)
        return [lease.granted for lease in sent]

    def without_ledger(self, charge: Charge, now: int) -> None:
        """It was sent although nobody granted it."""
        self._unleased.add(charge, now)

    def left_late(self, lease: Lease, now: int) -> None:
        """It is sent only now. Before `lease.at` says so."""
        if lease.kept:
            self._take_out(lease.charge, lease, now)
        self._leased.add(lease.charge if lease.kept else lease.granted, now)
        lease.kept = True

    def gave_back(self, lease: Lease, now: int) -> None:
        """It was not sent."""
        pairs = zip(lease.charge, _NOTHING if lease.kept else lease.granted, strict=True)
        self._take_out([charge - granted for charge, granted in pairs], lease, now)

    def corrected(self, lease: Lease, delta: Sequence[int], now: int) -> None:
        """The provider charges more for it, or less."""
        self._leased.correct(delta, lease.at - lease.lot.ahead, now)

    def produced(self, lease: Lease, room: int, output: int, now: int) -> None:
        """So much output was written only now, of which `lease` was charged `room` when it was sent."""
        self._leased.correct((0, 0, -room, 0), lease.at - lease.lot.ahead, now)
        self._leased.add((0, 0, output, 0), now)

    def void(self, batch: Batch, unsaid: Unsaid) -> None:
        """The ledger is another one, and may be the first to see `batch`."""
        self._unbooked = self._not_booked(batch, unsaid)

    def booked(self) -> None:
        """A ledger that knew all has answered."""
        self._unbooked = _NOTHING

    def teach(self, batch: Batch, unsaid: Unsaid, last: LastAnswer, terms: AccountTerms, now: int) -> Batch:
        """`batch` with all that is known of the ledger that is gone."""
        less = self._not_booked(batch, unsaid)
        own = (max(0, one - other) for one, other in zip(self._leased.total(now), less, strict=True))
        sent = self._leased.sent(now) + self._unleased.sent(now)
        return batch._replace(sent=sent, recall=last.recall(terms, Charge(*own), now))

    def _take_out(self, charge: Sequence[int], lease: Lease, now: int) -> None:
        self._leased.correct([-units for units in charge], lease.at - lease.lot.ahead, now)

    def _not_booked(self, batch: Batch, unsaid: Unsaid) -> Charge:
        said = more_of(one.delta for one in batch.settles)
        return Charge(*map(sum, zip(self._unbooked, said, unsaid.more(), strict=True)))
