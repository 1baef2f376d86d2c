"""One rate of one account: ceiling, window, sub-window, pacing, shares and block together. Pure; milliseconds.

`fits` decides and remembers which way (`Pace.way`), `commit` spends that way: they belong together, nothing
between.
"""

from gateway.admission.ceiling import Ceiling
from gateway.admission.dimension import WINDOW_MS, Dimension, slice_limit
from gateway.admission.pace import (
    BLOCKED,
    BY_LEVEL,
    CREDIT_USABLE_BELOW_PERCENT,
    SCALE,
    Pace,
)
from gateway.admission.share import Share
from gateway.admission.window import LEASE_MS_MAX, Window

#: Of the window, what only the top class may use; of a small one that is nothing. What is set aside for workers
#: without a ledger is part of it. Simulated at twice the load: 7 leaves 98.3 % of the ceiling, 10 only 98.0 %, and
#: with 5 (the set-aside alone) one in a hundred of the top class waits half a second.
TOP_CLASS_PERMILLE = 7
#: From this limit on it is one unit at least, whatever rounding leaves beside what is set aside. Of a key of 400
#: requests a minute it leaves nothing: there one in ten of the top class waited 140 ms, with one place 5 ms.
PLACE_FROM = 250


class Rate:
    """A dimension counted over a minute."""

    __slots__ = (
        "_burst_ms", "_shared_limit", "_way", "axis", "blocked_until", "burst", "burst_limit", "ceiling", "name",
        "pace", "share", "window",
    )  # fmt: skip

    def __init__(self, dimension: Dimension, set_aside_permille: int, now: int) -> None:
        self.name = dimension.name
        self.axis = dimension.axis
        self.ceiling = Ceiling(dimension.limit, set_aside_permille)
        self.window = Window(WINDOW_MS)
        self._burst_ms = dimension.burst_ms
        self.burst = Window(dimension.burst_ms) if dimension.burst_ms else None
        self.burst_limit = slice_limit(self.ceiling.lowered, self._burst_ms)
        self.share = Share()
        self.blocked_until = 0
        self._way = BY_LEVEL
        self._shared_limit = self._shared()
        self.pace = Pace(self._shared_limit, now)

    def configure(self, dimension: Dimension, set_aside_permille: int, now: int) -> None:
        """The configuration of the same dimension changed.

        A sub-window of another length begins as full as the window is: all of that may be sent when the last lease
        ends.
        """
        resliced = dimension.burst_ms != self._burst_ms
        self._burst_ms = dimension.burst_ms
        if self.ceiling.configure(dimension.limit, set_aside_permille) or resliced:
            self._resize()
        if resliced:
            self.burst = None
            self.touch(now)
            if self._burst_ms:
                self.burst = Window(self._burst_ms)
                self.burst.expire(now)
                self.burst.add(now + LEASE_MS_MAX, min(self.window.used, self.burst_limit))

    def touch(self, now: int) -> None:
        """Bring everything to `now`."""
        if now >= self.window.due:
            self.window.expire(now)
            self.share.fade(now)
            if self.ceiling.recover(now):
                self._resize()
        if self.burst is not None and now >= self.burst.due:
            self.burst.expire(now)
        self.pace.fill(self._shared_limit, now)

    def used(self, _now: int) -> int:
        """After `touch`."""
        return self.window.used

    def fits(self, units: int, rank: int, hold: int, now: int) -> bool:
        """Whether `units` may be granted while `hold` are kept for more urgent work. After `touch`.

        Into an empty window goes whatever the provider would allow at all: else what is above a lowered limit, or
        more than a slice takes, would wait for ever.
        """
        if now < self.blocked_until:
            return False
        used, wanted = self.window.used, units + hold
        if used + wanted > (self._shared_limit if rank else self.ceiling.limit) and (used or hold):
            return False
        burst = self.burst
        if burst is not None and burst.used + wanted > self.burst_limit and (burst.used or hold):
            return False
        way = self.pace.way(units, hold, self._shared_limit, used) if rank else BY_LEVEL
        self._way = way
        return way != BLOCKED

    def plenty(self, percent: int) -> int:
        """Units that go before `percent` of the window or sub-window is used, and that pacing has ready.

        Not on credit: what is not sent after all would come back as ready. After `touch`.
        """
        free = min(self.ceiling.limit * percent // 100 - self.window.used, self.pace.level // SCALE)
        if self.burst is not None:
            free = min(free, self.burst_limit * percent // 100 - self.burst.used)
        return free

    def at_once(self, *, paced: bool) -> int:
        """The most that `fits` lets a lower class have in one go, where nothing is kept. After `touch`."""
        used, limit = self.window.used, self._shared_limit if paced else self.ceiling.limit
        free = limit - used
        if self.burst is not None:
            free = min(free, self.burst_limit - self.burst.used)
        if paced:
            usable = used * 100 < limit * CREDIT_USABLE_BELOW_PERCENT
            free = min(free, max(self.pace.level, self.pace.credit if usable else 0) // SCALE)
        return free

    def commit(self, units: int, rank: int, at: int, *, overdraw: bool) -> None:
        """Charge what `fits` has just let through at `at`, where its lease ends. `overdraw`: like the top class."""
        self.window.add(at, units)
        if self.burst is not None:
            self.burst.add(at, units)
        self.pace.spend(units, self._way, overdraw=overdraw)
        self.share.add(rank, units)

    def give_back(self, units: int, rank: int, at: int) -> None:
        """Granted and not sent."""
        if self.burst is not None:
            self.burst.remove(at, units)
        taken = self.window.remove(at, units)
        self.pace.refund(taken)
        self.share.add(rank, -taken)

    def move(self, units: int, at: int, to: int) -> None:
        """Sent at `to`, charged at `at`: charge it there, even when the old charge has left meanwhile."""
        for window in (self.window, self.burst):
            if window is not None:
                taken = window.remove(at, units)
                window.add(to, units if to > at else taken)

    def settle(self, delta: int, rank: int, at: int, now: int) -> None:
        """The provider charged `delta` more than was granted. More is never lost: what has left is charged now."""
        if delta < 0:
            self.give_back(-delta, rank, at)
            return
        for window in (self.window, self.burst):
            if window is not None and not window.add(at, delta):
                window.add(now, delta)
        self.pace.spend(delta, BY_LEVEL, overdraw=True)
        self.share.add(rank, delta)

    def assume(self, former: int, former_at: int, units: int, at: int) -> None:
        """Charge `units` at `at` in place of `former`; of a minute's, a sub-window held no more than it may."""
        self.window.remove(former_at, former)
        self.window.add(at, units)
        if self.burst is not None:
            self.burst.remove(former_at, min(former, self.burst_limit))
            self.burst.add(at, min(units, self.burst_limit))

    def observe(self, limit: int | None, remaining: int | None, now: int) -> None:
        """The provider's headers. Whatever it counts beyond what we charged is someone else's use, charged here."""
        if limit is not None:
            self.ceiling.observe(limit, now)
            self._resize()
        if remaining is not None:
            external = (limit or self.ceiling.nominal) - remaining - self.window.used
            if external > 0:
                self.window.add(now, external)

    def lower(self, now: int) -> None:
        self.ceiling.lower(now)
        self._resize()

    def free_at(self, units: int, rank: int, now: int, hold: int = 0) -> int:
        """When `fits` first says yes if nothing happens but that what is kept goes before.

        After `touch`, for units within the nominal limit.
        """
        allowed = self._shared_limit if rank else self.ceiling.limit
        at = max(now, self.blocked_until, self._room_at(self.window, units + hold, allowed, now))
        if self.burst is not None:
            at = max(at, self._room_at(self.burst, units + hold, self.burst_limit, now))
        if not rank or self.pace.way(units, hold, allowed, self.window.used) != BLOCKED:
            return at
        usable = self._below_at(allowed * CREDIT_USABLE_BELOW_PERCENT, now)
        return max(at, self.pace.enough_at(units, hold, allowed, usable))

    def _resize(self) -> None:
        self._shared_limit = self._shared()
        self.burst_limit = slice_limit(self.ceiling.lowered, self._burst_ms)
        self.pace.resize(self._shared_limit)

    def _shared(self) -> int:
        lowered = self.ceiling.lowered
        limit = self.ceiling.limit
        shared = min(limit, lowered - lowered * TOP_CLASS_PERMILLE // 1000)
        return shared - 1 if shared == limit >= PLACE_FROM else shared

    def _below_at(self, hundredths: int, now: int) -> int:
        """When the window's use times 100 is below `hundredths`."""
        excess = self.window.used - (hundredths - 1) // 100
        return now if excess <= 0 else self.window.free_at(excess) or now

    @staticmethod
    def _room_at(window: Window, units: int, limit: int, now: int) -> int:
        excess = min(window.used + units - limit, window.used)
        return now if excess <= 0 else window.free_at(excess) or now
