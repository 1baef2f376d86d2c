"""A clock that the test moves."""

from datetime import UTC, datetime, timedelta

_START = datetime(2026, 1, 1, tzinfo=UTC)


class ManualClock:
    """A `gateway.clock.Clock` whose time passes by `move` alone."""

    def __init__(self, now: float = 1000.0) -> None:
        self._now = now

    def monotonic(self) -> float:
        return self._now

    def utc(self) -> datetime:
        return _START + timedelta(seconds=self._now)

    def unix(self) -> float:
        return self.utc().timestamp()

    def move(self, seconds: float) -> None:
        assert seconds >= 0.0
        self._now += seconds
