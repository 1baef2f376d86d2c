"""What this worker can teach a ledger that forgot: what it sent itself, and how the ledger stood before. Pure.

Of the latter its own part must be known, and rather too small: what the lost ledger was surely charged for this
worker. So settlements that it may not have booked, and what was sent without it, are left out there.
"""

from collections.abc import Sequence

from gateway.admission.dimension import AccountTerms
from gateway.admission.last_answer import LastAnswer
from gateway.admission.last_minute import LastMinute
from gateway.admission.ledger import Batch
from gateway.admission.sends import Sends
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

    def keep(self, sends: Sends, more: Charge | None, now: int) -> None:
        """They went, or turned out to be charged `more`."""
        if not sends.kept:
            sends.kept = True
            self._leased.add(sends.granted(), _when(sends))
        if more is not None:
            self._leased.correct(more, _when(sends), now)

    def without_ledger(self, charge: Charge, at: int, now: int) -> None:
        """So much was sent then although nobody granted it; where negative, less."""
        self._unleased.correct(charge, at, now)

    def take_out(self, charge: Charge, sends: Sends, now: int) -> None:
        """One of them was not sent, or not then."""
        if sends.kept:
            self._leased.correct([-units for units in charge], _when(sends), now)

    def add(self, charge: Charge, now: int) -> None:
        """It was sent now."""
        self._leased.add(charge, now)

    def corrected(self, sends: Sends, delta: Charge | Sequence[int], now: int) -> None:
        """The provider charges more for one of them, or less."""
        self._leased.correct(delta, _when(sends), now)

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

    def _not_booked(self, batch: Batch, unsaid: Unsaid) -> Charge:
        said = more_of(one.delta for one in batch.settles)
        return Charge(*map(sum, zip(self._unbooked, said, unsaid.more(), strict=True)))


def _when(sends: Sends) -> int:
    """By this worker's clock."""
    return sends.at - sends.lot.ahead
