"""Pacing of one rate: a bucket of about one second that only the top class may overdraw. Pure; milliseconds.

The rule of `pacing_sim.py` (design §6): what makes urgent work wait is capacity that went out, and so comes
back, in lumps. Every send drains the bucket; all but the top class wait until it holds what they need; a
burst credit, filled only while the account is little used, lets bursts from idle through at once.

Levels are counted in units × 60,000, so that a rate of `limit` a minute adds exactly `limit` in a millisecond.
"""

from gateway.admission.dimension import WINDOW_MS

#: Units of a level in one unit of the charge.
SCALE = WINDOW_MS
BUCKET_MS = 1000
OVERDRAFT_BUCKETS = 3  # how deep the top class may draw: later classes pay back three seconds at most
CREDIT_PERCENT = 30
CREDIT_FILLS_BELOW_PERCENT = 70
CREDIT_USABLE_BELOW_PERCENT = 90

#: How a charge was let through.
BLOCKED, BY_LEVEL, BY_CREDIT = range(3)


class Pace:
    """Bucket and credit of one rate. `at` is when they were last filled."""

    __slots__ = ("at", "credit", "credit_max", "level", "level_max")

    def __init__(self, limit: int, now: int) -> None:
        self.at = now
        self.resize(limit)
        self.level = self.level_max
        self.credit = self.credit_max

    def resize(self, limit: int) -> None:
        """At least one unit fits into the bucket, however low the limit."""
        self.level_max = max(limit * BUCKET_MS, SCALE)
        self.credit_max = limit * SCALE * CREDIT_PERCENT // 100

    def fill(self, limit: int, used: int, now: int) -> None:
        """What time has brought since `at`, with `used` of the window's `limit` in use now."""
        passed = now - self.at
        if passed <= 0:
            return
        self.at = now
        level = self.level + limit * passed
        self.level = level if level < self.level_max else self.level_max
        if used * 100 < limit * CREDIT_FILLS_BELOW_PERCENT:
            credit = self.credit + limit * passed // 2
            self.credit = credit if credit < self.credit_max else self.credit_max

    def way(self, units: int, hold: int, limit: int, used: int) -> int:
        """Whether a lower class may send `units` while `hold` are kept for others, and at whose expense.

        More than the bucket holds may go when it is full, and leaves a debt: the rate is kept all the same.
        """
        need = units * SCALE
        if self.level - hold * SCALE >= (need if need < self.level_max else self.level_max):
            return BY_LEVEL
        if self.credit - hold * SCALE >= need and used * 100 < limit * CREDIT_USABLE_BELOW_PERCENT:
            return BY_CREDIT
        return BLOCKED

    def spend(self, units: int, way: int, overdraw: bool) -> None:
        """Pay for a send. What is overdrawn is owed no deeper than three buckets."""
        if way == BY_CREDIT:
            self.credit -= units * SCALE
            return
        level = self.level - units * SCALE
        if overdraw:
            level = max(level, min(self.level, -OVERDRAFT_BUCKETS * self.level_max))
        self.level = level

    def refund(self, units: int) -> None:
        """Units that were not sent after all, or turned out not to be charged."""
        level = self.level + units * SCALE
        self.level = level if level < self.level_max else self.level_max

    def enough_at(self, units: int, limit: int, usable_at: int, fills_at: int) -> int:
        """When `way` first lets `units` through if nothing else is sent.

        `usable_at` and `fills_at` are when the window's use falls below the two percentages of the credit.
        """
        need = units * SCALE
        wanted = min(need, self.level_max) - self.level
        by_level = self.at + max(0, -(-wanted // limit))
        if need > self.credit_max:
            return by_level
        if self.credit >= need:
            return min(by_level, usable_at)
        filled = self.at + -(-(need - self.credit) * 2 // limit)
        return min(by_level, max(usable_at, fills_at, filled))
