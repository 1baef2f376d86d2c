"""What a request holds of its budgets, and its attempts out of it; and the two ways not to get it.

A reservation is good for one attempt at a time: voided, its money is there for the next; settled, it is spent.
Plain nouns: `Treasury` makes them and changes them.
"""

from enum import Enum, auto
from typing import NamedTuple

from budgets.price import Price, cost
from budgets.slice import Budget
from budgets.spool.record import Intent
from budgets.usage import NOTHING, Tokens


class Reservation:
    """Nano-dollars held for a request until an attempt is settled, or the request is over."""

    __slots__ = ("accounts", "amount", "at_ms", "attempt", "over", "request_id", "warnings")

    def __init__(self, request_id: str, amount: int, at_ms: int) -> None:
        self.request_id = request_id
        self.amount = amount
        self.at_ms = at_ms  # decides the periods it counts in
        self.accounts: tuple[tuple[str, str], ...] = ()
        #: Soft budgets that are used up so far, in percent: to be told to the caller.
        self.warnings: tuple[tuple[str, int], ...] = ()
        self.attempt: Attempt | None = None  # under way
        self.over = False


class State(Enum):
    """Of an attempt."""

    UNDER_WAY = auto()
    GIVEN_UP = auto()  # posted as what was reserved; what is heard later is a correction
    OVER = auto()


class Attempt:
    """One sending upstream: an event of its own, and one row of the usage log."""

    __slots__ = ("_cost", "_counted", "intent", "price", "reservation", "state")

    def __init__(self, reservation: Reservation, intent: Intent, price: Price) -> None:
        self.reservation = reservation
        self.intent = intent
        self.price = price  # that of when it was begun, whatever prices do meanwhile
        self.state = State.UNDER_WAY
        self._counted: tuple[Tokens, str] = NOTHING, ""
        self._cost = -1

    def cost(self, tokens: Tokens, tier: str = "") -> int:
        """What it comes to, in nano-dollars. Asked for twice, for the caller and for the books, told twice."""
        if self._cost < 0 or self._counted[0] is not tokens or self._counted[1] != tier:
            self._counted, self._cost = (tokens, tier), cost(self.price, tokens, tier)
        return self._cost


class Unavailable(NamedTuple):
    """Whether there is money cannot be said now: the books do not answer, or all of it is held by others."""

    budget: Budget
    reason: str  # away | busy
