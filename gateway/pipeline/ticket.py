"""One exchange in admission: where it may go, what it would be charged there, and the permit it is given."""

import asyncio
from collections.abc import Iterator

from gateway.admission.choice import Wish
from gateway.admission.eligibility import RISING, SOUND, grade
from gateway.admission.grantor import Grant
from gateway.admission.item import Item
from gateway.admission.overflow import NO_KEY, NO_MONEY
from gateway.charge import Charge
from gateway.exchange import Exchange
from gateway.pipeline.router import Candidates, Way
from gateway.record import Record
from keys.secret import Secret


class Permit(Record, eq=False):
    """One attempt's right to go upstream by `way`; ended once, by `Dispatcher.end` or `Dispatcher.give_back`."""

    way: Way
    grant: Grant | None  # None: the account has no ceilings
    turn: int  # of the attempt, for what is said of the key's health later
    rank: int
    began: float
    number: int  # of those that were sent to its account
    item: Item | None = None  # that waited for it
    overflow: str | None = None  # why, where it is a local model's
    presented: Secret | None = None  # the key's secret as it was then
    guessed: int = 0  # of what was granted, output that nobody knows enough of to count on it


class Ticket(Record, eq=False):
    """Kept for as long as an exchange may still be sent somewhere."""

    exchange: Exchange
    candidates: Candidates
    targets: tuple[tuple[Way, ...], ...]  # where it may go: the candidates' own, until it overflows
    rank: int
    wish: Wish
    tried: tuple[Way, ...] = ()  # and what never has room enough for it: no ways of its any more
    #: Of the ways that were asked for (few): what it would be charged, and whether its answer's room is a guess.
    charges: tuple[tuple[Way, Charge, bool], ...] = ()
    came_back: bool = False  # it went and was not served: before all who wait
    owes_retry: bool = False  # it may go again when the budget of attempts allows
    overflowed: str | None = None  # why it may go to a local model
    late_from: float = 0.0  # its wait will have been too long, by what was last expected
    future: "asyncio.Future[Permit] | None" = None
    permit: Permit | None = None  # given to the future
    waiting_since: float = 0.0
    foreseen: bool = True  # how long it would have to wait was known when it came to

    def overflow(self, reason: str) -> None:
        """From now on it goes to the route's local model, or where else there is room first."""
        self.overflowed = reason
        self.targets = (self.candidates.overflow, *self.candidates.targets)

    def look_again(self, candidates: Candidates) -> None:
        """While it waited the configuration changed: it may go these ways now, and is before who came later."""
        self.candidates, self.targets, self.came_back = candidates, candidates.targets, True
        if self.overflowed is not None:
            self.targets = (candidates.overflow, *candidates.targets)
        self.charges = ()

    def avoids(self, way: Way) -> bool:
        """While it has others: that of a local model which failed somebody, until it has answered somebody."""
        local = self.candidates.overflow
        if self.overflowed in (None, NO_KEY, NO_MONEY) or way.account.breaker.closed:
            return False
        return way in local and any(other not in local for other in self.ways())

    def ways(self) -> Iterator[Way]:
        """Those that have not been tried, in order of preference."""
        pinned = self.wish.pinned
        for ways in self.targets:
            for way in ways:
                if way not in self.tried and (pinned is None or way.key_id == pinned):
                    yield way

    def prospects(self) -> list[Way]:
        """Those that it might be sent by."""
        return [way for way in self.ways() if not self.avoids(way)]

    def has_sound_way(self) -> bool:
        """Whether there is one against which nothing speaks but that it may have no room now."""
        return any(grade(way.health) in (SOUND, RISING) for way in self.prospects())

    def at(self, account: str) -> list[Way]:
        """The ways that lead to `account`."""
        return [way for way in self.ways() if way.account.id == account]


def ticket_of(item: Item) -> Ticket:
    """Whose the item is: in this gateway all who wait are tickets."""
    assert isinstance(item.owner, Ticket)
    return item.owner
