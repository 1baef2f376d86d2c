"""Requests per day of one account, counted from midnight to midnight where the provider keeps its days. Pure.

Counts live as long as the ledger does, or as what it left to the one after it (`checkpoint`, a server's snapshots).
Where that is lost a day begins at nothing until the provider's headers say otherwise: only they know then.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from gateway.admission.ceiling import Ceiling
from gateway.admission.dimension import Dimension

DAYS_KEPT = 2
_NOON_MS = 12 * 3_600_000


class Midnights:
    """When days begin in a zone, in milliseconds since 1970."""

    __slots__ = ("_next", "_start", "_zone")

    def __init__(self, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self._start = self._next = 0

    def day_of(self, at: int) -> int:
        """The midnight that began the day of `at`."""
        if not self._start <= at < self._next:
            day = datetime.fromtimestamp(at / 1000, UTC).astimezone(self._zone).date()
            self._start, self._next = (self._midnight(day + timedelta(days)) for days in (0, 1))
        return self._start

    def around(self, now: int) -> tuple[int, int, int, int]:
        """The midnights of yesterday, today, tomorrow and the day after."""
        today = self.day_of(now)
        day = datetime.fromtimestamp(today / 1000, UTC).astimezone(self._zone).date()
        yesterday, after = (self._midnight(day + timedelta(days)) for days in (-1, 2))
        return yesterday, today, self._next, after

    def _midnight(self, day: date) -> int:
        local = datetime.combine(day, time(), self._zone)
        return int(local.timestamp() * 1000)


class Day:
    """A dimension counted per day. A lease that ends tomorrow is charged tomorrow."""

    __slots__ = ("_counts", "_midnights", "axis", "blocked_until", "ceiling", "name")

    def __init__(self, dimension: Dimension, set_aside_permille: int) -> None:
        self.name = dimension.name
        self.axis = dimension.axis
        self.ceiling = Ceiling(dimension.limit, set_aside_permille)
        self.blocked_until = 0
        self._midnights = Midnights(dimension.zone)
        self._counts: dict[int, int] = {}  # by midnight

    def configure(self, dimension: Dimension, set_aside_permille: int) -> None:
        self.ceiling.configure(dimension.limit, set_aside_permille)

    def inherit(self, former: "Day") -> None:
        """Go on with the counts of a state that was given up: nobody can tell them anew."""
        self._counts = former._counts

    def used(self, at: int) -> int:
        return self._counts.get(self._midnights.day_of(at), 0)

    def counted(self, now: int) -> list[tuple[int, int]]:
        """Noon and count of this day, and of the next where something is charged there already."""
        today = self._midnights.day_of(now)
        return [(day + _NOON_MS, count) for day, count in self._counts.items() if day >= today and count]

    def fits(self, units: int, hold: int, at: int, now: int) -> bool:
        return now >= self.blocked_until and self.used(at) + units + hold <= self.ceiling.limit

    def charge(self, units: int, at: int) -> None:
        """Count `units` (fewer where negative) on the day of `at`; a day that is no longer kept is not counted."""
        if not units:
            return
        day = self._midnights.day_of(at)
        count = self._counts.get(day, 0) + units
        self._counts[day] = count if count > 0 else 0
        while len(self._counts) > DAYS_KEPT:
            del self._counts[min(self._counts)]

    def move(self, units: int, at: int, to: int) -> None:
        if self._midnights.day_of(at) != self._midnights.day_of(to):
            self.charge(-units, at)
            self.charge(units, to)

    def observe(self, limit: int | None, remaining: int | None, now: int) -> None:
        if limit is not None:
            self.ceiling.observe(limit, now)
        if remaining is not None:
            external = (limit or self.ceiling.nominal) - remaining - self.used(now)
            if external > 0:
                self.charge(external, now)

    def free_at(self, units: int, now: int) -> int:
        room = self.used(now) + units <= self.ceiling.limit
        return max(self.blocked_until, now if room else self._midnights.around(now)[2])
