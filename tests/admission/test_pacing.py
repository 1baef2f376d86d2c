"""The figures that pacing is for (design §6), on the memory ledger on a simulated clock, as in `pacing_sim.py`."""

import random
from collections import Counter, deque
from collections.abc import Callable

import pytest

from gateway.admission.classes import CLASSES, in_order
from gateway.admission.dimension import SET_ASIDE_PERMILLE, AccountTerms, Dimension
from gateway.admission.memory_ledger import LedgerTime, MemoryLedger
from gateway.charge import Charge
from gateway.clock import SystemClock
from tests.admission.charging import worst

START = 1_790_000_000_000
STEP_MS = 5
MIX = (0.1, 0.2, 0.3, 0.2, 0.2)
ONE = Charge(1)


class Simulation:
    """One account of `rpm`, arrivals at `load(second)` a second, queues by class in front."""

    def __init__(
        self, rpm: int, load: Callable[[float], float], seconds: int, warm: int, seed: int = 1
    ) -> None:
        self.ledger = MemoryLedger(LedgerTime(SystemClock()))
        dimensions = (Dimension("rpm", rpm),)
        self.ledger.open_account(AccountTerms("a", dimensions, True, SET_ASIDE_PERMILLE), START)
        self.sent: list[tuple[int, int]] = []  # when, one each
        self.served = [0] * 5
        self.waits: list[list[int]] = [[] for _ in MIX]
        self._queues: list[deque[int]] = [deque() for _ in MIX]
        self._warm = warm * 1000
        self._run(load, seconds, random.Random(seed))
        assert worst(self.sent, 60_000) <= rpm

    def p(self, share: float, rank: int) -> int:
        waits = sorted(self.waits[rank])
        return waits[int(len(waits) * share)]

    def by_second(self) -> list[int]:
        """What was sent in each, up to the last in which anything was."""
        sent = Counter(at // 1000 for at, _ in self.sent)
        return [sent[second] for second in range(max(sent) + 1)]

    def _run(self, load: Callable[[float], float], seconds: int, chance: random.Random) -> None:
        arrival = 0.0
        for now in range(0, seconds * 1000, STEP_MS):
            while arrival <= now:
                queue = self._queues[chance.choices(range(5), MIX)[0]]
                if len(queue) < 400:
                    queue.append(int(arrival))
                arrival += chance.expovariate(load(arrival / 1000)) * 1000
            if any(self._queues):
                self._dispatch(now)

    def _dispatch(self, now: int) -> None:
        for rank in in_order(self.ledger.served("a", START + now)):
            queue = self._queues[rank]
            while queue and self.ledger.take("a", ONE, rank, START + now) is not None:
                arrived = queue.popleft()
                self.sent.append((now, 1))
                if now >= self._warm:
                    self.served[rank] += 1
                    self.waits[rank].append(now - arrived)


@pytest.mark.parametrize("seed", [1, 2])
def test_at_twice_the_load_the_ceiling_is_used_and_the_top_class_does_not_wait(seed: int) -> None:
    run = Simulation(1_200, lambda _: 40.0, seconds=480, warm=180, seed=seed)
    assert sum(run.served) >= 0.98 * 1_200 * 5
    assert run.p(0.95, 0) <= 50 and run.p(0.99, 0) <= 250
    for rank, row in enumerate(CLASSES):
        assert run.served[rank] >= row.floor * 1_200 * 5 * 0.99, rank


@pytest.mark.parametrize("load", [24.0, 40.0, 120.0])
def test_from_idle_to_more_than_the_ceiling_nothing_ever_stands_still(load: float) -> None:
    """What a burst's credit brought is repaid before the window is full, not by a stop."""
    assert min(Simulation(1_200, lambda _: load, seconds=180, warm=0).by_second()) >= 5
    assert Simulation(1_200, lambda _: load, seconds=120, warm=0).p(0.95, 0) <= 50


def test_a_key_of_a_few_hundred_keeps_a_place_for_the_top_class_beside_what_is_set_aside() -> None:
    """It waits for nothing but for another of its own who came just before."""
    run = Simulation(400, lambda _: 40 / 3, seconds=480, warm=180)
    assert sum(run.served) >= 0.98 * 400 * 5
    assert run.p(0.9, 0) <= 5


def test_a_low_ceiling_is_used_as_well() -> None:
    run = Simulation(60, lambda _: 2.0, seconds=900, warm=180)
    assert sum(run.served) >= 0.98 * 60 * 12
    assert run.p(0.5, 0) <= 1_000


@pytest.mark.parametrize("seed", [1, 2])
def test_bursts_from_idle_are_not_held_back(seed: int) -> None:
    """Five seconds at three times the ceiling, twice a minute: 58 % of the window."""
    run = Simulation(1_200, lambda second: 2.0 if second % 30 < 25 else 60.0, seconds=300, warm=0, seed=seed)
    assert all(run.p(0.95, rank) <= 20 for rank in range(5))


def test_below_the_ceiling_nobody_waits() -> None:
    run = Simulation(1_200, lambda _: 16.0, seconds=240, warm=30)
    assert all(run.p(0.99, rank) <= 20 for rank in range(5))
