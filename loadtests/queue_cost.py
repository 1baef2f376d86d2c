"""What the line costs with 10,000 requests waiting: CPU a request to enter and to go, and memory beside the bodies.

In this process and on one core, without a gateway: the line is a data structure. Requests are of five classes, of
as many tenants as each row says, and may use four accounts that are asked in turn. CPU time, not time on the wall,
so that neighbours of the machine count for little; the median of rounds. Last, the memory of a whole gateway in
which as many wait (`queue_memory`).
"""

from __future__ import annotations

import gc
import random
import sys
import tracemalloc
from collections.abc import Sequence
from math import inf
from time import process_time

from gateway.admission.bounds import Bounds
from gateway.admission.classes import RANKS
from gateway.admission.item import Accepted, Item
from gateway.admission.ledger import Queued
from gateway.admission.line import Line
from gateway.charge import Charge
from loadtests.figures import Figure
from loadtests.figures_command import figures_command
from loadtests.percentiles import median
from loadtests.queue_memory import waiting_memory

WAITING = 10_000
TENANTS = (1, 100, 10_000)
ACCOUNTS = ("key-1", "key-2", "key-3", "key-4")
MOVES = 5_000
MICRO, KB, MB = 1e6, 1e3, 1e6
COST_US, MEMORY_MB = 60.0, 40.0


class Endless:
    """Accounts that always have room for the one who is next, and limit what comes after."""

    def free_in(self, _account: str, _item: Item) -> float:
        return 0.05

    def sure_in(self, _account: str, _item: Item) -> float:
        return 0.05

    def opens_in(self, _account: str, _item: Item) -> float:
        return 0.0

    def share(self, _account: str, item: Item) -> float:
        return item.share

    def rates(self, _account: str) -> Sequence[float]:
        return (1e3, 1e6, inf, inf)

    def served(self, _account: str) -> Sequence[float]:
        return (0.1, 0.2, 0.3, 0.2, 0.2)

    def elsewhere(self, _account: str) -> Sequence[Queued]:
        return ()


class Crowd:
    """Requests as they might come, and the line that they wait in."""

    def __init__(self, tenants: int, seed: int) -> None:
        self._rng = random.Random(seed)
        self._tenants = [f"tenant-{n}" for n in range(tenants)]
        self._made = 0
        # Caps by class and tenant would turn most of one tenant's away; what is measured is the crowd.
        self.line = Line(Bounds(20 * WAITING, 1 << 50), Endless())

    def items(self, count: int) -> list[Item]:
        rng, first = self._rng, self._made
        self._made += count
        return [
            Item(
                f"req-{n}", ACCOUNTS, rng.randrange(5), rng.choice(self._tenants), Charge(1, 500, 200, 700), 0.001,
                4000, 0.0, 1e9, deadline=None if n % 4 else rng.uniform(1e8, 1e9),
            )
            for n in range(first, first + count)
        ]  # fmt: skip

    def fill(self, items: list[Item]) -> None:
        for item in items:
            if not isinstance(self.line.offer(item, 0.0), Accepted):
                raise RuntimeError("the line turned away what it has room for")

    def dispatch(self, count: int) -> None:
        for turn in range(count):
            if self.line.pick(ACCOUNTS[turn % len(ACCOUNTS)], RANKS, _fits, 0.0) is None:
                raise RuntimeError("nothing went where everything fits")


def _fits(_item: Item) -> bool:
    return True


def memory(tenants: int) -> float:
    """Bytes that 10,000 waiting requests take, the items among them."""
    crowd = Crowd(tenants, 1)
    gc.collect()
    tracemalloc.start()
    crowd.fill(crowd.items(WAITING))
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return taken


def moves(tenants: int, seed: int) -> tuple[float, float, float]:
    """Seconds of CPU to enter, to go and to leave unserved, each with about 10,000 waiting."""
    crowd = Crowd(tenants, seed)
    crowd.fill(crowd.items(WAITING - MOVES // 2))
    arrivals = crowd.items(MOVES)
    gc.collect()
    began = process_time()
    crowd.fill(arrivals)
    entered = process_time()
    crowd.dispatch(MOVES)
    went = process_time()
    leaving = [item for item in arrivals if crowd.line.find(item.id) is not None]
    began_to_leave = process_time()
    for item in leaving:
        crowd.line.remove(item)
    left = process_time()
    return (entered - began) / MOVES, (went - entered) / MOVES, (left - began_to_leave) / max(1, len(leaving))


def figures(rounds: int) -> list[Figure]:
    """All of it, for each number of tenants."""
    found = []
    for tenants in TENANTS:
        costs = list(zip(*(moves(tenants, seed) for seed in range(rounds)), strict=True))
        enter, go, leave = (median(one) * MICRO for one in costs)
        who = f"{tenants:,} tenant{'s' if tenants > 1 else ''}"
        found += [
            Figure(f"enter the line, {who}", enter, "µs", COST_US),
            Figure(f"be dispatched, {who}", go, "µs", COST_US),
            Figure(f"leave unserved, {who}", leave, "µs"),
            Figure(f"{WAITING:,} waiting, {who}", memory(tenants) / MB, "MB", MEMORY_MB),
        ]
    return found


def whole_gateway() -> list[Figure]:
    """Memory of requests that wait in a gateway, each on a connection of its own."""
    waited = waiting_memory(WAITING)
    return [
        Figure(f"{WAITING:,} waiting, whole gateway", WAITING * waited.waiting / MB, "MB", MEMORY_MB),
        Figure("a caller's idle connection", waited.connection / KB, "kB"),
    ]


def _measured(rounds: int) -> list[Figure]:
    return figures(rounds) + whole_gateway()


def main(words: list[str] | None = None) -> int:
    """Measure, print, write the JSON; the exit status."""
    return figures_command("queue-cost", __doc__, _measured, words)


if __name__ == "__main__":
    sys.exit(main())
