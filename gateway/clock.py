"""The clock as a parameter: monotonic seconds for intervals, UTC for what people read.

Nothing else in the gateway asks the operating system for the time, so that every decider can be run on a
manual clock.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What deciders are given instead of the `time` module."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never steps back."""
        ...

    def utc(self) -> datetime:
        """The wall clock, with its time zone."""
        ...

    def unix(self) -> float:
        """The same in seconds since 1970: a tenth of the cost."""
        ...


class SystemClock:
    """The operating system's clocks."""

    __slots__ = ()

    monotonic = staticmethod(time.monotonic)
    unix = staticmethod(time.time)

    def utc(self) -> datetime:
        return datetime.now(UTC)
