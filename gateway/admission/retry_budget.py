"""The retry budget: upstream attempts stay within 1.2 × requests (contract §3), so retries cannot pile up.

Counted, not saved up: a retry is made only if, with it, the retries of the minute that ends now are within a fifth
of that minute's requests. It follows that in *any* minute there are at most as many retries as a fifth of the
requests in the minute that ends with its last retry. Where a fifth is not yet one (fewer than five requests a
minute), one retry a minute is allowed all the same, or a quiet gateway could never fail over.
"""

_SLOTS = 61  # of a second each: a minute, and the second that it begins in


class RetryBudget:
    """Requests count from their first attempt. Seconds that the minute cuts count for retries, not for requests."""

    __slots__ = ("_all_requests", "_all_retries", "_ratio", "_requests", "_retries", "_second", "_slot")

    def __init__(self, attempts_ratio: float = 1.2) -> None:
        self._ratio = attempts_ratio - 1.0
        self._requests = [0] * _SLOTS
        self._retries = [0] * _SLOTS
        self._all_requests = self._all_retries = 0  # sums of these
        self._second = 0  # the one that is being counted
        self._slot = 0  # and its place

    def deposit(self, now: float) -> None:
        """A request makes its first attempt."""
        second = int(now)
        if second != self._second:
            self._move(second)
        self._requests[self._slot] += 1
        self._all_requests += 1

    def withdraw(self, now: float) -> bool:
        """Whether one more attempt may be made; counts it if so."""
        if not self.allows(now):
            return False
        self._retries[self._slot] += 1
        self._all_retries += 1
        return True

    def allows(self, now: float) -> bool:
        """The same, counting nothing."""
        return self.left(now) > 0

    def left(self, now: float) -> int:
        """How many more attempts may be made."""
        if int(now) != self._second:
            self._move(int(now))
        requests = self._all_requests - self._requests[(self._second + 1) % _SLOTS]
        # The sum is of decimal fractions: 0.2 × 5 must be 1.
        allowed = int(self._ratio * requests + 1e-9)
        if allowed == 0 and self._ratio > 0.0:
            allowed = 1
        return allowed - self._all_retries

    def frees_in(self, now: float) -> float:
        """Seconds until it may allow one more if no request comes: until its oldest retry is a minute ago."""
        if self.allows(now):
            return 0.0
        for second in range(self._second - _SLOTS + 1, self._second + 1):
            if self._retries[second % _SLOTS]:
                return second + _SLOTS - now
        return _SLOTS - 1.0  # it allows none

    def _move(self, second: int) -> None:
        """Forget the seconds that are now more than a minute ago."""
        for passed in range(max(self._second + 1, second - _SLOTS + 1), second + 1):
            slot = passed % _SLOTS
            self._all_requests -= self._requests[slot]
            self._all_retries -= self._retries[slot]
            self._requests[slot] = self._retries[slot] = 0
        self._second = max(self._second, second)
        self._slot = self._second % _SLOTS
