"""A circuit breaker for what is never the only way: a local model that failed somebody who could have waited.

    closed ─ a failure            → open, for 3 s, twice as long each time, up to 24 s
    closed ─ a request refused    → open, for 3 s: it may have been the request's own fault
    open   ─ its time is over     → half open: one at a time
    any    ─ an answer            → closed

`Health` cannot say this: it takes five failures in a row, and a refusal that it does not count as one (no such
model, a field that it does not know) would still cost whoever comes next a second attempt.
"""

from math import inf

from gateway.admission.ejection import rest_s


class Breaker:
    """Of one account."""

    __slots__ = ("_failures", "_until")

    def __init__(self) -> None:
        self._failures = 0
        self._until = 0.0

    def failed(self, now: float, *, refused: bool = False) -> None:
        """Those that were under way when it opened say nothing new.

        However many requests are `refused`, it stays open no longer: nobody's bad ones cost others the way.
        """
        if now >= self._until:
            self._until = now + rest_s(1 if refused else self._failures + 1)
            self._failures = max(self._failures, 1) if refused else min(self._failures + 1, 16)

    def answered(self) -> None:
        self._failures, self._until = 0, 0.0

    @property
    def closed(self) -> bool:
        """Nothing has failed since the last answer."""
        return not self._failures

    def opens_in(self, in_flight: int, now: float) -> float:
        """Seconds until one more may go there; infinity where that hangs on who is under way."""
        if not self._failures:
            return 0.0
        return max(self._until - now, inf if in_flight else 0.0)
