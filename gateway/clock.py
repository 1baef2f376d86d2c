"""The clock as a parameter: monotonic seconds for intervals, UTC for what people read.

Nothing else in the gateway asks the operating system for the time, so that every decider can be run on a
manual clock.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What deciders are given instead of the `time` module."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never steps back."""
        ...

    def utc(self) -> datetime:
        """The wall clock, with its time zone."""
        ...


class SystemClock:
    """The operating system's clocks."""

    __slots__ = ()

    monotonic = staticmethod(time.monotonic)

    def utc(self) -> datetime:
        return datetime.now(UTC)


class ManualClock:
    """A clock that moves only when told to."""

    __slots__ = ("_now", "_start")

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def utc(self) -> datetime:
        return self._start + timedelta(seconds=self._now)

    def advance(self, seconds: float) -> None:
        """Move forward; `seconds` must not be negative."""
        if seconds < 0:
            raise ValueError("a monotonic clock does not step back")
        self._now += seconds
