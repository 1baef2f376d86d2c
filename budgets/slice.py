"""One worker's part of one budget in one period, and what it knows of the whole.

What is said to the books and heard from them are totals since the worker started, which only grow: said twice,
out of order or not at all, they do no harm, and what was lost on the way is made good by whatever comes next.
Pure; the books are Postgres' (`posted + leased ≤ limit` for every budget, in one statement).
"""

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from budgets.period import Kind, Span
from budgets.slice_size import slice_size

#: Amounts that the dearest usual request is told from.
_AMOUNTS = 128
_BURN_TAU_S = 30.0
#: So long after a cap was lowered nobody holds stock of it: other workers may not have heard of it yet, and what
#: they spend meanwhile is room that stock here was leased in. Configurations are in force everywhere within 1 s.
LOWERED_S = 3.0


@dataclass(frozen=True, slots=True)
class Budget:
    """A cap on spending, of everything, a tenant or a tenant key."""

    id: str  # names it in the books, with its scope: all, tenant:a, key:a/web#2
    limit: int  # nano-dollars
    period: Kind
    hard: bool = True
    anchor: int = 1
    tenant: str = "*"  # whose it is; * for everybody's


class Standing(NamedTuple):
    """A budget as the books have it."""

    limit: int
    posted: int
    leased: int  # by all workers, and neither spent nor returned
    workers: int = 1
    recalled: bool = False  # somebody could not be served: what is not needed goes back


class Want(NamedTuple):
    """What a worker asks of the books, in totals since it started."""

    budget: str
    period: str
    granted: int  # to be raised to this, or as far as there is room,
    least: int  # but if not to this, then not at all
    returned: int
    asked: int  # which asking this is
    terms: Budget


class Grant(NamedTuple):
    """The answer: what the books hold for this worker, in totals, too."""

    budget: str
    period: str
    granted: int
    returned: int
    spent: int  # as far as it is posted
    standing: Standing
    asked: int  # which asking this answers


@dataclass(slots=True)
class Slice:
    """Nano-dollars. Totals of this worker since it started, but for `reserved`."""

    budget: Budget
    span: Span
    born: int = 0  # the asking it did not exist before
    heard: int = -1  # the last asking that was answered
    granted: int = 0
    returned: int = 0
    spent: int = 0
    posted: int = 0  # of `spent`
    lowered: int = 0  # the first asking under the cap that it was lowered to last
    lowered_at: float = 0.0
    reserved: int = 0  # by requests under way
    standing: Standing | None = None
    needed: int = 0  # by requests that found too little, since the last asking
    needed_least: int = 0  # by the smallest of them
    touched: float = 0.0
    asked_at: float = 0.0
    stocked: bool = False  # whether something is held for requests to come
    burn: float = 0.0
    begun: int = 0  # reserved since the last asking
    amounts: deque[int] = field(default_factory=lambda: deque(maxlen=_AMOUNTS))

    account: tuple[str, str] = field(init=False)  # budget, period

    def __post_init__(self) -> None:
        self.account = self.budget.id, self.span.key

    @property
    def free(self) -> int:
        return self.granted - self.returned - self.spent - self.reserved

    @property
    def spent_in_all(self) -> int:
        """By everyone, as far as is known here."""
        posted = self.standing.posted if self.standing is not None else 0
        return posted + self.spent - self.posted

    @property
    def doubtful(self) -> bool:
        """Whether what is free may be beyond the cap, for all that the books have said since that was lowered."""
        standing = self.standing
        if standing is None or self.heard < self.lowered:
            return True
        return standing.posted + standing.leased > self.budget.limit

    def exhausted(self, amount: int) -> bool:
        """Whether `amount` does not fit even if all that others hold, and all that is reserved, came back.

        By the limit that is in force here: the books may have heard of another one before, or not yet of this one.
        """
        return self.standing is not None and self.spent_in_all + amount > self.budget.limit

    def follow(self, terms: Budget, asked: int, now: float) -> bool:
        """Held to `terms` from now on; `asked` is the last asking. Whether the books are to be told at once.

        What was stocked under a higher cap, or none, goes back: it may be beyond this one.
        """
        before, self.budget = self.budget, terms
        if not terms.hard or (before.hard and before.limit <= terms.limit):
            return False
        self.lowered, self.lowered_at = asked + 1, now
        self.give_back()
        return True

    def give_back(self) -> None:
        """All that is free; the books hear of it with the next asking."""
        self.returned += max(0, self.free)
        self.stocked = False

    def lack(self, amount: int) -> None:
        """A request found too little, here or in another budget of its own: what there is, is kept for it."""
        self.needed_least = min(self.needed_least, amount) if self.needed else amount
        self.needed += amount

    def dear(self) -> int:
        """What 99 in 100 requests do not exceed."""
        ranked = sorted(self.amounts)
        return ranked[len(ranked) * 99 // 100] if ranked else 0

    def target(self) -> int:
        """What is to be in stock."""
        standing = self.standing
        if standing is None or standing.recalled:
            return 0
        remaining = self.budget.limit - standing.posted - standing.leased + self.free
        return slice_size(self.burn, self.dear(), remaining, max(standing.workers, 1))

    def tick(self, elapsed: float) -> None:
        weight = min(elapsed / _BURN_TAU_S, 1.0)
        if elapsed > 0:
            self.burn += weight * (self.begun / elapsed - self.burn)
            self.begun = 0

    def want(self, lasting: bool, stocking: bool, asked: int) -> Want:
        """What to ask, and what to give back at once; nothing is held for a period that is over or unused."""
        needed, least = (self.needed, self.needed_least) if lasting else (0, 0)
        self.needed = self.needed_least = 0
        stock = self.target() if lasting and stocking and self.budget.hard else 0
        self.stocked = stock > 0
        keep = max(stock, needed)
        if self.free > (2 * keep if stock else keep):
            self.returned += self.free - keep
        elif least > self.free > 0:
            self.returned += (
                self.free
            )  # serves nobody here, and together with others' leftovers may serve one
        free = self.free
        more = keep - free if free < needed or free < stock // 2 or free < 0 else 0
        if not self.budget.hard:
            more = least = 0  # nothing is leased of what is not held to; only its standing is asked for
        floor = least - free if more and least > free else min(more, 1)
        total = self.granted
        return Want(
            self.budget.id, self.span.key, total + more, total + floor, self.returned, asked, self.budget
        )

    def hear(self, grant: Grant) -> None:
        """An answer, whenever it comes: what it knows of grants and posts is no less than true."""
        if grant.asked < self.born:
            return  # to one before us, which has given back since
        if self.heard < 0:  # the books may remember one before us in the same period
            self.returned = grant.returned
        if grant.asked >= self.heard:
            self.heard, self.standing = grant.asked, grant.standing
        self.granted = max(self.granted, grant.granted)
        self.posted = max(self.posted, grant.spent)
        # Of a life before this one; or ours, spent while it was soft and posted before it was heard of here.
        self.spent = max(self.spent, self.posted)
        if self.budget.hard and self.doubtful:
            self.give_back()  # what was asked for before the cap was lowered, too

    @property
    def complete(self) -> bool:
        """Whether the books know all there is to know."""
        returned = not self.budget.hard or self.granted == self.returned + self.spent
        return not self.reserved and returned and self.posted == self.spent
