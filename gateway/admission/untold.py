"""What of one account was sent without the shared ledger, as that is told of it when it is back. Pure; ms.

What turns out later not to have been sent, or to be charged less, is taken out again: of what was told, in the slot
of the ledger's where it was told, for nothing is given back where nothing was charged.
"""

from gateway.admission.hand import Hand
from gateway.admission.last_minute import LastMinute, end_of
from gateway.charge import Charge

_TOLD_RANK = 1
#: No state of a ledger.
_NONE = -1


class Untold:
    """Times are the worker's own. One ledger state was told: of that it is known what was charged where."""

    __slots__ = ("_ahead", "_epoch", "_rows", "_until")

    def __init__(self) -> None:
        self._rows = LastMinute()
        self._until = 0  # what was sent before has been told,
        self._ahead = 0  # by a clock that was so far ahead,
        self._epoch = _NONE  # to this state

    def add(self, charge: Charge, at: int, hand: Hand, now: int, *, away: bool) -> None:
        """So much was sent then; where negative, less."""
        if at >= self._until and (away or not hand.last.whole):
            self._rows.correct(charge, at, now)
        elif not hand.last.relearn:  # which this worker's own record is for
            self._say(charge, at, hand)

    def tell(self, hand: Hand, now: int) -> None:
        """The ledger is back. One that forgot is told all that was sent, this among it."""
        rows, self._rows = self._rows, LastMinute()
        self._until = end_of(now)  # no grant is charged later than at the end of its slot
        self._epoch = _NONE if hand.last.relearn else hand.epoch
        self._ahead = hand.last.ahead
        if not hand.last.relearn:
            for end, charge in rows.rows(now):
                hand.unsaid.settled(end + self._ahead, charge, _TOLD_RANK)

    def _say(self, charge: Charge, at: int, hand: Hand) -> None:
        ahead = self._ahead
        if at >= self._until or self._epoch != hand.epoch:
            # To a ledger that was not told of the rest only what adds to it is news.
            ahead, charge = hand.last.ahead, Charge(*(max(0, units) for units in charge))
        if any(charge):
            hand.unsaid.settled(end_of(at) + ahead, charge, _TOLD_RANK)
