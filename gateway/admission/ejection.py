"""How long a key that fails is left out, and when it may be: Envoy's outlier detection, for pools of a few keys.

Source: envoyproxy.io, "Outlier detection": five failures in a row, 30 s times the number of ejections, 300 s at
most. Its share of ejected hosts (10 %, but one at least) is made for dozens of hosts; with a few keys it is half
of them, and never the last one.
"""

CONSECUTIVE_FAILURES = 5
BASE_S = 30.0
LONGEST_S = 300.0
SHARE_MAX = 0.5
#: In service for this long, a key has one ejection less behind it (Envoy: at every sweep, which is 10 s; with
#: a few requests a minute that would forget between two failures).
FORGIVEN_AFTER_S = 60.0


class Ejections:
    """How often a key was left out of late, and so for how long it is the next time."""

    __slots__ = ("_back_since", "_count")

    def __init__(self) -> None:
        self._count = 0
        self._back_since = 0.0

    def count(self, now: float) -> int:
        """Those not yet forgiven, of a key in service since `back`."""
        return max(0, self._count - int((now - self._back_since) / FORGIVEN_AFTER_S))

    def again(self, now: float) -> float:
        """It is ejected: seconds for which."""
        self._count = self.count(now) + 1
        self._back_since = now
        return min(BASE_S * self._count, LONGEST_S)

    def once_more(self, now: float) -> float:
        """Its probe failed: the same, with nothing forgiven for the time that it was out."""
        self._back_since = now
        return self.again(now)

    def back(self, now: float) -> None:
        """It is in service again: from here on it is forgiven."""
        self._back_since = now


def may_eject(others_out: int, others_in_service: int, keys: int) -> bool:
    """Whether one more of a target's keys may be left out for its health."""
    return others_in_service > 0 and others_out + 1 <= keys * SHARE_MAX
