"""Being told to stop: once means drain, twice means now.

Before the loop runs there is nothing to drain, so `leave_quietly` makes the first signal a plain exit with
status 0. Afterwards `StopSignal` turns the first into an event to await and the second into an immediate end
with the usual status 128 + signal.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def leave_quietly() -> None:
    """Exit 0 on a signal that arrives while the gateway is being built."""

    def leave(_number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(0)

    for number in SIGNALS:
        signal.signal(number, leave)


class StopSignal:
    """Set by the first SIGTERM or SIGINT, or by `stop`. The second ends the process, after `at_once`."""

    def __init__(self) -> None:
        self._told = asyncio.Event()
        self._at_once: list[Callable[[], None]] = []
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._receive, number)

    def _receive(self, number: int) -> None:
        if self._told.is_set():
            for do in self._at_once:
                do()
            os._exit(128 + number)  # asked twice: whatever we are waiting for is no longer wanted
        self._told.set()

    def at_once(self, do: Callable[[], None]) -> None:
        """`do` this before a second signal ends the process."""
        self._at_once.append(do)

    def stop(self) -> None:
        """Stop as if told by a signal."""
        self._told.set()

    @property
    def told(self) -> bool:
        return self._told.is_set()

    async def wait(self) -> None:
        await self._told.wait()
