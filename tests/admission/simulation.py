"""Line and account together on a manual clock: random arrivals, and whoever goes goes at once."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.admission.bounds import Bounds
from gateway.admission.classes import CLASSES, RANKS
from gateway.admission.item import Accepted, Item
from gateway.admission.line import Line
from gateway.charge import Charge
from tests.admission.manual_clock import ManualClock
from tests.admission.paced_account import PacedAccount

STEP_S = 0.005
#: Of arrivals, by class: the mix of `reference/pacing_sim.py`.
MIX = (0.1, 0.2, 0.3, 0.2, 0.2)


@dataclass
class Outcome:
    """What was seen after the warm-up."""

    seconds: float
    waits: list[list[float]] = field(default_factory=lambda: [[] for _ in RANKS])
    #: By class: what was expected on arrival, what it came to.
    forecasts: list[list[tuple[float, float]]] = field(default_factory=lambda: [[] for _ in RANKS])
    served: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    #: The fewest requests of a class in the window at any moment.
    least: list[int] = field(default_factory=lambda: [1 << 30 for _ in RANKS])

    def percentile(self, rank: int, share: float) -> float:
        ordered = sorted(self.waits[rank])
        return ordered[int(len(ordered) * share)]


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
    """`load(t)` requests a second on one account of `limit` a minute."""
    rng, clock, account = random.Random(seed), ManualClock(0.0), PacedAccount(limit)
    line = Line(Bounds(depth_max, 1 << 40), account)
    outcome, expected = Outcome(seconds - warm_up), dict[str, float]()
    count, coming = 0, rng.expovariate(load(0.0))
    while (now := clock.monotonic()) < seconds:
        account.touch(now)
        while coming <= now:
            count += 1
            rank = rng.choices(RANKS, mix)[0]
            one = Item(
                f"{count}", ("key",), rank, f"t{rng.randrange(tenants)}", Charge(1), 1 / limit, 0, coming,
                CLASSES[rank].ttl_s,
            )  # fmt: skip
            coming += rng.expovariate(load(now))
            wait = line.expected(one, now).wait_s
            answer = line.offer(one, now)
            if not isinstance(answer, Accepted):
                if now > warm_up:
                    outcome.reasons[answer.reason] = outcome.reasons.get(answer.reason, 0) + 1
            else:
                expected[one.id] = wait
        order = account.order([backlog.count for backlog in line.backlogs.classes])
        while (gone := line.pick("key", order, account.try_take, now)) is not None:
            if now > warm_up:
                outcome.served += 1
                outcome.waits[gone.rank].append(now - gone.arrived)
                outcome.forecasts[gone.rank].append((expected.pop(gone.id), now - gone.arrived))
            order = account.order([backlog.count for backlog in line.backlogs.classes])
        line.expire(now)
        if now > warm_up:
            outcome.least = [min(pair) for pair in zip(outcome.least, account.count, strict=True)]
        clock.move(STEP_S)
    return outcome
