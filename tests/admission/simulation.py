"""Line and ledger together on a manual clock: random arrivals, and whoever goes goes at once.

Who was refused or shed is held against the rules (`shedding`) on the way.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from gateway.admission.bounds import Bounds
from gateway.admission.classes import CLASSES, RANKS
from gateway.admission.item import DEADLINE_UNREACHABLE, Accepted, Item
from gateway.admission.line import Line
from gateway.charge import Charge
from tests.admission.ledger_account import LedgerAccount
from tests.admission.manual_clock import ManualClock
from tests.admission.shedding import Shedding

STEP_S = 0.005
#: Of arrivals, by class: the mix of `reference/pacing_sim.py`.
MIX = (0.1, 0.2, 0.3, 0.2, 0.2)

#: Of arrivals that find no room, every so many are checked for who paid: to look through all that waits takes long.
_CHECKED_EVERY = 9

#: What was told, what it came to.
Pair = tuple[float, float]


@dataclass
class Outcome:
    """What was seen after the warm-up, by class."""

    seconds: float
    waits: list[list[float]] = field(default_factory=lambda: [[] for _ in RANKS])
    #: Expected on arrival, of those who went in the end.
    forecasts: list[list[Pair]] = field(default_factory=lambda: [[] for _ in RANKS])
    #: Told to who was refused, against when the next of the same class and tenant went who was not.
    retries: list[list[Pair]] = field(default_factory=lambda: [[] for _ in RANKS])
    reasons: list[dict[str, int]] = field(default_factory=lambda: [{} for _ in RANKS])
    victims: list[int] = field(default_factory=lambda: [0 for _ in RANKS])

    @property
    def served(self) -> int:
        return sum(map(len, self.waits))

    def percentile(self, rank: int, share: float) -> float:
        ordered = sorted(self.waits[rank])
        return ordered[int(len(ordered) * share)]


def error(pairs: list[Pair], least_s: float = 0.0) -> float:
    """Median of |told - came| ÷ came. What came within `least_s` of what was told is right."""
    return median(abs(told - came) / came if abs(told - came) > least_s else 0.0 for told, came in pairs)


class Simulation:
    """`load(t)` requests a second on one account of `limit` a minute."""

    def __init__(
        self,
        limit: int,
        warm_up: float,
        *,
        depth_max: int = 1000,
        seed: int = 1,
        tenants: int = 3,
        mix: tuple[float, ...] = MIX,
    ) -> None:
        self.clock = ManualClock(0.0)
        self.account = LedgerAccount(limit, self.clock)
        self.line = Line(Bounds(depth_max, 1 << 40), self.account)
        self.outcome = Outcome(0.0)
        self._limit, self._warm_up, self._tenants, self._mix = limit, warm_up, tenants, mix
        self._rng = random.Random(seed)
        self._count = 0
        self._expected: dict[str, float] = {}
        #: By class and tenant, what was told to those refused since the last who was accepted, and when.
        self._told: dict[tuple[int, str], list[Pair]] = {}
        self._after: dict[str, list[Pair]] = {}

    def run(self, load: Callable[[float], float], seconds: float) -> Outcome:
        coming = self._rng.expovariate(load(0.0))
        while (now := self.clock.monotonic()) < seconds:
            while coming <= now:
                self._arrive(coming, now)
                coming += self._rng.expovariate(load(now))
            self._dispatch(now)
            self.line.expire(now)
            self.clock.move(STEP_S)
        self.outcome.seconds = seconds - self._warm_up
        return self.outcome

    def _arrive(self, at: float, now: float) -> None:
        self._count += 1
        rank = self._rng.choices(RANKS, self._mix)[0]
        tenant = f"t{self._rng.randrange(self._tenants)}"
        one = Item(
            f"{self._count}", ("key",), rank, tenant, Charge(1), 1 / self._limit, 0, at, CLASSES[rank].ttl_s
        )
        self._expected[one.id] = self.line.expected(one, now).wait_s
        waiting = list(self.line) if now > self._warm_up and self._count % _CHECKED_EVERY == 0 else None
        answer = self.line.offer(one, now)
        if isinstance(answer, Accepted):
            self._after[one.id] = self._told.pop((rank, tenant), [])
            for victim in answer.victims:
                self.outcome.victims[victim.rank] += 1
                self._told.setdefault((victim.rank, victim.tenant), []).extend(self._after.pop(victim.id))
            if waiting is not None:
                waiting.append(one)
                for victim in answer.victims:
                    Shedding(self.line.bounds, waiting).check_victim(one, victim)
                    waiting.remove(victim)
            return
        if waiting is not None and answer.reason != DEADLINE_UNREACHABLE:
            Shedding(self.line.bounds, waiting).check_refusal(one, answer.reason)
        if now > self._warm_up:
            self._told.setdefault((rank, tenant), []).append((answer.retry_after_s, now))
            reasons = self.outcome.reasons[rank]
            reasons[answer.reason] = reasons.get(answer.reason, 0) + 1

    def _dispatch(self, now: float) -> None:
        while len(self.line):
            gone = self.line.pick("key", self.account.order(), self.account.try_take, now)
            if gone is None:
                break
            if now > self._warm_up:
                wait = now - gone.arrived
                self.outcome.waits[gone.rank].append(wait)
                self.outcome.forecasts[gone.rank].append((self._expected.pop(gone.id), wait))
                self.outcome.retries[gone.rank] += [(told, now - at) for told, at in self._after.pop(gone.id)]


def simulate(
    limit: int,
    load: Callable[[float], float],
    seconds: float,
    warm_up: float,
    *,
    depth_max: int = 1000,
    seed: int = 1,
    tenants: int = 3,
    mix: tuple[float, ...] = MIX,
) -> Outcome:
    simulation = Simulation(limit, warm_up, depth_max=depth_max, seed=seed, tenants=tenants, mix=mix)
    return simulation.run(load, seconds)
