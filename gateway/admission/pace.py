"""Pacing of one rate: a bucket of about one second that only the top class may overdraw. Pure; milliseconds.

The rule of design §6: what makes urgent work wait is capacity that went out, and so comes back, in lumps. Every
send drains the bucket; all wait until it holds what they need, but the top class and who claims a floor against it.

A burst from idle goes at once, on credit. Credit is what the bucket could not hold while little was sent, so it is
time that was left unused; but that lies before the burst, and a window that begins with the burst does not see it.
So what credit was spent is a loan: it is repaid out of what would overflow the bucket, and while it is owed out of
a part of all that comes in. In a minute that part is more than all the credit there is, so pacing alone does not
fill the window early, to stand still for the rest of the minute.

A charge stays in the window for up to SCALE milliseconds, so the rate is the limit in that time: at the limit in
60,000 the window would fill all the same, by a second's worth a minute. Levels are counted in units × SCALE, so
that this rate adds exactly `limit` in a millisecond.
"""

from gateway.admission.dimension import WINDOW_MS
from gateway.admission.window import jitter_ms, slot_ms

#: Units of a level in one unit of the charge.
SCALE = WINDOW_MS + jitter_ms(WINDOW_MS) + slot_ms(WINDOW_MS)
BUCKET_MS = 1000
OVERDRAFT_BUCKETS = 3  # how deep the top class may draw: later classes pay back three seconds at most
CREDIT_MS = 18_000  # of the rate: 30 % of a minute's
CREDIT_USABLE_BELOW_PERCENT = 90
#: While anything is owed, the income of so many of every so many milliseconds goes to the debt: 35 %, which repays
#: all the credit there is in 51 s.
REPAID_MS, REPAID_OF_MS = 7, 20

#: How a charge was let through.
BLOCKED, BY_LEVEL, BY_CREDIT = range(3)


class Pace:
    """Bucket, credit and debt of one rate. `at` is when they were last filled."""

    __slots__ = ("at", "credit", "credit_max", "level", "level_max", "owed")

    def __init__(self, limit: int, now: int) -> None:
        self.at = now
        self.resize(limit)
        self.level = self.level_max
        self.credit = self.credit_max
        self.owed = 0

    def resize(self, limit: int) -> None:
        """At least one unit fits into the bucket, however low the limit."""
        self.level_max = max(limit * BUCKET_MS, SCALE)
        self.credit_max = limit * CREDIT_MS

    def fill(self, limit: int, now: int) -> None:
        """What time has brought since `at`: part of it to the debt, the rest to the bucket."""
        passed = now - self.at
        if passed <= 0:
            return
        level = self.level + limit * passed
        if self.owed:
            # Counted from the same origin always: so often filled, so much repaid.
            repaid = limit * (now * REPAID_MS // REPAID_OF_MS - self.at * REPAID_MS // REPAID_OF_MS)
            level -= self._repay(repaid)
        self.at = now
        self._pour(level)

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
            self.owed += units * SCALE
            return
        level = self.level - units * SCALE
        if overdraw:
            level = max(level, min(self.level, -OVERDRAFT_BUCKETS * self.level_max))
        self.level = level

    def refund(self, units: int) -> None:
        """Units that were not sent after all, or turned out not to be charged."""
        self._pour(self.level + units * SCALE)

    def enough_at(self, units: int, hold: int, limit: int, usable_at: int) -> int:
        """When `way` first lets `units` through if nothing is sent but the `hold` that is kept for others.

        `usable_at` is when the window's use falls below the percentage for credit. Credit grows only when the
        bucket is full, which is enough.
        """
        need, held = units * SCALE, hold * SCALE
        wanted = max(0, min(need, self.level_max) + held - self.level)
        by_level = self.at + -(-(wanted + self.owed) // limit)
        if self.owed:
            # Within the debt: the first moment T with T - T * REPAID_MS // REPAID_OF_MS >= goal.
            goal = self.at - self.at * REPAID_MS // REPAID_OF_MS + -(-wanted // limit)
            paying = (goal - 1) * REPAID_OF_MS // (REPAID_OF_MS - REPAID_MS) + 1
            by_level = min(by_level, max(self.at, paying))
        return min(by_level, usable_at) if self.credit - held >= need else by_level

    def _pour(self, level: int) -> None:
        """Up to `level`, and what the bucket cannot hold to the debt and then to the credit."""
        over = level - self.level_max
        if over > 0:
            level = self.level_max
            credit = self.credit + over - self._repay(over)
            self.credit = credit if credit < self.credit_max else self.credit_max
        self.level = level

    def _repay(self, most: int) -> int:
        """Of `most`, what goes to the debt."""
        repaid = self.owed if self.owed < most else most
        self.owed -= repaid
        return repaid
