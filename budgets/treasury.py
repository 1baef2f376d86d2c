"""The money of one worker, for the requests' side: may it be spent, what is sent, what did it cost.

`reserve`, `begin`, `settle`, `void` and `end` neither wait nor ask anybody: slices are in memory, records are
appended to the spool. Everything else goes on behind: asking the books for more (`leasing`), posting (`flusher`),
what dead workers left (`recovery`). With the database away slices are spent, then hard budgets are `Unavailable`
and soft ones go on; records wait in the spool, and `admitted_classes` falls before there is no room for them.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from budgets.books import Books
from budgets.flusher import FLUSH_S, Flusher, Posting
from budgets.holder import Holder
from budgets.leasing import Leasing, Waiting
from budgets.period import Span
from budgets.price import Price
from budgets.price_table import PriceTable, Seller
from budgets.reconciliation import Reconciliation
from budgets.recovery import Recovery
from budgets.reservation import Attempt, Reservation, State, Unavailable
from budgets.slice import Budget
from budgets.slices import Exhausted, Levels, Reserved, Short, Slices
from budgets.spool.claim import Claim, claim_free
from budgets.spool.damaged import damaged_epochs
from budgets.spool.journal import Journal
from budgets.spool.pressure import SpoolBounds
from budgets.spool.record import Correct, Intent, Settle, Void
from budgets.spool.replay import unknown
from budgets.spool.tail import Tail
from budgets.spool.writer import SpoolWriter
from budgets.watch import Watch
from storage.database import Database, DatabaseAwayError, DatabaseBusyError

#: After its deadline a request is given so much longer, and then up.
LATE_S = 30.0
_EXPIRE_S = 1.0
DRAIN_S = 10.0
_UNDER_WAY, _GIVEN_UP, _OVER = State  # an enumeration's members are looked up in Python

log = logging.getLogger(__name__)


class Readings(NamedTuple):
    spool_records: int  # not posted yet
    spool_oldest_s: float
    open_reservations: int


class Balance(NamedTuple):
    """A budget as this worker knows it, in nano-dollars; what others spent is as old as the last exchange."""

    budget: Budget
    span: Span
    spent: int  # by all
    reserved: int  # by requests under way here
    free: int  # left in this worker's slice
    leased: int | None  # by all workers; None: the books have not been asked yet


class Treasury:
    """Made and used on one event loop; `root` is the directory of all workers' spools on this machine.

    `now` is the wall clock in seconds since 1970, `monotonic` that of deadlines. One of all workers `reconciles`.
    """

    def __init__(
        self,
        root: Path,
        database: Database,
        prices: PriceTable,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        watch: Watch | None = None,
        bounds: SpoolBounds | None = None,
        flush_s: float = FLUSH_S,
        reconciles: bool = False,
    ) -> None:
        #: Replaced whole when the configuration changes.
        self.prices = prices
        self._root = root
        self._now = now
        self._monotonic = monotonic
        self._watch = watch or Watch()
        self._bounds = bounds
        self._flush_s = flush_s
        self._reconciles = reconciles
        self._slices = Slices[Reservation]()
        self.books = Books(database.flushes)
        self._tasks: list[asyncio.Task[None]] = []
        self._claim: Claim
        self._writer: SpoolWriter
        self._flusher: Flusher
        self._leasing: Leasing
        self._recovery: Recovery
        self._holder = ""

    async def start(self) -> None:
        """Whether or not the database is there. OSError: no spool can be had, and no worker can be without."""
        claim, holder = await asyncio.to_thread(_take_seat, self._root)
        journal = Journal(claim.path, holder.epoch)
        self._claim, self._holder = claim, str(holder)
        self._writer = SpoolWriter(claim.path, journal, self._bounds)
        posting = Posting(self.books, claim.path / "refused.ndjson", self._watch, self._monotonic)
        tail = Tail(claim.path, holder.epoch)
        self._flusher = Flusher(tail, self._writer, posting, holder, self._watch, self._flush_s)
        self._leasing = Leasing(self._slices, self.books, holder, self._now, self._monotonic, self._watch)
        self._recovery = Recovery(self._root, claim.path, holder, self.books, posting, self._watch)
        reconciliation = Reconciliation(self.books, self._now, self._watch)
        self._tasks = [
            asyncio.create_task(run, name=name)
            for name, run in (
                ("leasing", self._leasing.run()),
                ("flusher", self._flusher.run()),
                ("recovery", self._recovery.run()),
                ("expiry", self._expire()),
                *((("reconciliation", reconciliation.run()),) if self._reconciles else ()),
            )
        ]

    async def close(self, within_s: float = DRAIN_S) -> None:
        """After the last request has ended. What cannot be posted in time is in the spool, for the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(within_s):
                await self.flush()
                await self._leasing.drain()
                if not self._writer.unflushed and not self._slices.open_count:
                    damaged = await asyncio.to_thread(damaged_epochs, self._claim.path)
                    await self.books.close(Holder.of(self._holder), damaged)
        except (TimeoutError, DatabaseAwayError, DatabaseBusyError, OSError) as error:
            log.warning("usage records stay in the spool: %s", error or "no time left")
        try:
            await self._writer.close()
        finally:
            self._claim.close()

    async def flush(self) -> None:
        """Post what is in the spool, now rather than when it is due. Raises as `Books` does."""
        await self._flusher.flush()

    async def recover(self) -> None:
        """Post what dead workers left, now rather than at the next round."""
        await self._recovery.round()

    def now_ms(self) -> int:
        """Milliseconds since 1970, as records have them."""
        return int(self._now() * 1000.0)

    @property
    def holder(self) -> str:
        """Whose slices are charged: goes into every INTENT."""
        return self._holder

    def follow(self, terms: Callable[[str], Budget | None]) -> None:
        """What `terms` says of an id holds from now on, whatever a request brings; None: what was said last."""
        self._slices.follow(terms, self._now())
        if self._slices.pressing:
            self._leasing.wake()

    def price(self, seller: Seller, model: str, tenant: str) -> Price:
        return self.prices.price(seller, model, tenant, self._now())

    def reserve(
        self, request_id: str, levels: Levels, amount: int, deadline: float
    ) -> Reservation | Waiting | Exhausted | Unavailable:
        """`amount` nano-dollars, no less than it can cost, out of every budget or none; to be given to `end`."""
        now = self._now()
        held = Reservation(request_id, amount, int(now * 1000))
        if not levels.budgets:
            return held
        expires = deadline + LATE_S
        patience_s = deadline - self._monotonic()
        decided: Reserved | Short | Exhausted
        if amount and (awaited := self._leasing.awaited(levels)):
            decided = self._slices.behind(levels, amount, now, awaited)
        else:
            decided = self._slices.reserve(held, levels, amount, now, expires)
        if isinstance(decided, Reserved):
            held.accounts, held.warnings = decided.accounts, decided.warnings
            return held
        if isinstance(decided, Short):
            return self._leasing.wait(held, levels, decided.lacking, expires, patience_s)
        return decided

    def begin(self, held: Reservation, intent: Intent, price: Price) -> Attempt:
        """Before the attempt is sent, of which `intent` says all. SpoolError: it must not be sent."""
        if held.over or held.attempt is not None:
            raise ValueError("a reservation is good for one attempt at a time, until it is over")
        self._writer.begin(intent)
        attempt = held.attempt = Attempt(held, intent, price)
        return attempt

    def settle(self, attempt: Attempt, said: Settle) -> None:
        """What it came to; the reservation is over."""
        over = said.cost - attempt.intent.reserved
        if attempt.state is _GIVEN_UP:
            self._correct(attempt, over, said.source)
            return
        self._settle(attempt, said, _OVER)
        if over > 0:
            self._watch.overrun(attempt.intent.request_id, over)

    def void(self, attempt: Attempt, reason: str = "") -> None:
        """Nothing is owed for it; what was reserved is there for the next attempt, or for `end`."""
        if attempt.state is _GIVEN_UP:
            self._correct(attempt, -attempt.intent.reserved, reason)
            return
        self._resolve(attempt, _OVER)
        self._writer.resolve(Void(attempt.intent.request_id, attempt.intent.attempt, reason))

    def give_up(self, attempt: Attempt) -> None:
        """It will not be known what it cost: as much as was reserved. Heard of later, it is corrected."""
        self._settle(attempt, unknown(attempt.intent), _GIVEN_UP)
        self._watch.unknown(attempt.intent.request_id)

    def end(self, held: Reservation) -> None:
        """The request is over, once or again; an attempt still under way is given up."""
        if held.over:
            return
        if held.attempt is not None:
            self.give_up(held.attempt)
            return
        held.over = True
        if held.accounts:
            self._slices.release(held)
            if self._slices.pressing:
                self._leasing.wake()

    def admitted_classes(self) -> int:
        """How many priority classes the spool has room for, from the most urgent."""
        return self._writer.admitted_classes()

    def readings(self) -> Readings:
        return Readings(self._writer.unflushed, self._writer.state().oldest_s, self._slices.open_count)

    def balances(self, budgets: Iterable[Budget]) -> list[Balance]:
        """Of the periods that last now; asks nobody."""
        now = self._now()
        return [self._balance(budget, now) for budget in budgets]

    def used_ratios(self) -> Iterator[tuple[str, float]]:
        """How much of each budget is spent, of those that were used here lately."""
        now = self._now()
        for each in self._slices.slices():
            if each.span.start <= now < each.span.end:
                yield each.budget.id, each.spent_in_all / each.budget.limit if each.budget.limit else 1.0

    def _balance(self, budget: Budget, now: float) -> Balance:
        found = self._slices.current(budget, now)
        leased = found.standing.leased if found.standing is not None and budget.hard else None
        return Balance(budget, found.span, found.spent_in_all, found.reserved, found.free, leased)

    def _settle(self, attempt: Attempt, said: Settle, state: State) -> None:
        held = self._resolve(attempt, state)
        held.over = True
        self._writer.resolve(said)
        if held.accounts:
            self._slices.settle(held, said.cost)
            if self._slices.pressing:
                self._leasing.wake()

    def _correct(self, attempt: Attempt, delta: int, reason: str) -> None:
        attempt.state = _OVER
        if delta:
            self._writer.resolve(Correct(attempt.intent, 1, delta, reason))

    def _resolve(self, attempt: Attempt, state: State) -> Reservation:
        if attempt.state is not _UNDER_WAY:
            raise ValueError("an attempt is resolved once")
        attempt.state, attempt.reservation.attempt = state, None
        return attempt.reservation

    async def _expire(self) -> None:
        """Reservations that nobody ended: what was sent is given up, what was not goes back."""
        while True:
            await asyncio.sleep(_EXPIRE_S)
            for held, _ in self._slices.late(self._monotonic()):
                log.error("request %s did not end its reservation", held.request_id)
                try:
                    self.end(held)
                except Exception:  # the others' end by themselves all the same
                    log.exception("the reservation of request %s could not be ended", held.request_id)


def _take_seat(root: Path) -> tuple[Claim, Holder]:
    claim = claim_free(root)
    return claim, Holder(claim.identity(), claim.epoch())
