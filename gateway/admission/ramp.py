"""How fast a key may be used again: the pace after a recovery, and after a provider asked for a slower rise.

A ramp is a rate that never falls: it holds for a while, then grows by a factor a minute until it reaches what
the key was used at before, and is over. Starts are paced by it (GCRA: one virtual time, a second's worth of
burst). OpenAI answers a sharp rise with 503 "Slow Down": back to the previous rate for 15 minutes, then slowly up
(its error codes guide). Anthropic's acceleration limit is the same with a shorter memory. Google's SRE advice for a
recovered backend, Envoy's slow start: a tenth of the traffic at first.
"""

from collections import deque
from math import log

_MINUTE_S = 60.0
#: The rise that OpenAI's guide and `reference/admission.md` §5.9 call safe, a minute.
GROWTH = 1.5
#: A recovered key goes from a tenth to everything in a minute.
RECOVERY_GROWTH = 10.0
RECOVERY_SHARE = 0.1
#: Requests a second below which nobody is asked to slow down: probing still has to be possible.
RATE_MIN = 0.2
_HOLD_S = 900.0
_LONGEST_S = 3600.0
_HOLDS_S = {"anthropic": 120.0}


def hold_s(dialect: str) -> float:
    """How long a provider that asked for a slower rise is kept at the previous rate."""
    return _HOLDS_S.get(dialect, _HOLD_S)


class StartRate:
    """Requests started a second: in the last minute, and in the ten minutes before."""

    __slots__ = ("_first", "_minute_end", "_minutes", "_started")

    def __init__(self) -> None:
        self._first = self._minute_end = 0.0
        self._started = 0  # in the minute under way
        self._minutes: deque[int] = deque(maxlen=11)

    def add(self, now: float) -> None:
        """One more started."""
        if now >= self._minute_end:
            self._turn_over(now)
        self._started += 1

    def recent(self, now: float) -> float:
        """Over the last minute: the one under way, and as much of the one before as is not a minute ago."""
        if now >= self._minute_end:
            self._turn_over(now)
        before = self._minutes[-1] if self._minutes else 0
        started = self._started + before * (self._minute_end - now) / _MINUTE_S
        return started / min(_MINUTE_S, max(1.0, now - self._first))

    def earlier(self, now: float) -> float | None:
        """The mean of up to ten minutes before those that `recent` looks at; None where there was not even one."""
        if now >= self._minute_end:
            self._turn_over(now)
        minutes = len(self._minutes) - 1
        return (sum(self._minutes) - self._minutes[-1]) / (minutes * _MINUTE_S) if minutes > 0 else None

    def _turn_over(self, now: float) -> None:
        if self._minute_end == 0.0:
            self._first, self._minute_end = now, now + _MINUTE_S
            return
        gone = int((now - self._minute_end) / _MINUTE_S)  # minutes without a start
        self._minutes.append(self._started)
        self._minutes.extend([0] * min(gone, 11))
        self._started = 0
        self._minute_end += (gone + 1) * _MINUTE_S


class Ramp:
    """A pace that only rises. `asked`: by the provider, so it is for everybody."""

    __slots__ = ("_due", "_ends_at", "asked", "goal", "growth", "held_until", "start")

    def __init__(self, start: float, goal: float, held_until: float, growth: float, *, asked: bool) -> None:
        self.start = start
        self.goal = max(goal, start)
        self.held_until = held_until
        self.growth = growth
        self.asked = asked
        self._ends_at = held_until + min(_MINUTE_S * log(self.goal / start, growth), _LONGEST_S)
        self._due = held_until - 1e9  # virtual time at which what was started has been paid for

    def rate(self, now: float) -> float:
        """Starts a second that are allowed now."""
        past = now - self.held_until
        if past <= 0.0:
            return self.start
        if past >= _LONGEST_S:  # also keeps the power within a float
            return self.goal
        grown: float = self.start * self.growth ** (past / _MINUTE_S)
        return min(grown, self.goal)

    def share(self, now: float) -> float:
        return self.rate(now) / self.goal

    def over(self, now: float) -> bool:
        return now > self.held_until and self.rate(now) >= self.goal

    def opens_at(self) -> float:
        """From when on one more may start. What it did not pace, which is in nobody's way, delays no end."""
        return min(self._due - 1.0, self._ends_at)

    def started(self, now: float) -> None:
        self._due = max(self._due, now) + 1.0 / self.rate(now)


def recovery(rates: StartRate, now: float) -> Ramp:
    """After a probe went well: from a tenth of what the key was used at to all of it, in a minute."""
    goal = max(rates.earlier(now) or 0.0, rates.recent(now), RATE_MIN / RECOVERY_SHARE)
    return Ramp(goal * RECOVERY_SHARE, goal, now, RECOVERY_GROWTH, asked=False)


def slowdown(rates: StartRate, current: Ramp | None, hold: float, now: float) -> Ramp:
    """After a provider asked for a slower rise: back to the previous rate, or below a pace that was too fast."""
    if current is not None and not current.over(now):
        return Ramp(max(RATE_MIN, current.rate(now) * 0.7), current.goal, now + hold, GROWTH, asked=True)
    recent = rates.recent(now)
    earlier = rates.earlier(now)
    previous = recent / 2 if earlier is None else min(earlier, recent * 0.7)
    start = max(previous, recent / 10, RATE_MIN)
    return Ramp(start, max(recent, start) * GROWTH, now + hold, GROWTH, asked=True)
