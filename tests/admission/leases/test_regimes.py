"""Plenty and want: who has stock goes without a call, and what is scarce is used to the full and never tripped."""

import random

from gateway.admission.dimension import Dimension
from gateway.admission.ledger import Ask, Demand
from gateway.charge import Charge
from tests.admission.charging import worst
from tests.admission.leases.fleet import ONE, Fleet, Line
from tests.admission.ledgers import terms


async def test_stock_serves_without_a_call_where_there_is_plenty() -> None:
    rng = random.Random(1)
    fleet = Fleet(terms(Dimension("rpm", 100_000), Dimension("tpm", 100_000_000), set_aside_permille=5), 1)
    line = fleet.lines[0]
    line.took_s = 0.8
    for second in range(7):
        if second == 2:
            calls, hits, misses = line.leases.calls, line.leases.lease_hits, line.leases.lease_misses
        for _ in range(1_000):
            tokens = rng.randint(100, 1_500)
            line.arrive(Charge(1, tokens, 0, tokens), rng.randrange(5))
            await fleet.passes(rng.expovariate(1_000))
    hits, misses = line.leases.lease_hits - hits, line.leases.lease_misses - misses
    assert hits + misses == 5_000
    assert hits >= 0.95 * (hits + misses)
    assert line.leases.calls - calls < 0.05 * (hits + misses)
    await fleet.aclose()


class Crowded(Line):
    """Who says how many more wait than it asks for."""

    def demand(self, account: str, asked: tuple[Ask, ...]) -> tuple[Demand, ...]:
        rest = sum(map(len, self.waiting)) - len(asked)
        return (Demand(1, rest, Charge(rest), ONE),) if rest > 0 else ()


async def test_a_crowd_that_comes_at_once_gets_stock_too() -> None:
    fleet = Fleet(terms(Dimension("rpm", 10_000_000)), 1)
    leases, line = (
        fleet.lines[0].leases,
        Crowded(fleet.lines[0].leases, fleet.terms.id, fleet.time, fleet.sent),
    )
    line.took_s = 0.03
    for step in range(100):  # 300 callers, each with the next as soon as one is answered
        if step == 50:
            calls, hits, misses = leases.calls, leases.lease_hits, leases.lease_misses
        while len(line.under_way) + len(line.waiting[1]) < 300:
            line.arrive()
        await fleet.passes(0.01)
    taken = leases.lease_hits - hits + leases.lease_misses - misses
    assert taken > 4_000
    assert leases.lease_misses - misses < 0.05 * taken
    assert leases.calls - calls < 0.05 * taken
    await fleet.aclose()


async def test_five_a_minute_for_eight_workers() -> None:
    rng = random.Random(2)
    fleet = Fleet(terms(Dimension("rpm", 5), set_aside_permille=5), 8)
    for _ in range(10 * 60):
        if rng.random() < 10 / 60:
            rng.choice(fleet.lines).arrive(ONE, 1)
        await fleet.passes(1.0)
    await fleet.aclose()
    assert worst([(at, 1) for at, _ in fleet.sent], 60_000) <= 5
    began = fleet.sent[0][0] + 120_000
    used = sum(at >= began for at, _ in fleet.sent)
    assert used >= 0.95 * 5 * (fleet.time.now() - began) / 60_000
