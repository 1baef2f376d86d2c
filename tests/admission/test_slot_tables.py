"""What a batch costs a server: a field of hundreds of slots is looked up, not searched for."""

import pytest
from redis.asyncio import Redis

from gateway.admission.dimension import Dimension
from gateway.admission.ledger import Answer, Batch
from tests.admission.ledgers import RedisUnderTest, asks, granted, terms
from tests.admission.servers import Server, binaries


@pytest.mark.parametrize("server", binaries())
async def test_slots_are_a_table_from_the_first_and_after_all_have_ended(
    servers: dict[str, Server], server: str
) -> None:
    account = terms(Dimension("rpm", 1000, burst_s=1.0), Dimension("itpm", 1000), paced=False)
    ledger, admin = RedisUnderTest(servers[server].url), Redis.from_url(servers[server].url)
    await ledger.forget()
    seen: Answer | None = None
    for number, passed in enumerate((0, 500, 100_000), 1):
        ledger.now += passed
        answer = await ledger.exchange(Batch(account, "w", number, seen and seen.seen(passed), asks=asks(1)))
        seen = answer
        assert granted(answer) == 1
        slots = [key for key in await admin.keys() if key.rpartition(b":")[2].isdigit()]
        assert [await admin.object("ENCODING", key) for key in slots] == [b"hashtable"] * 2
    await admin.aclose()
    await ledger.aclose()
