"""Keeps a worker's slices: asks the books for more and gives back, one exchange at a time, and tells who waited.

Far from every cap it is one exchange a second for all budgets together, whatever the requests. Near a cap requests
wait for it: at once, all of them in one, in the order in which they came. They wait for the budgets that lack, not
for the others that they count in: who shares only these passes. With the books away slices are spent as they are;
who then finds too little is told so after a short grace, not kept waiting.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress

from budgets.books import Books
from budgets.holder import Holder
from budgets.reservation import Reservation, Unavailable
from budgets.slice import Budget
from budgets.slices import Exhausted, Levels, Reserved, Short, Slices
from budgets.watch import Watch
from storage.database import DatabaseAwayError, DatabaseBusyError

TICK_S = 1.0
#: Between exchanges that are urgent, so that what is wanted meanwhile goes into one; longer while nobody gains.
_PAUSE_S = (0.005, 0.02, 0.05, 0.1, 0.25)
#: How long a request waits for the books, at most, and how many do.
WAIT_S = 5.0
WAITING_MAX = 10_000
#: For so long the books may fail before those who need them are told; a server that restarts is not noticed.
GRACE_S = 1.0
#: Counted in parts: a process that stood still was not waiting for the books.
_GRACE_PARTS = 4

log = logging.getLogger(__name__)

Decided = Reservation | Exhausted | Unavailable


class Waiting:
    """A request that waits for the books: `decided` is to be awaited, once. `lacking` are what it waits for."""

    def __init__(
        self,
        leasing: "Leasing",
        held: Reservation,
        levels: Levels,
        lacking: tuple[Budget, ...],
        expires: float,
        patience_s: float,
    ) -> None:
        self.held = held
        self.lacking = lacking
        self.levels = levels
        self.expires = expires
        self.future: asyncio.Future[Decided] = asyncio.get_running_loop().create_future()
        self._leasing = leasing
        self._patience_s = patience_s

    async def decided(self) -> Decided:
        """In `WAIT_S` at the latest. Cancelled, nothing is held."""
        try:
            async with asyncio.timeout(self._patience_s):
                return await self.future
        except TimeoutError:
            if self.future.done() and not self.future.cancelled():
                return self.future.result()
            return Unavailable(self.lacking[0], self._leasing.reason)
        except asyncio.CancelledError:
            self._leasing.give_back(self)
            raise
        finally:
            self._leasing.leave(self)

    def give_up(self) -> None:
        """In place of `decided`, by who cannot wait: nothing is held."""
        self._leasing.give_back(self)
        self._leasing.leave(self)
        self.future.cancel()


class Leasing:
    """Times: `now` is the wall clock, which decides periods; intervals are the loop's."""

    def __init__(
        self,
        slices: Slices[Reservation],
        books: Books,
        holder: Holder,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        watch: Watch,
    ) -> None:
        self._slices = slices
        self._books = books
        self._holder = holder
        self._now = now
        self._monotonic = monotonic
        self._watch = watch
        self._waiting: dict[Waiting, None] = {}
        self._awaited: Counter[str] = Counter()
        self._urgent = asyncio.Event()
        self._failing_since: float | None = None
        self._told = False
        self._ended = False

    @property
    def reason(self) -> str:
        """Why there is no answer."""
        return "busy" if self._failing_since is None else "away"

    def away(self) -> bool:
        """Whether the books have failed for longer than anybody should wait."""
        since = self._failing_since
        return self._ended or (since is not None and self._monotonic() - since >= GRACE_S)

    def wake(self) -> None:
        """There is something urgent."""
        self._urgent.set()

    def awaited(self, levels: Levels) -> Collection[str]:
        """The ids that are waited for, if any of these is among them; books that are away nobody waits for."""
        awaited = self._awaited
        if not awaited or awaited.keys().isdisjoint(levels.ids) or self.away():
            return ()
        return awaited.keys()

    def wait(
        self,
        held: Reservation,
        levels: Levels,
        lacking: tuple[Budget, ...],
        expires: float,
        patience_s: float,
    ) -> Waiting | Unavailable:
        """In line for `lacking`, of which there is too little or others came before; unless there is no hope."""
        if self.away() or len(self._waiting) >= WAITING_MAX:
            return Unavailable(lacking[0], self.reason)
        one = Waiting(self, held, levels, lacking, expires, min(patience_s, WAIT_S))
        self._waiting[one] = None
        self._awaited.update([budget.id for budget in lacking])
        self._urgent.set()
        return one

    def leave(self, one: Waiting) -> None:
        if one in self._waiting:
            del self._waiting[one]
            self._awaited -= Counter([budget.id for budget in one.lacking])

    def give_back(self, one: Waiting) -> None:
        """What it was given and did not live to use."""
        if one.future.done() and not one.future.cancelled() and one.future.result() is one.held:
            one.held.over = True
            self._slices.release(one.held)

    async def run(self) -> None:
        """For ever."""
        idle = 0
        regular = self._monotonic()
        while True:
            await self._until(regular)
            only_urgent = self._monotonic() < regular
            if not only_urgent:
                regular = self._monotonic() + TICK_S
            gained = await self._exchange(only_urgent)
            idle = 0 if gained or not self._waiting else min(idle + 1, len(_PAUSE_S) - 1)
            await asyncio.sleep(_PAUSE_S[-1] if self._failing_since is not None else _PAUSE_S[idle])

    async def drain(self) -> None:
        """Gives everything back that is not reserved; nobody is served any more."""
        self._end()
        grants = await self._books.exchange(self._holder, self._slices.drain())
        self._slices.hear(grants or ())

    def _end(self) -> None:
        self._ended = True
        self._tell_away()

    async def _until(self, regular: float) -> None:
        if not self._slices.pressing:
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, regular - self._monotonic())):
                    await self._urgent.wait()
        self._urgent.clear()

    async def _exchange(self, only_urgent: bool) -> bool:
        """Whether somebody who waited was told."""
        began = self._monotonic()
        silence = asyncio.create_task(self._silence(), name="silent books")
        try:
            grants = await self._books.exchange(self._holder, self._slices.wants(self._now(), only_urgent))
            if grants is None:
                self._fail("the slices of this worker were closed")
                return False
            self._slices.hear(grants)
            before = len(self._waiting)
            self._try_again()
        except (DatabaseAwayError, DatabaseBusyError) as error:
            self._fail(str(error))
            return False
        except Exception as error:  # of our own: who waits is told, and the next exchange comes all the same
            if not self._told:
                log.exception("budgets: an exchange with the books failed")
            self._fail(repr(error))
            return False
        finally:
            silence.cancel()
        self._answered()
        self._watch.asked(self._monotonic() - began)
        return len(self._waiting) < before

    async def _silence(self) -> None:
        """Books that do not answer are away before their time-outs say so; what was asked may still come."""
        for _ in range(_GRACE_PARTS):
            await asyncio.sleep(GRACE_S / _GRACE_PARTS)
        if self._failing_since is None:
            self._failing_since = self._monotonic() - GRACE_S
        self._fail("no answer yet")

    def _answered(self) -> None:
        self._failing_since = None
        if self._told:
            self._told = False
            self._watch.held(False)

    def _fail(self, reason: str) -> None:
        if self._failing_since is None:
            self._failing_since = self._monotonic()
        if self.away():
            if not self._told:
                log.warning("hard budgets are held to what was leased before: %s", reason)
                self._told = True
                self._watch.held(True)
            try:
                self._try_again()  # what is here is spent
            except Exception:  # of our own: as in an exchange
                log.exception("budgets: who waited could not be decided about")
            self._tell_away()

    def _tell_away(self) -> None:
        for one in list(self._waiting):
            self._decide(one, Unavailable(one.lacking[0], "away"))

    def _try_again(self) -> None:
        """All who wait, in the order in which they came."""
        now = self._now()
        for one in list(self._waiting):
            decided = self._slices.reserve(one.held, one.levels, one.held.amount, now, one.expires)
            if isinstance(decided, Short):
                self._wait_for(one, decided.lacking)
            elif isinstance(decided, Reserved):
                one.held.accounts, one.held.warnings = decided.accounts, decided.warnings
                one.held.at_ms = int(now * 1000)
                self._decide(one, one.held)
            else:
                self._decide(one, decided)

    def _wait_for(self, one: Waiting, lacking: tuple[Budget, ...]) -> None:
        """For these rather than for what it waited for before."""
        if one.lacking != lacking:
            self._awaited -= Counter([budget.id for budget in one.lacking])
            self._awaited.update([budget.id for budget in lacking])
            one.lacking = lacking

    def _decide(self, one: Waiting, decided: Decided) -> None:
        self.leave(one)
        if not one.future.done():
            one.future.set_result(decided)
        elif isinstance(decided, Reservation):
            decided.over = True
            self._slices.release(decided)
