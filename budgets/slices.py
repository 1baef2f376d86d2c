"""Whether a request may be paid for, decided in memory: the budgets of all, its tenant and its key, all or none.

A worker spends from slices that it leased from the books (`slice`). What is reserved is settled or released,
each once. Pure; who calls it asks the books in the background (`wants`, `hear`) and writes the spool. With
the books away slices are spent; then hard budgets find too little (the caller refuses) and soft ones go on.
"""

from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass
from heapq import nsmallest
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from budgets.period import Span, span
from budgets.slice import LOWERED_S, Budget, Grant, Slice, Want

#: Percent of a soft budget at which its callers are warned.
WARNINGS = (80, 100)
#: Seconds after which an unused slice goes back.
IDLE_S = 60.0

#: At most so many are asked for at a time; the others' turn comes after.
WANTS_MAX = 1000

Id = TypeVar("Id", bound=Hashable)  # what a reservation is known by


@dataclass(frozen=True, slots=True)
class Reserved:
    """The request may go; `accounts` go into its INTENT."""

    accounts: tuple[tuple[str, str], ...]
    warnings: tuple[tuple[str, int], ...] = ()  # soft budgets that are used up so far, in percent


class Short(NamedTuple):
    """Of these there is too little here: ask the books, then try again."""

    lacking: tuple[Budget, ...]


class Exhausted(NamedTuple):
    """The budget does not have it, until its period ends."""

    budget: Budget
    span: Span
    left: int


#: The amount, what it is taken from, and when nobody is expected to settle it any more.
_Open = tuple[int, tuple[Slice, ...], float]


class Levels:
    """The budgets that a request counts in, all or none; to be kept, as the slices behind them are looked up once.

    Those are found again when a period ends, a slice was forgotten or terms are others (`version` is `Slices`').
    `ids` say which they are: on what terms, `Slices.follow` does, however old the request that brings `budgets`.
    """

    __slots__ = ("budgets", "hard", "ids", "reserved", "since", "slices", "soft", "until", "version")

    def __init__(self, budgets: tuple[Budget, ...]) -> None:
        self.budgets = budgets
        self.ids = tuple([budget.id for budget in budgets])
        self.version = -1

    def resolve(self, slices: tuple[Slice, ...], version: int) -> None:
        """These are the slices, until one's period ends."""
        self.slices, self.version = slices, version
        self.hard = tuple([each for each in slices if each.budget.hard])
        self.soft = tuple([each for each in slices if not each.budget.hard])
        self.since = max(each.span.start for each in slices)
        self.until = min(each.span.end for each in slices)
        self.reserved = Reserved(tuple([each.account for each in slices]))

    def with_warnings(self) -> Reserved:
        """The same, and what is to be said of soft ones now."""
        found = [(each.budget.id, percent) for each in self.soft if (percent := _warning(each))]
        return Reserved(self.reserved.accounts, tuple(found)) if found else self.reserved


class Slices(Generic[Id]):
    """Of one worker. Times are seconds since 1970, by the clock of whoever calls."""

    def __init__(self) -> None:
        self._slices: dict[tuple[str, str], Slice] = {}
        self._open: dict[Id, _Open] = {}
        self._askings = 0
        self._version = 0  # counts the slices that were forgotten, and the changes of terms
        self._terms: Callable[[str], Budget | None] = _unsaid
        #: Those of which the books should be asked now rather than by and by.
        self.pressing: dict[tuple[str, str], Slice] = {}

    @property
    def open_count(self) -> int:
        return len(self._open)

    def reserve(
        self, one: Id, levels: Levels, amount: int, now: float, expires: float
    ) -> Reserved | Short | Exhausted:
        """Take `amount` from every budget, or from none. What is free passes budgets that have nothing left."""
        if one in self._open:
            raise ValueError("reserved twice")
        if amount < 0:
            raise ValueError("a negative amount")
        if levels.version != self._version or not levels.since <= now < levels.until:
            self._resolve(levels, now)
        slices = levels.slices
        if amount:
            for each in levels.hard:
                if each.granted - each.returned - each.spent - each.reserved < amount:  # `free`, with no call
                    return self._refusal(slices, amount, now)
        for each in slices:
            each.touched = now
            if amount:
                each.reserved += amount
                each.begun += amount
                each.amounts.append(amount)
        self._open[one] = amount, slices, expires
        return levels.with_warnings() if levels.soft else levels.reserved

    def behind(self, levels: Levels, amount: int, now: float, awaited: Collection[str]) -> Short | Exhausted:
        """As `reserve` where others came before: one of these at least is among the ids that are `awaited`."""
        if levels.version != self._version or not levels.since <= now < levels.until:
            self._resolve(levels, now)
        return self._refusal(levels.slices, amount, now, awaited)

    def settle(self, one: Id, cost: int) -> bool:
        """What it came to, even where that is more than was reserved. False when it was resolved before."""
        found = self._open.pop(one, None)
        if found is None:
            return False
        if cost < 0:
            raise ValueError("a negative cost")
        amount, slices, _ = found
        for each in slices:
            each.reserved -= amount
            each.spent += cost
            if not each.stocked and cost < amount and each.budget.hard:
                if each.doubtful:
                    each.give_back()
                self._press(each)  # others wait for what is left over
        return True

    def release(self, one: Id) -> bool:
        """Nothing was spent."""
        return self.settle(one, 0)

    def late(self, now: float) -> list[tuple[Id, int]]:
        """Those of whom nothing was heard, and what they reserved: to be settled as that, if they were sent."""
        return [(one, amount) for one, (amount, _, expires) in self._open.items() if expires <= now]

    def wants(self, now: float, only_urgent: bool = False) -> list[Want]:
        """What to say to the books, in one statement. Those told `Short` try again when the answer is in.

        `WANTS_MAX` at most: of those that are urgent any, of the others those that were not asked for longest.
        """
        self._askings += 1
        asking = dict(islice(self.pressing.items(), WANTS_MAX))
        for key in asking:
            del self.pressing[key]
        if not only_urgent:
            asking |= self._others(asking, WANTS_MAX - len(asking))
        wants: list[Want] = []
        for key, each in asking.items():
            each.tick(now - each.asked_at if each.asked_at else 0.0)
            lasting = now < each.span.end and now - each.touched < IDLE_S
            if not lasting and each.complete:
                if now >= each.span.end + IDLE_S:
                    self._forget(key)
                    continue
                if 0 <= now - each.asked_at < IDLE_S:
                    continue  # from time to time all the same: an answer may have been lost
            each.asked_at = now
            wants.append(each.want(lasting, not 0 <= now - each.lowered_at < LOWERED_S, self._askings))
        return sorted(wants)  # every worker locks the books' rows in the same order

    def hear(self, grants: Iterable[Grant]) -> None:
        for grant in grants:
            found = self._slices.get((grant.budget, grant.period))
            if found is not None:
                found.hear(grant)

    def drain(self) -> list[Want]:
        """The last of `wants`: all that is not reserved goes back."""
        self._askings += 1
        return sorted(each.want(False, False, self._askings) for each in self._slices.values())

    def follow(self, terms: Callable[[str], Budget | None], now: float) -> None:
        """What `terms` says of an id holds from now on, for what is under way, too; the books are told it.

        Of whom it says nothing, the last that was said holds. Where a cap is lower now, nothing is spent before the
        books have answered, who are to be asked at once (`pressing`); what is reserved stays.
        """
        self._terms = terms
        self._version += 1
        for each in self._slices.values():
            found = terms(each.budget.id)
            if found is not None and each.follow(found, self._askings, now):
                self._press(each)

    def current(self, budget: Budget, now: float) -> Slice:
        """Of the period that lasts, for readings: one that was not used here is not kept."""
        lasting = span(budget.period, now, budget.anchor)
        return self._slices.get((budget.id, lasting.key)) or Slice(budget, lasting)

    def slices(self) -> Iterable[Slice]:
        """For readings."""
        return self._slices.values()

    def _others(self, asking: Collection[tuple[str, str]], count: int) -> dict[tuple[str, str], Slice]:
        if len(self._slices) <= len(asking) + count:
            return self._slices.copy()
        rest = [(each.asked_at, key) for key, each in self._slices.items() if key not in asking]
        return {key: self._slices[key] for _, key in nsmallest(count, rest)}

    def _press(self, each: Slice) -> None:
        self.pressing[each.account] = each

    def _forget(self, key: tuple[str, str]) -> None:
        del self._slices[key]
        self._version += 1

    def _refusal(
        self, slices: tuple[Slice, ...], amount: int, now: float, awaited: Collection[str] = ()
    ) -> Short | Exhausted:
        """At least one of them has too little, or is `awaited` by others."""
        lacking = [
            each for each in slices if (each.budget.hard and each.free < amount) or each.budget.id in awaited
        ]
        for each in lacking:
            if each.budget.hard and each.exhausted(amount):
                return Exhausted(each.budget, each.span, max(0, each.budget.limit - each.spent_in_all))
        for each in slices:
            each.touched = now
            if each.budget.hard:
                each.lack(amount)
                self._press(each)
        return Short(tuple([each.budget for each in lacking]))

    def _resolve(self, levels: Levels, now: float) -> None:
        levels.resolve(tuple([self._slice(budget, now) for budget in levels.budgets]), self._version)

    def _slice(self, budget: Budget, now: float) -> Slice:
        terms = self._terms(budget.id) or budget
        lasting = span(terms.period, now, terms.anchor)
        key = terms.id, lasting.key
        found = self._slices.get(key)
        if found is None:
            found = self._slices[key] = Slice(terms, lasting, self._askings + 1)
        return found


def _unsaid(_: str) -> None:
    """Nothing is configured: what is brought is all that is known."""


def _warning(found: Slice) -> int:
    spent, limit = found.spent_in_all + found.reserved, found.budget.limit
    return next((percent for percent in reversed(WARNINGS) if 100 * spent >= percent * limit), 0)
