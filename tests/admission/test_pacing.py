"""The figures that pacing is for (design §6), on the memory ledger on a simulated clock, as in `pacing_sim.py`."""

import random
from collections import deque
from collections.abc import Callable

from gateway.admission.dimension import AccountTerms, Dimension
from gateway.admission.memory_ledger import LedgerTime, MemoryLedger
from gateway.admission.share import FLOOR_PERCENT
from gateway.charge import Charge
from gateway.clock import SystemClock

START = 1_790_000_000_000
STEP_MS = 5
MIX = (0.1, 0.2, 0.3, 0.2, 0.2)
ONE = Charge(1)


class Simulation:
    """One account of `rpm`, arrivals at `load(second)` a second, queues by class in front."""

    def __init__(self, rpm: int, load: Callable[[float], float], seconds: int, warm: int) -> None:
        self.ledger = MemoryLedger(LedgerTime(SystemClock()))
        self.ledger.open_account(AccountTerms("a", (Dimension("rpm", rpm),)), START)
        self.served = [0] * 5
        self.waits: list[list[int]] = [[] for _ in MIX]
        self._queues: list[deque[int]] = [deque() for _ in MIX]
        self._warm = warm * 1000
        self._run(load, seconds)

    def p(self, share: float, rank: int) -> int:
        waits = sorted(self.waits[rank])
        return waits[int(len(waits) * share)]

    def _run(self, load: Callable[[float], float], seconds: int) -> None:
        chance = random.Random(1)
        arrival = 0.0
        for now in range(0, seconds * 1000, STEP_MS):
            while arrival <= now:
                queue = self._queues[chance.choices(range(5), MIX)[0]]
                if len(queue) < 400:
                    queue.append(int(arrival))
                arrival += chance.expovariate(load(arrival / 1000)) * 1000
            self._dispatch(now)

    def _dispatch(self, now: int) -> None:
        served = self.ledger.served("a", START + now)
        below = [k for k in range(1, 5) if self._queues[k] and served[k] < FLOOR_PERCENT[k] * 10]
        for rank in (0, *below, 1, 2, 3, 4):
            queue = self._queues[rank]
            while queue and self.ledger.take("a", ONE, rank, START + now) is not None:
                arrived = queue.popleft()
                if now > self._warm:
                    self.served[rank] += 1
                    self.waits[rank].append(now - arrived)


def test_at_twice_the_load_the_ceiling_is_used_and_the_top_class_does_not_wait() -> None:
    run = Simulation(1_200, lambda _: 40.0, seconds=360, warm=180)
    assert sum(run.served) >= 0.978 * 1_200 * 3
    assert run.p(0.99, 0) <= 50
    assert run.served[2] >= 0.07 * 1_200 * 3
    assert run.served[4] >= 0.017 * 1_200 * 3


def test_a_low_ceiling_is_used_as_well() -> None:
    run = Simulation(60, lambda _: 2.0, seconds=900, warm=180)
    assert sum(run.served) >= 0.97 * 60 * 12
    assert run.p(0.5, 0) <= 1_000


def test_bursts_from_idle_are_not_held_back() -> None:
    run = Simulation(1_200, lambda second: 2.0 if second % 30 < 25 else 60.0, seconds=240, warm=30)
    assert all(run.p(0.95, rank) <= 1_500 for rank in range(5))
