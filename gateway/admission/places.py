"""What one worker knows of the places of an account, its requests at once, on a shared ledger. Pure; milliseconds.

A place is free again when its request has ended, and whoever is refused elsewhere until the ledger knows of it is
refused wrongly. So where places are granted one by one an end is told at once; where there is plenty, before those
who are refused elsewhere have lost their patience (`wishes.py`). Nobody tells those who wait in line: they look as
often as a place may come to be free meanwhile.
"""

from gateway.admission.booking import STOCK_FREE_PERCENT, STOCK_SHARE_DIVISOR
from gateway.admission.concurrency import LOOK_AGAIN_MS
from gateway.admission.ledger import Answer, Batch, Usage, Verdict

#: Where there is plenty the ledger hears of ends, and those who have stock of those who wait, at least so often.
TELL_MS = 75
#: Who waits in line looks after this part of what requests take, or of how long nothing has come back already.
_LOOK_PART = 32
_LOOK_MS_MIN = 5
_WEIGHT = 0.2


class Places:
    """Of an account that has a ceiling on them. What is not known yet is scarce."""

    __slots__ = ("_lasts_ms", "_limit", "_live", "_moved_at", "_used", "_waiting", "told")

    def __init__(self) -> None:
        self._limit = self._used = self._waiting = 0
        self.told = 0  # that this worker has, by the ledger
        self._live = 1
        self._lasts_ms = 0.0
        self._moved_at = 0  # some came back, or somebody came, as far as can be seen from here

    def heard(self, usage: Usage, batch: Batch, answer: Answer, now: int) -> None:
        """The answer to `batch`, by which this worker has as many as it told, and what it was granted."""
        before = self._used, self._waiting
        granted = sum(verdict.granted for verdict in answer.verdicts)
        self.told = batch.in_flight + granted + answer.stock
        self._limit, self._used, self._live = usage.limit, usage.used, answer.live
        self._waiting = sum(answer.waiting) + sum(verdict.wait_ms > 0 for verdict in answer.verdicts)
        if granted or (self._used, self._waiting) != before:
            self._moved_at = now

    def ended(self, took_ms: int) -> None:
        """A request did that was sent so long ago."""
        self._lasts_ms += (_WEIGHT if self._lasts_ms else 1.0) * (max(1, took_ms) - self._lasts_ms)

    @property
    def full(self) -> bool:
        """None was free."""
        return self._used >= self._limit

    @property
    def half_used(self) -> bool:
        return 2 * self._used >= self._limit

    def crowded(self, in_stock: int = 0) -> bool:
        """Whether they are too much in use for stock; `in_stock` of those in use are this worker's."""
        return (self._limit - self._used + in_stock) * 100 <= self._limit * STOCK_FREE_PERCENT

    @property
    def scarce(self) -> bool:
        """Whether they are granted one by one."""
        return self.crowded() or self._limit - self._used < STOCK_SHARE_DIVISOR * self._live

    def may_pass(self, verdict: Verdict, in_flight: int) -> bool:
        """Whether it was refused for want of a place alone, and one may be free already: not all run here."""
        return self.full and in_flight < self._used and 0 < verdict.wait_ms <= LOOK_AGAIN_MS

    def look_ms(self, in_flight: int, most: int, now: int) -> int | None:
        """When those who wait for places should look again, at `most`; None while none can come back unseen."""
        if self._used + self._waiting <= self._limit or (self.full and in_flight >= self._used):
            return None
        lasts_ms = max(int(self._lasts_ms), now - self._moved_at)
        return min(most, max(lasts_ms // _LOOK_PART, _LOOK_MS_MIN))
