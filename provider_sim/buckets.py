"""Pure deciders for a rate over time. The clock is a parameter: `now` in seconds, never stepping back.

All three answer the same questions: how much room is there, how long until so much fits, take it. `take` may be
forced beyond the limit (output tokens are only known once produced); the debt is then worked off.
"""

import math
from collections import deque
from typing import Protocol


class Meter(Protocol):
    """A limit on an amount per time."""

    limit: float

    def room(self, now: float) -> float:
        """What is left; negative when in debt."""
        ...

    def wait(self, amount: float, now: float) -> float:
        """Seconds until `amount` may be taken; 0 = now, inf = never."""
        ...

    def take(self, amount: float, now: float) -> None:
        """Take `amount`, room or not; a negative amount gives back."""
        ...

    def reset(self, now: float) -> float:
        """Seconds until nothing is used any more."""
        ...


class TokenBucket:
    """Refills all the time at limit ÷ window; holds what `burst_s` seconds bring.

    An amount above what the bucket holds (but within the limit) may go when the bucket is full: real limiters
    with one-second slices still serve requests bigger than a slice.
    """

    __slots__ = ("_at", "_capacity", "_level", "_rate", "limit")

    def __init__(self, limit: float, window_s: float, burst_s: float, now: float) -> None:
        self.limit = limit
        self._rate = limit / window_s
        self._capacity = max(1.0, limit * min(burst_s, window_s) / window_s) if limit else 0.0
        self._level = self._capacity
        self._at = now

    def room(self, now: float) -> float:
        if now > self._at:
            self._level = min(self._capacity, self._level + (now - self._at) * self._rate)
            self._at = now
        return self._level

    def wait(self, amount: float, now: float) -> float:
        if amount > self.limit:
            return math.inf
        # A billionth is forgiven, so that waiting exactly as long as told is enough in floating point.
        short = min(amount, self._capacity) - self.room(now)
        if short <= 1e-9:
            return 0.0
        return short / self._rate if self._rate else math.inf

    def take(self, amount: float, now: float) -> None:
        self._level = min(self._capacity, self.room(now) - amount)

    def reset(self, now: float) -> float:
        return (self._capacity - self.room(now)) / self._rate if self._rate else 0.0


class SlidingWindow:
    """In every window of `window_s` at most `limit`: the strictest reading of a rate.

    Takes within a thousandth of the window are kept as one entry with the time of the first, which bounds
    memory; what is promised is therefore windows 0.1 % shorter.
    """

    __slots__ = ("_entries", "_grain", "_used", "limit", "window_s")

    def __init__(self, limit: float, window_s: float) -> None:
        self.limit = limit
        self.window_s = window_s
        self._grain = window_s / 1000
        self._entries: deque[list[float]] = deque()
        self._used = 0.0

    def _forget(self, now: float) -> None:
        entries = self._entries
        while entries and entries[0][0] + self.window_s <= now:
            self._used -= entries.popleft()[1]
        if not entries:
            self._used = 0.0

    def room(self, now: float) -> float:
        self._forget(now)
        return self.limit - self._used

    def wait(self, amount: float, now: float) -> float:
        self._forget(now)
        if amount > self.limit:
            return math.inf
        excess = self._used + amount - self.limit
        if excess <= 1e-9:
            return 0.0
        for at, taken in self._entries:
            excess -= taken
            if excess <= 1e-9:
                return at + self.window_s - now
        return self.window_s

    def take(self, amount: float, now: float) -> None:
        self._forget(now)
        self._used += amount
        if self._entries and now - self._entries[-1][0] < self._grain:
            self._entries[-1][1] += amount
        else:
            self._entries.append([now, amount])

    def reset(self, now: float) -> float:
        self._forget(now)
        return self._entries[-1][0] + self.window_s - now if self._entries else 0.0


class Slice:
    """A short sliding window under a long one: `limit` a slice, but one bigger amount may go when it is empty."""

    __slots__ = ("_inner", "limit")

    def __init__(self, limit: float, slice_s: float) -> None:
        self._inner = SlidingWindow(max(1.0, math.floor(limit)), slice_s)
        self.limit = self._inner.limit

    def room(self, now: float) -> float:
        return self._inner.room(now)

    def wait(self, amount: float, now: float) -> float:
        return self._inner.wait(min(amount, self.limit), now)

    def take(self, amount: float, now: float) -> None:
        self._inner.take(amount, now)

    def reset(self, now: float) -> float:
        return self._inner.reset(now)


class FixedWindow:
    """Counts from boundary to boundary (a day, or a calendar minute): twice the limit around a boundary passes."""

    __slots__ = ("_start", "_used", "limit", "window_s")

    def __init__(self, limit: float, window_s: float, now: float) -> None:
        self.limit = limit
        self.window_s = window_s
        self._start = now
        self._used = 0.0

    def _roll(self, now: float) -> None:
        if now >= self._start + self.window_s:
            self._start += (now - self._start) // self.window_s * self.window_s
            self._used = 0.0

    def room(self, now: float) -> float:
        self._roll(now)
        return self.limit - self._used

    def wait(self, amount: float, now: float) -> float:
        self._roll(now)
        if amount > self.limit:
            return math.inf
        return 0.0 if self._used + amount <= self.limit else self._start + self.window_s - now

    def take(self, amount: float, now: float) -> None:
        self._roll(now)
        self._used += amount

    def reset(self, now: float) -> float:
        self._roll(now)
        return self._start + self.window_s - now if self._used else 0.0


class Ramp:
    """Acceleration limits: no more than `factor` times the requests of the period before (`floor` are free)."""

    __slots__ = ("_before", "_count", "_start", "factor", "floor", "period_s")

    def __init__(self, factor: float, period_s: float, floor: int, now: float) -> None:
        self.factor = factor
        self.period_s = period_s
        self.floor = floor
        self._start = now
        self._count = 0
        self._before = 0

    def wait(self, now: float) -> float:
        """0 and the request is counted, or seconds until the period ends and the request is not."""
        periods = int((now - self._start) // self.period_s)
        if periods > 0:
            self._before = self._count if periods == 1 else 0
            self._count = 0
            self._start += periods * self.period_s
        if self._count + 1 > max(self.floor, self._before * self.factor):
            return self._start + self.period_s - now
        self._count += 1
        return 0.0
