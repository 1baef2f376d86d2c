"""The time limits of an exchange, kept by one timer that stays armed from exchange to exchange.

Two limits hold at once: the next progress, which `extend` moves, and the end of the whole exchange, which
nothing moves. Moving a limit later costs one assignment; the timer notices when it fires, and arms itself
again. Only a limit that falls before the armed timer touches the event loop.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Callable

_NEVER = float("inf")
#: Loop timers have millisecond grain and may fire a little early.
_GRAIN = 0.002


class Deadline:
    """A base of `Connection`; a base, not a member, because it stands on the hot path."""

    __slots__ = ("_deadline", "_end", "_loop", "_suspended", "_time", "_timer", "_timer_at")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._time: Callable[[], float] = loop.time
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = _NEVER  # when the armed timer fires; never later than the limit while one holds
        self._deadline = 0.0  # of the next progress
        self._end = 0.0  # of the whole exchange
        self._suspended = 0.0  # since when

    @abstractmethod
    def _limit(self) -> float | None:
        """What holds now: `_deadline`, `_end`, or nothing."""

    @abstractmethod
    def _overdue(self, whole: bool) -> None:
        """The limit passed; `whole` when it was that of the whole exchange."""

    def start(self, first_s: float, whole_s: float) -> None:
        """An exchange begins."""
        now = self._time()
        self._end = now + whole_s
        self._deadline = deadline = now + (first_s if first_s < whole_s else whole_s)
        if deadline < self._timer_at:  # seldom: the timer of an earlier exchange fires first and looks again
            self._disarm()
            self._arm(deadline)

    def extend(self, seconds: float) -> None:
        """The next progress must come within `seconds` from now."""
        deadline = self._time() + seconds
        if deadline > self._end:
            deadline = self._end
        self._deadline = deadline
        if deadline < self._timer_at:
            self._disarm()
            self._arm(deadline)

    def suspend(self) -> None:
        """Waiting for our own side begins: what passes until `resume` is not the provider's."""
        self._suspended = self._time()

    def resume(self) -> None:
        self._deadline = min(self._deadline + self._time() - self._suspended, self._end)

    def left(self) -> float:
        """Seconds until the end of the whole exchange."""
        return self._end - self._time()

    def _arm(self, at: float) -> None:
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._on_timer)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timer(self) -> None:
        self._timer = None
        self._timer_at = _NEVER
        limit = self._limit()
        if limit is None:
            return  # the next exchange arms a new one
        now = self._time() + _GRAIN
        if now < limit:
            self._arm(limit)
        else:
            self._overdue(now >= self._end)
