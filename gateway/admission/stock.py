"""How much stock of leases a worker asks for on one account, and when again (reference §2.5). Pure; milliseconds.

Stock must last until a refill has come, and then be worth the call. It is for plenty: the ledger gives none, and
none is asked for, where room is scarce or somebody waits.
"""

from gateway.admission.appetite import Appetite
from gateway.admission.last_answer import LastAnswer
from gateway.admission.ledger import StockAsk

LEASE_MS = 2_000
#: When none was granted, or not even half.
_NONE_MS = 1_000
_LITTLE_MS = 100


class Stock:
    """`low`: that many places or fewer in hand are to be refilled, from `due` on; −1: there is none to be had."""

    __slots__ = ("_appetite", "due", "low")

    def __init__(self, appetite: Appetite, now: int) -> None:
        self._appetite = appetite
        self.low = -1
        self.due = now

    def ask(self, in_hand: int, waiting: int, last: LastAnswer, now: int) -> StockAsk | None:
        """What to ask for, with `in_hand` places that are good for a while, and `waiting` for whom nobody asks."""
        unit = self._appetite.unit()
        if unit is None or now < self.due or not last.plenty or self._appetite.idle(now):
            units = 0
        else:
            units = self._appetite.target(round(last.call_ms)) + waiting - in_hand
        if unit is None or units <= 0:
            if in_hand <= self.low:  # or it would be due again at once, and nothing asked for, for ever
                self.due = max(self.due, now + _LITTLE_MS)
            return None
        return StockAsk(unit, units, LEASE_MS)

    def heard(self, asked: StockAsk | None, granted: int, last: LastAnswer, now: int) -> None:
        """What came of it."""
        if asked is not None and last.plenty:
            enough = 2 * granted >= asked.units
            self.due = now + (0 if enough else _LITTLE_MS if granted else _NONE_MS)
        to_be_had = last.plenty and (granted > 0 or self.due <= now)
        self.low = self._appetite.low(round(last.call_ms)) if to_be_had else -1

    def is_low(self, in_hand: int, now: int) -> bool:
        return in_hand <= self.low and not self._appetite.idle(now)
