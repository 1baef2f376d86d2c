"""When to look at an account's line again: at once, or at a moment that was named; one timer an account at most."""

import asyncio
from collections.abc import Callable


class Wakes:
    """Calls `wake` with the account. The earlier of two moments counts: whoever is woken names the next one."""

    __slots__ = ("_soon", "_timers", "_wake")

    def __init__(self, wake: Callable[[str], None]) -> None:
        self._wake = wake
        self._soon: set[str] = set()
        #: When each is due is kept beside: uvloop makes of what is due at once a handle that does not know.
        self._timers: dict[str, tuple[float, asyncio.TimerHandle]] = {}

    def soon(self, account: str) -> None:
        """As soon as what runs now has ended, however often it is asked for."""
        if account not in self._soon:
            self._soon.add(account)
            asyncio.get_running_loop().call_soon(self._run, account)

    def within(self, account: str, seconds: float) -> None:
        """After that long at the latest."""
        loop = asyncio.get_running_loop()
        at = loop.time() + seconds
        known = self._timers.get(account)
        if known is not None:
            due, timer = known
            if due <= at:
                return
            timer.cancel()
        self._timers[account] = at, loop.call_at(at, self._due, account)

    def clear(self) -> None:
        """No more wakes."""
        for _, timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _run(self, account: str) -> None:
        self._soon.discard(account)
        self._wake(account)

    def _due(self, account: str) -> None:
        del self._timers[account]
        self._wake(account)
