"""When classes are shut from below: a more urgent class has been held up for as long as nobody can call a burst.

CoDel's form (Nichols & Jacobson, "Controlling Queue Delay", ACM Queue 2012), with DAGOR's admission level (Zhou et
al., SoCC 2018) in place of single drops: a class is held up when the least wait of all that left it over the last
interval was above its target; while any is, one class more is shut from the bottom at shrinking intervals (interval
/ √count), never the one held up or one above it; when none is, one is opened at each interval. Only time spent in
line counts, never how long providers take.

Of classes that are shut no more may wait than wait already, and what each keeps for its floor, so that nothing
starves; who comes may take the place of somebody in a lower class that has more (`shed`).
"""

from math import inf, sqrt

from gateway.admission.classes import CLASSES, RANKS

INTERVAL_S = 10.0


class Overload:
    """What has been seen of each class's waits, and how far the line is shut."""

    __slots__ = ("_above_since", "_next", "_steps", "shut_from")

    def __init__(self) -> None:
        self.shut_from = len(RANKS)  # this rank and those below
        self._above_since = [inf for _ in RANKS]  # since when every wait of the class was above its target
        self._steps = 0
        self._next = -inf

    def waits(self, rank: int, now: float) -> None:
        """The class, empty until now, has somebody waiting: no wait is above the target before it could be."""
        self._above_since[rank] = now + CLASSES[rank].target_s

    def goes(self, rank: int, sojourn: float, left: int, now: float) -> None:
        """Someone of the class was dispatched after `sojourn` seconds; `left` of it still wait."""
        if not left:
            self._above_since[rank] = inf
        elif sojourn <= CLASSES[rank].target_s:
            self._above_since[rank] = now

    def empty(self, rank: int) -> None:
        """Nobody of the class waits any more."""
        self._above_since[rank] = inf

    def held_up(self, now: float) -> int | None:
        """The most urgent class that is, if any."""
        for rank, since in enumerate(self._above_since):
            if now - since >= INTERVAL_S:
                return rank
        return None

    def step(self, now: float) -> int:
        """Shut or open what is due; the rank from which on classes are shut."""
        if now < self._next:
            return self.shut_from
        worst = self.held_up(now)
        if worst is not None and self.shut_from > worst + 1:
            self._steps += 1
            self.shut_from -= 1
            self._next = now + INTERVAL_S / sqrt(self._steps)
        elif worst is None and self.shut_from < len(RANKS):
            self._steps = 0
            self.shut_from += 1
            self._next = now + INTERVAL_S
        return self.shut_from
