"""Requests at once on several workers: free when it has ended, wherever the next one comes."""

import asyncio
import random

import pytest

from gateway.admission.asking import ASKS_MAX
from gateway.admission.dimension import Dimension
from gateway.admission.grantor import Grant
from gateway.admission.wishes import PATIENCE_MS
from gateway.charge import Charge
from tests.admission.leases.fleet import ONE, Fleet
from tests.admission.ledgers import terms


class Key:
    """A tenant key with so many places on so many workers, and its callers: none waits in line."""

    def __init__(self, places: int, workers: int, *more: Dimension) -> None:
        self.fleet = Fleet(terms(Dimension("concurrency", places), *more, paced=False), workers)
        self.running = self.most = self.refused = 0
        self.refused_after: list[int] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def obtain(self, worker: int) -> Grant | None:
        leases = self.fleet.lines[worker].leases
        grant = leases.take(self.fleet.terms.id, ONE, 0, self.fleet.time.now())
        return grant or await leases.obtain(self.fleet.terms.id, ONE, 0)

    def end(self, worker: int, grant: Grant) -> None:
        self.fleet.lines[worker].leases.settle(grant, grant.charge, self.fleet.time.now())

    async def call(self, worker: int, seconds: float) -> None:
        came = self.fleet.time.now()
        grant = await self.obtain(worker)
        if grant is None:
            self.refused += 1
            self.refused_after.append(self.fleet.time.now() - came)
            return
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(seconds)
        self.running -= 1
        self.end(worker, grant)

    def start(self, worker: int, seconds: float = 0.3) -> asyncio.Task[None]:
        return asyncio.create_task(self.call(worker, seconds))

    async def passes(self, *running: asyncio.Task[None]) -> None:
        """Until they have their answers, and no longer."""
        await self.fleet.until(lambda: all(one.done() for one in running))


@pytest.mark.parametrize("workers", [1, 2, 4])
async def test_the_next_pair_finds_the_places_of_the_one_before(workers: int) -> None:
    rng, key = random.Random(workers), Key(2, workers)
    for _ in range(3):
        burst = [key.start(rng.randrange(workers)) for _ in range(16)]
        await key.passes(*burst)
        assert key.refused == 14
        key.refused = 0
        for _ in range(40):
            pair = [key.start(rng.randrange(workers), rng.choice([0.01, 0.3, 2.0])) for _ in range(2)]
            await key.passes(*pair)
        assert (key.refused, key.most) == (0, 2)
        await key.fleet.passes(rng.choice([0.0, 3.0, 12.0]))
    await key.fleet.aclose()


async def test_a_place_is_told_when_it_is_free_and_not_with_the_next_heartbeat() -> None:
    key = Key(1, 2)
    await key.passes(key.start(0))
    calls = key.fleet.roads[0].batches
    assert calls[-1].in_flight == 1
    await key.fleet.passes(0.002)
    assert calls[-1].in_flight == 0
    told = len(calls)
    await key.fleet.passes(0.9)
    assert len(calls) <= told + 1  # and that is all there is to be said
    await key.fleet.aclose()


async def test_who_is_over_the_limit_is_refused_within_the_patience() -> None:
    key = Key(2, 2)
    running = [key.start(0, 1.0), key.start(1, 1.0)]
    await key.fleet.passes(0.5)
    over = [key.start(worker) for worker in (0, 1)]
    await key.passes(*over)
    assert key.refused == 2 and all(ms <= PATIENCE_MS + 20 for ms in key.refused_after)
    await key.passes(*running)
    assert key.most == 2
    await key.fleet.aclose()


async def test_where_all_that_runs_runs_here_nobody_is_kept_waiting() -> None:
    key = Key(2, 2)
    running = [key.start(0, 1.0) for _ in range(2)]
    await key.fleet.passes(0.5)
    await key.passes(key.start(0))
    assert key.refused == 1 and key.refused_after[0] <= 5
    await key.passes(*running)
    await key.fleet.aclose()


async def test_no_more_have_patience_than_one_call_asks_for() -> None:
    key = Key(2, 2)
    running = [key.start(1, 1.0) for _ in range(2)]
    await key.fleet.passes(0.5)
    crowd = [key.start(0) for _ in range(10 * ASKS_MAX)]
    await key.passes(*crowd)
    at_once = sum(ms < PATIENCE_MS for ms in key.refused_after)
    assert key.refused == 10 * ASKS_MAX and at_once > 9 * ASKS_MAX
    await key.passes(*running)
    await key.fleet.aclose()


async def test_who_left_while_they_were_asked_for_again_holds_no_place() -> None:
    key = Key(1, 2)
    running = key.start(1, 1.0)
    await key.fleet.passes(0.97)
    gone = key.start(0)
    await key.fleet.passes(0.015)
    gone.cancel()
    await key.passes(running)
    before = len(key.fleet.roads[0].batches)
    await key.passes(key.start(1))
    assert key.refused == 0
    assert not any(batch.asks for batch in key.fleet.roads[0].batches[before:])
    await key.fleet.aclose()


async def test_what_is_granted_after_its_asker_left_goes_back_at_once() -> None:
    key = Key(1, 2)
    for road in key.fleet.roads:
        road.seconds = 0.02
    gone = key.start(0)
    await key.fleet.passes(0.03)  # granted, and the answer is on its way
    gone.cancel()
    await key.fleet.passes(0.01)
    await key.passes(key.start(1))
    assert key.refused == 0
    await key.fleet.aclose()


@pytest.mark.parametrize("idle_s", [0.0, 0.2, 1.0, 5.0])
async def test_places_in_stock_elsewhere_are_nobodys_refusal(idle_s: float) -> None:
    key = Key(200, 4)
    for _ in range(200):
        for worker in (1, 2, 3):
            key.start(worker, 0.05)
        await key.fleet.passes(0.01)
    await key.fleet.passes(idle_s + 0.05)
    assert idle_s or sum(line.leases._channels[key.fleet.terms.id].lots.places for line in key.fleet.lines)
    burst = [key.start(0, 1.0) for _ in range(200)]
    await key.passes(*burst)
    assert (key.refused, key.most) == (0, 200)
    await key.fleet.aclose()


async def test_below_most_of_a_large_limit_no_request_costs_a_call() -> None:
    key = Key(4_000, 2)
    for step in range(600):
        if step == 200:
            calls, hits = key.fleet.calls, sum(line.leases.lease_hits for line in key.fleet.lines)
        for worker in (0, 1):
            key.start(worker, 0.5)
            key.start(worker, 0.5)
        await key.fleet.passes(0.005)
    hits = sum(line.leases.lease_hits for line in key.fleet.lines) - hits
    assert key.refused == 0 and hits >= 0.95 * 1_600
    assert key.fleet.calls - calls < 0.1 * 1_600
    await key.fleet.aclose()


async def test_many_callers_within_their_limit_are_never_refused() -> None:
    rng, key = random.Random(5), Key(40, 4)

    async def caller() -> None:
        for _ in range(60):
            await key.call(rng.randrange(4), rng.choice([0.002, 0.02, 0.1, 0.4]))

    callers = [asyncio.create_task(caller()) for _ in range(40)]
    await key.passes(*callers)
    assert key.refused == 0 and 30 <= key.most <= 40
    await key.fleet.aclose()


@pytest.mark.parametrize("took_s", [0.1, 0.3, 3.0])
async def test_a_place_that_came_back_reaches_who_waits_elsewhere(took_s: float) -> None:
    fleet, rng = Fleet(terms(Dimension("concurrency", 4)), 3), random.Random(7)
    for line in fleet.lines:
        line.took_s = took_s
    for _ in range(10):  # what requests take is known from those before
        rng.choice(fleet.lines).arrive()
        await fleet.passes(2 * took_s)
    began, before = fleet.time.now(), len(fleet.sent)
    for _ in range(40):
        rng.choice(fleet.lines).arrive()

    def done() -> bool:
        under_way = sum(len(line.under_way) for line in fleet.lines)
        assert under_way <= 4
        return not under_way and len(fleet.sent) == before + 40

    await fleet.until(done)
    assert fleet.time.now() - began <= 1.06 * 10_000 * took_s + 20
    await fleet.aclose()


async def test_who_waits_for_what_runs_here_does_not_look() -> None:
    fleet = Fleet(terms(Dimension("concurrency", 4)), 2)
    line = fleet.lines[0]
    line.took_s = 0.3
    for _ in range(40):
        line.arrive()
    began = fleet.time.now()
    await fleet.until(lambda: len(fleet.sent) == 40 and not line.under_way)
    assert fleet.time.now() - began <= 3_030 and fleet.calls < 60
    await fleet.aclose()


@pytest.mark.parametrize("quiet_s", [0.0, 5.0, 90.0])
async def test_who_comes_to_wait_looks_soon_whatever_was_before(quiet_s: float) -> None:
    fleet = Fleet(terms(Dimension("concurrency", 1)), 2)
    here, elsewhere = fleet.lines
    elsewhere.took_s = here.took_s = 0.3
    if quiet_s:
        here.arrive()
        await fleet.passes(quiet_s)
    elsewhere.arrive()
    await fleet.passes(0.1)
    here.arrive()
    await fleet.until(lambda: bool(here.under_way))
    assert 190 <= here.waited[-1] <= 215
    await fleet.aclose()


async def test_who_waits_for_a_place_asks_no_more_often_than_one_may_come() -> None:
    fleet = Fleet(terms(Dimension("concurrency", 2)), 2)
    for line in fleet.lines:
        line.took_s = 8.0
    for _ in range(2):
        fleet.lines[0].arrive(Charge(1))
    await fleet.passes(8.1)
    for line in fleet.lines:
        line.arrive(ONE)
        line.arrive(ONE)
    await fleet.passes(0.1)
    before = fleet.calls
    await fleet.passes(7.0)
    assert fleet.calls - before < 2 * 7 * 20
    await fleet.aclose()
