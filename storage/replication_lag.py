"""How far behind a replica is, by what the primary had written when: no clock is compared and nothing is written.

The primary's position is noted with our own time whenever it is asked. A replica has what it has applied, so it is
as old as the newest note that it has reached. Without notes, or with none reached, it is as old as can be.
"""

import math
from collections import deque

#: Notes kept; with one a second, lags of up to two minutes are told apart.
NOTES_MAX = 120


class PrimaryPositions:
    """Positions in the write-ahead log, which only grow, and when the primary was there."""

    def __init__(self) -> None:
        self._notes: deque[tuple[float, int]] = deque(maxlen=NOTES_MAX)

    def note(self, now: float, position: int) -> None:
        """The primary was at `position` at `now`. After a failover it may be another primary, further back."""
        if self._notes and position < self._notes[-1][1]:
            self._notes.clear()
        if self._notes and position == self._notes[-1][1]:
            self._notes.pop()  # nothing was written since: who is there is as new as now
        self._notes.append((now, position))

    def reached(self, applied: int | None) -> float:
        """When the primary was where a replica is that applied up to there: what was written before, it has."""
        if applied is not None:
            for noted, position in reversed(self._notes):
                if position <= applied:
                    return noted
        return -math.inf

    def age(self, now: float, applied: int | None) -> float:
        """Seconds by which such a replica is behind."""
        return now - self.reached(applied)
