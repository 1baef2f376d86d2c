"""What a request holds of its budgets, and its attempts out of it; and the two ways not to get it.

A reservation is good for one attempt at a time: voided, its money is there for the next; settled, it is spent.
Plain nouns: `Treasury` makes them and changes them.
"""

from enum import Enum, auto
from typing import NamedTuple

from budgets.price import Price
from budgets.record import Record
from budgets.slice import Budget
from budgets.spool.record import Intent


class Reservation(Record, eq=False):
    """Nano-dollars held for a request until an attempt is settled, or the request is over."""

    request_id: str
    amount: int
    at_ms: int  # decides the periods it counts in
    accounts: tuple[tuple[str, str], ...] = ()
    #: Soft budgets that are used up so far, in percent: to be told to the caller.
    warnings: tuple[tuple[str, int], ...] = ()
    attempt: "Attempt | None" = None  # under way
    over: bool = False


class State(Enum):
    """Of an attempt."""

    UNDER_WAY = auto()
    GIVEN_UP = auto()  # posted as what was reserved; what is heard later is a correction
    OVER = auto()


class Attempt(Record, eq=False):
    """One sending upstream: an event of its own, and one row of the usage log."""

    reservation: Reservation
    intent: Intent
    price: Price  # that of when it was begun, whatever prices do meanwhile
    state: State = State.UNDER_WAY


class Unavailable(NamedTuple):
    """Whether there is money cannot be said now: the books do not answer, or all of it is held by others."""

    budget: Budget
    reason: str  # away | busy
