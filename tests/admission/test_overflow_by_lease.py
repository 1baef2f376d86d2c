"""Overflow with a ledger that is shared: a place at the local model has to be asked for."""

import asyncio

from provider_sim import ProviderSim
from tests.admission.servers import Server
from tests.gateway.test_overflow import overflowing, seen
from tests.gateway.wire import chat, post, settled
from tests.running import OTHER_KEY

HURRIED = "x-gateway-deadline-ms: 3000\r\n"


async def test_who_waits_goes_over_and_who_comes_does(sim: ProviderSim, servers: dict[str, Server]) -> None:
    """The first stands in the paid key's line before anything is known of that; the second does not even begin."""
    server = servers["valkey"]
    server.say("FLUSHALL")
    async with overflowing(sim, sim.openai_url, {"rpm": 1}, ledger=server.url) as gateway:
        assert seen(await post(gateway, chat(), key=OTHER_KEY)) == (200, "sim", None)
        both = [post(gateway, chat(), key=OTHER_KEY, headers=HURRIED) for _ in range(2)]
        assert [seen(reply) for reply in await asyncio.gather(*both)] == [(200, "near", "local")] * 2
        await settled(gateway)
