"""Event loops whose time is the test's: a limit passes when the test moves it, and never by chance.

A machine may stand still for seconds between any two lines of a test; a limit that passes by itself may pass there.
"""

import asyncio
import contextvars
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import uvloop

#: A limit for tests to move past. How long it is does not matter: nobody waits for it.
LIMIT_S = 100.0


class StillLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop. Time passes only by `move`; between `flow` and `stand` also by itself."""

    def __init__(self) -> None:
        super().__init__()
        self._now: float | None = super().time()
        self._ahead = 0.0

    def time(self) -> float:
        return super().time() + self._ahead if self._now is None else self._now

    def move(self, seconds: float) -> None:
        if self._now is None:
            self._ahead += seconds
        else:
            self._now += seconds

    def stand(self) -> None:
        self._now = self.time()

    def flow(self) -> None:
        self._ahead, self._now = self.time() - super().time(), None


class FlowingLoop(StillLoop):
    """The same, its time passing by itself from the beginning: for scripts that take their time."""

    def __init__(self) -> None:
        super().__init__()
        self.flow()


class StillUVLoop(uvloop.Loop):
    """uvloop, whose timers are libuv's: here it gets none, `move` runs what is due."""

    def __init__(self) -> None:
        super().__init__()
        self._now = super().time()
        self._timers: list[asyncio.TimerHandle] = []

    def time(self) -> float:
        return self._now

    def call_later(
        self,
        delay: float,
        callback: Callable[..., Any],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[..., Any],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        if when <= self._now:
            self._run_soon(timer)
        else:
            self._timers.append(timer)
        return timer

    def move(self, seconds: float) -> None:
        self._now += seconds
        due = sorted((timer for timer in self._timers if timer.when() <= self._now), key=lambda t: t.when())
        self._timers = [timer for timer in self._timers if timer.when() > self._now and not timer.cancelled()]
        for timer in due:
            self._run_soon(timer)

    def _run_soon(self, timer: asyncio.TimerHandle) -> None:
        def run() -> None:
            if not timer.cancelled():
                timer._run()

        self.call_soon(run)

    def _timer_handle_cancelled(self, timer: asyncio.TimerHandle) -> None:
        """What `TimerHandle.cancel` tells its loop; `move` forgets the cancelled."""


class LoopClock:
    """The gateway's clock, told by the loop that the test moves; the time of day is `ahead` of the true one."""

    def __init__(self) -> None:
        self.monotonic = asyncio.get_running_loop().time
        self.ahead = timedelta()

    def utc(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def unix(self) -> float:
        return self.utc().timestamp()


async def turns(count: int = 10) -> None:
    """Let everything that is ready run."""
    for _ in range(count):
        await asyncio.sleep(0)


async def passes(seconds: float) -> None:
    """`seconds` pass at once, after what is ready and before what is then due."""
    await turns()
    cast(StillLoop | StillUVLoop, asyncio.get_running_loop()).move(seconds)
    await turns()


async def until(true: Callable[[], object]) -> None:
    """Wait, without any time passing for it, until `true()` is."""
    while not true():
        await asyncio.sleep(0)


@contextmanager
def standing() -> Iterator[None]:
    """Time stands still on a flowing loop: what comes within comes at once, or when a test lets time pass."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, FlowingLoop)
    loop.stand()
    try:
        yield
    finally:
        loop.flow()
