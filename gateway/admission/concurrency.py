"""Requests at once on one account, by owner. Pure; integer milliseconds.

Each worker says how many it has in flight or in hand, leases included; an absolute number, so that lost
replies and crashes heal by themselves. An owner that has not been heard of for ten seconds is dead and holds
nothing. For their floors what each class began lately is kept (`share`), and how full the places were: a fading
sum as well, of what was in use second by second.
"""

from gateway.admission.ceiling import Ceiling
from gateway.admission.dimension import CONCURRENCY, Dimension
from gateway.admission.share import SHARE_SCALE, STEPS_A_MINUTE, Share, faded

OWNER_DEAD_MS = 10_000
#: When to look again: nobody knows when a request ends.
LOOK_AGAIN_MS = 250


class Concurrency:
    """A dimension counted at once. `in_use` is the sum over owners that live."""

    axis = CONCURRENCY
    __slots__ = ("_beats", "_held", "_in_flight", "blocked_until", "ceiling", "in_use", "name", "share")

    def __init__(self, dimension: Dimension) -> None:
        self.name = dimension.name
        self.ceiling = Ceiling(dimension.limit, 0)
        self.blocked_until = 0
        self.in_use = 0
        self.share = Share()
        self._held = 0
        self._in_flight: dict[str, int] = {}
        self._beats: dict[str, int] = {}

    def configure(self, dimension: Dimension) -> None:
        self.ceiling.configure(dimension.limit, 0)

    def touch(self, now: int) -> None:
        """Bring everything to `now`."""
        self.ceiling.recover(now)
        if steps := self.share.fade(now):
            self._held = faded(self._held, steps) + steps * self.in_use * SHARE_SCALE

    def used(self, _now: int) -> int:
        return self.in_use

    def beat(self, owner: str, in_flight: int, now: int) -> None:
        """`owner` lives and has so many; the dead are forgotten."""
        self._beats[owner] = now
        self._in_flight[owner] = in_flight
        for other in [one for one, beat in self._beats.items() if beat < now - OWNER_DEAD_MS]:
            del self._beats[other], self._in_flight[other]
        self.in_use = sum(self._in_flight.values())

    def fits(self, count: int, hold: int, now: int) -> bool:
        return now >= self.blocked_until and self.in_use + count + hold <= self.ceiling.limit

    def add(self, owner: str, count: int) -> None:
        """Granted to `owner`; negative: ended."""
        self._in_flight[owner] = self._in_flight.get(owner, 0) + count
        self.in_use += count

    def served(self) -> tuple[int, ...]:
        """By rank, thousandths of the places: as many as were in use lately, by what each class began."""
        began = self.share.served
        in_all = sum(began) or 1
        held = min(1000, self._held * 1000 // (STEPS_A_MINUTE * SHARE_SCALE * self.ceiling.limit))
        return tuple(one * held // in_all for one in began)

    def free_at(self, count: int, now: int) -> int:
        room = self.in_use + count <= self.ceiling.limit
        return max(self.blocked_until, now if room else now + LOOK_AGAIN_MS)
