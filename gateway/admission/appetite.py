"""How much of one account goes lately, and so how much stock of leases is worth holding (reference §2.5). Pure.

Stock must last until a refill has arrived, and is asked for in units that most requests are not larger than: the
mean charge and its mean deviation, as TCP reckons its timeouts (RFC 6298).
"""

from math import ceil, exp

from gateway.admission.booking import STOCK_UNITS_MAX
from gateway.charge import CHARGE_AXES, Charge

#: Stock lasts so long, so that a call brings what many requests need.
HORIZON_MS = 750
#: It is refilled when it lasts less than this, or less than three calls take.
LOW_MS = 50
#: Besides what the rate makes: a second request just after the first.
SPARE = 2
#: Nobody came for so long: no stock is held for who may come.
IDLE_MS = 10_000
#: The same where stock is of places, which no window brings back: others are refused for want of them.
PLACES_IDLE_MS = 250
#: How long it takes the rate to follow.
_RATE_MS = 1_000
_WEIGHT = 0.1


class Appetite:
    """`last` is when somebody came; after `idle_ms` without nobody is expected."""

    __slots__ = (
        "_deviation", "_mean", "_measured_at", "_rate", "_taken", "_urgent", "_urgent_rate", "idle_ms", "last",
    )  # fmt: skip

    def __init__(self, now: int) -> None:
        self._taken = 0
        self._urgent = 0  # of these, those of the top two classes
        self.idle_ms = IDLE_MS
        self.last = now - IDLE_MS
        self._measured_at = now
        self._rate = self._urgent_rate = 0.0  # a millisecond
        self._mean: list[float] = []
        self._deviation = [0.0] * len(CHARGE_AXES)

    def measure(self, now: int) -> None:
        """The rates, with what was taken since the last time."""
        passed = now - self._measured_at
        if passed <= 0:
            return
        weight = 1.0 - exp(-passed / _RATE_MS)
        self._rate += weight * (self._taken / passed - self._rate)
        self._urgent_rate += weight * (self._urgent / passed - self._urgent_rate)
        self._measured_at = now
        self._taken = self._urgent = 0

    def took(self, charge: Charge, count: int, at: int, *, urgent: bool) -> None:
        """So many went, the last of them at `at`; one of them was charged `charge`."""
        self.last = max(self.last, at)
        self._taken += count
        if urgent:
            self._urgent += count
        self.learn(charge)

    def learn(self, charge: Charge) -> None:
        """What a request was charged, or would be."""
        if not self._mean:
            self._mean = [float(units) for units in charge]
        for axis, units in enumerate(charge):
            error = units - self._mean[axis]
            self._mean[axis] += _WEIGHT * error
            self._deviation[axis] += _WEIGHT * (abs(error) - self._deviation[axis])

    def unit(self) -> Charge | None:
        """What a lease in stock should cover; None before anything is known."""
        if not self._mean:
            return None
        return Charge(*(ceil(mean + more) for mean, more in zip(self._mean, self._deviation, strict=True)))

    def low(self, call_ms: int) -> int:
        """Refill when no more than this are left."""
        return min(STOCK_UNITS_MAX // 2, ceil(self._rate * max(3 * call_ms, LOW_MS)) + 1)

    def target(self, call_ms: int) -> int:
        """How many to hold."""
        return min(STOCK_UNITS_MAX, ceil(self._rate * max(6 * call_ms, HORIZON_MS)) + SPARE)

    def urgent_target(self, call_ms: int) -> int:
        """How many to keep for the top two classes while others wait elsewhere; none where none of them came."""
        if self._urgent_rate * HORIZON_MS < 0.01:
            return 0
        return min(STOCK_UNITS_MAX, ceil(self._urgent_rate * max(3 * call_ms, LOW_MS)) + SPARE)

    def idle(self, now: int) -> bool:
        return now - self.last >= self.idle_ms
