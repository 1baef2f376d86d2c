"""How late the event loop runs its timers: the one number that tells when something blocks it."""

import asyncio
from collections.abc import Callable

_BEAT_S = 0.05
_WINDOW = 20  # beats: the worst of the last second is reported


class LoopLag:
    """A timer that measures its own delay and reports the worst of each second in seconds."""

    def __init__(self, report: Callable[[float], None]) -> None:
        self._report = report
        self._timer: asyncio.TimerHandle | None = None
        self._worst = 0.0
        self._beats = 0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._arm(loop)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(_BEAT_S, self._beat, loop, loop.time() + _BEAT_S)

    def _beat(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self._worst = max(self._worst, loop.time() - due)
        self._beats += 1
        if self._beats >= _WINDOW:
            self._report(self._worst)
            self._worst, self._beats = 0.0, 0
        self._arm(loop)
