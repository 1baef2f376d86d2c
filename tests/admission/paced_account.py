"""One provider key as `reference/pacing_sim.py` has it: requests only, a 60 s window, all but the top class paced.

A model of the ledger, small enough to be seen to be right; the ledger itself has its own tests.
"""

from collections import deque
from collections.abc import Sequence
from math import inf

from gateway.admission.classes import CLASSES, RANKS
from gateway.admission.item import Item

WINDOW_S = 60.0
RESERVE = 0.01  # of the window, for the top class only
CREDIT_CAP = 0.3
OVERDRAFT_S = 3.0


class PacedAccount:
    """`limit` requests a minute. `touch` brings it to a moment, `try_take` sends."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.rate = limit / WINDOW_S
        self.level = self.rate  # a second's worth, never less than one request
        self.level_max = max(self.rate, 1.0)
        self.credit = CREDIT_CAP * limit
        self.window: deque[tuple[float, int]] = deque()
        self.count = [0 for _ in RANKS]  # in the window, by rank
        self.now = 0.0

    def touch(self, now: float) -> None:
        passed, self.now = now - self.now, now
        while self.window and self.window[0][0] <= now - WINDOW_S:
            self.count[self.window.popleft()[1]] -= 1
        self.level = min(self.level_max, self.level + self.rate * passed)
        if len(self.window) < 0.7 * self.limit:
            self.credit = min(CREDIT_CAP * self.limit, self.credit + 0.5 * self.rate * passed)

    def order(self, waiting: Sequence[int]) -> tuple[int, ...]:
        """The top class, then whoever is below their floor, then all: a rank named twice is tried once."""
        below = tuple(k for k in RANKS[1:] if waiting[k] and self.count[k] < CLASSES[k].floor * self.limit)
        return (0, *below, *RANKS[1:])

    def room_for(self, rank: int) -> float:
        return self.limit * (1.0 - (RESERVE if rank else 0.0))

    def try_take(self, item: Item) -> bool:
        if len(self.window) + 1 > self.room_for(item.rank):
            return False
        if item.rank and self.level < 1.0:
            if self.credit < 1.0 or len(self.window) >= 0.9 * self.limit:
                return False
            self.credit -= 1.0
        else:
            self.level = max(self.level - 1.0, -self.level_max * OVERDRAFT_S)
        self.window.append((self.now, item.rank))
        self.count[item.rank] += 1
        return True

    def free_in(self, _account: str, item: Item) -> float:
        """When `try_take` says yes if nothing else is sent, but for what credit would let through earlier."""
        window = self.window
        excess = len(window) + 1 - self.room_for(item.rank)
        wait = 0.0
        if excess > 0:
            at = -int(-excess // 1) - 1
            wait = window[at][0] + WINDOW_S - self.now if at < len(window) else inf
        if item.rank and self.level < 1.0 and (self.credit < 1.0 or len(window) >= 0.9 * self.limit):
            wait = max(wait, (1.0 - self.level) / self.rate)
        return max(0.0, wait)

    def rates(self, _account: str) -> Sequence[float]:
        return (self.rate, inf, inf, inf)

    def served(self, _account: str) -> Sequence[float]:
        return [count / self.limit for count in self.count]
