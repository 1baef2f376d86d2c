"""How long a key that fails is left out: Envoy's outlier detection, with times for requests that are dear.

Source: envoyproxy.io, "Outlier detection": five failures in a row, and longer with every ejection. Envoy begins
with 30 s and adds 30 s each time; here the time doubles from 3 s to 24 s, as what ends it is cheap: one request
that can still go elsewhere. Who is well again is found out within half a minute, the patience of `Health` for a
probe of a low class included. Envoy's share of hosts that may be out has no counterpart: who has nothing better
goes to what is left out (`eligibility`).
"""

CONSECUTIVE_FAILURES = 5
FIRST_S = 3.0
LONGEST_S = 24.0
#: So many times in a row last the longest; more are not remembered.
_COUNTED_MAX = 4
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
        self._count = min(self.count(now) + 1, _COUNTED_MAX)
        self._back_since = now
        return rest_s(self._count)

    def once_more(self, now: float) -> float:
        """Its probe failed: the same, with nothing forgiven for the time that it was out."""
        self._back_since = now
        return self.again(now)

    def back(self, now: float) -> None:
        """It is in service again: from here on it is forgiven."""
        self._back_since = now


def rest_s(times: int) -> float:
    """How long it is left alone after so many failures of it, one at least."""
    return min(FIRST_S * 2.0 ** (times - 1), LONGEST_S)
