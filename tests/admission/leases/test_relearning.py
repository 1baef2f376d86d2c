"""The ledger comes back empty while workers die: no window over its ceiling, a short pause, and then full use."""

import random
from collections.abc import Callable

import pytest
from redis import Redis

from gateway.admission.dimension import Dimension
from gateway.admission.ledger import Ledger
from gateway.admission.memory_ledger import LedgerTime, MemoryLedger
from gateway.admission.redis_ledger import RedisLedger
from gateway.charge import Charge
from gateway.record import replace
from tests.admission.charging import worst
from tests.admission.leases.fleet import Fleet, Line
from tests.admission.ledgers import terms
from tests.admission.servers import Server, binaries
from tests.clock import LoopClock

RPM, TPM, WORKERS = 240, 60_000, 4


class World:
    """Twice what the ceilings hold, by the millisecond; of what a request was granted it is charged a part."""

    def __init__(
        self, seed: int, load: float = 1.3, ledger: Callable[[LedgerTime], Ledger] = MemoryLedger
    ) -> None:
        self.rng = random.Random(seed)
        self.load = load
        dimensions = Dimension("rpm", RPM), Dimension("tpm", TPM)
        self.fleet = Fleet(terms(*dimensions, set_aside_permille=5), WORKERS, ledger)
        for line in self.fleet.lines:
            line.took_s = None

    @property
    def now(self) -> int:
        return self.fleet.time.now()

    async def runs(self, seconds: float) -> None:
        until = self.now + seconds * 1000
        while self.now < until:
            await self.fleet.passes(self.rng.expovariate(self.load * RPM / 60))
            line = self.rng.choice(self.fleet.lines)
            if sum(map(len, line.waiting)) < 5:
                line.arrive(Charge(1, 0, 0, self.rng.randint(1, 400)), self.rng.choice((0, 1, 1, 2, 3)))
            if line.under_way and self.rng.random() < 0.8:
                grant = self.rng.choice(list(line.under_way))
                tokens = grant.charge.tokens * self.rng.uniform(0.5, 1.0)
                line.end(grant, replace(grant.charge, tokens=max(1, int(tokens))))

    async def loses_its_ledger(self, away_s: float) -> None:
        """Nobody reaches it for so long; what then answers knows nothing. A real one is emptied by the test."""
        for road in self.fleet.roads:
            road.cut = True
        await self.runs(away_s)
        if isinstance(self.fleet.ledger, MemoryLedger):
            self.fleet.ledger = MemoryLedger(self.fleet.time)
        for road in self.fleet.roads:
            road.ledger, road.cut = self.fleet.ledger, False

    async def first_grant(self) -> float:
        """How long nothing is sent from now on."""
        began, count = self.now, len(self.fleet.sent)
        while len(self.fleet.sent) == count:
            await self.runs(0.01)
        return (self.now - began) / 1000

    def add(self) -> Line:
        line = self.fleet.add()
        line.took_s = None
        return line

    def kill(self) -> None:
        self.fleet.crash(self.rng.choice(self.fleet.lines))

    def kept(self) -> bool:
        sent = self.fleet.sent
        tokens = worst([(at, charge.tokens) for at, charge in sent], 60_000)
        return worst([(at, 1) for at, _ in sent], 60_000) <= RPM and tokens <= TPM

    def used(self, seconds: float) -> float:
        since = self.now - seconds * 1000
        return sum(at >= since for at, _ in self.fleet.sent) / (RPM * seconds / 60)


@pytest.mark.parametrize("seed", range(4))
async def test_no_window_is_over_its_ceiling_whoever_dies_when_the_state_is_lost(seed: int) -> None:
    world = World(seed, load=(1.3, 0.7)[seed % 2])
    rng = world.rng
    await world.runs(rng.uniform(20, 70))
    for _ in range(3):
        before = rng.choice((0.0, 0.05, 0.5, 2.0, 10.0, 40.0))
        world.kill()
        await world.runs(before)
        await world.loses_its_ledger(rng.choice((0.0, 0.2, 1.5, 5.0)))
        if rng.random() < 0.5 and len(world.fleet.lines) > 1:
            world.kill()
        await world.runs(rng.uniform(4, 10))
        while len(world.fleet.lines) < WORKERS:
            world.add()
        await world.runs(rng.uniform(5, 70))
        assert world.kept()
    await world.fleet.aclose()


@pytest.mark.parametrize(("away_s", "dead_s"), [(0.1, 60.0), (0.7, 5.0), (10.0, 5.0)])
async def test_soon_grants_again_with_one_worker_dead(away_s: float, dead_s: float) -> None:
    world = World(7)
    await world.runs(70)
    world.kill()
    world.add()
    await world.runs(dead_s)
    await world.loses_its_ledger(away_s)
    paused_s = await world.first_grant()
    assert paused_s <= 2.0 + (away_s > 1.0)  # besides, it is tried once a second
    await world.runs(60 - paused_s)
    # What one sent in its last minute counts for one more, and what is free then is filled at the ceiling's pace.
    assert world.used(60) >= (0.94 if dead_s == 60 else 0.7)
    assert world.kept()
    await world.fleet.aclose()


async def test_one_that_died_with_the_ledger_holds_up_nobody_for_longer_than_seconds() -> None:
    world = World(8)
    await world.runs(70)
    world.kill()
    await world.loses_its_ledger(0.5)
    assert await world.first_grant() <= 4.0
    await world.runs(60)
    assert world.used(60) >= 0.6 and world.kept()
    await world.fleet.aclose()


async def test_little_is_assumed_where_nobody_died() -> None:
    """What workers know to be their own is nearly all there is, and never more."""
    world = World(10)
    await world.runs(90)
    for road in world.fleet.roads:
        road.batches.clear()
    await world.loses_its_ledger(0.5)
    await world.runs(2)
    told = [batch.recall for road in world.fleet.roads for batch in road.batches if batch.recall is not None]
    assert len(told) == WORKERS
    used = max(told, key=lambda recall: recall.version).used
    for axis, limit in ((0, RPM), (3, TPM)):
        own = sum(recall.own[axis] for recall in told)
        assert used[axis] > limit / 3 and used[axis] - limit * 0.04 <= own <= used[axis]
    await world.fleet.aclose()


@pytest.mark.parametrize("kind", binaries())
async def test_a_real_server_that_comes_back_empty_grants_soon(kind: str, servers: dict[str, Server]) -> None:
    def ledger(time: LedgerTime) -> Ledger:
        return RedisLedger(servers[kind].url, LoopClock(), server_time=time.now)

    world, admin = World(9, ledger=ledger), Redis.from_url(servers[kind].url)
    await world.runs(40)
    world.kill()
    world.add()
    await world.runs(10)
    admin.flushall()
    await world.loses_its_ledger(0.5)
    assert await world.first_grant() <= 2.0
    await world.runs(40)
    assert world.used(40) >= 0.6 and world.kept()
    await world.fleet.aclose()
    await world.fleet.ledger.aclose()
    admin.close()
