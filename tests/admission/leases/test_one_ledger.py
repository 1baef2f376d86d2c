"""Several workers on one ledger, memory or a real server: what is scarce is used to the full and never tripped."""

import random

import pytest

from gateway.admission.dimension import Dimension
from gateway.admission.ledger import Ledger
from gateway.admission.memory_ledger import LedgerTime, MemoryLedger
from gateway.admission.redis_ledger import RedisLedger
from gateway.charge import Charge
from tests.admission.charging import worst
from tests.admission.leases.fleet import Fleet
from tests.admission.ledgers import terms
from tests.admission.servers import Server, binaries
from tests.clock import LoopClock

RPM, TPM = 300, 60_000


@pytest.mark.parametrize("kind", ["memory", *binaries()])
async def test_never_over_the_ceiling_and_used_to_the_full(kind: str, servers: dict[str, Server]) -> None:
    def ledger(time: LedgerTime) -> Ledger:
        if kind == "memory":
            return MemoryLedger(time)
        return RedisLedger(servers[kind].url, LoopClock(), server_time=time.now)

    rng = random.Random(3)
    fleet = Fleet(terms(Dimension("rpm", RPM), Dimension("tpm", TPM), set_aside_permille=5), 3, ledger)
    began = fleet.time.now()
    while (passed := fleet.time.now() - began) < 150_000:
        await fleet.passes(rng.expovariate(2 * RPM / 60))
        if 40_000 < passed < 41_000 and len(fleet.lines) == 3:
            fleet.crash(fleet.lines[0])
            fleet.add()
        line = rng.choice(fleet.lines)
        if sum(map(len, line.waiting)) < 40:
            tokens = rng.randint(50, 250)
            line.arrive(Charge(1, 0, 0, tokens), rng.randrange(5))
    await fleet.aclose()
    await fleet.ledger.aclose()
    assert worst([(at, 1) for at, _ in fleet.sent], 60_000) <= RPM
    assert worst([(at, charge.tokens) for at, charge in fleet.sent], 60_000) <= TPM
    last = [charge for at, charge in fleet.sent if at >= fleet.time.now() - 60_000]
    assert max(len(last) / RPM, sum(charge.tokens for charge in last) / TPM) >= 0.95
