"""Without a budget nothing expires a reservation: so every way out of a request must end it, and does."""

import asyncio
from typing import Any

import pytest

from gateway.errors import SHUTTING_DOWN
from storage.database import Database
from tests.clock import standing, until
from tests.gateway.wire import Line, arrived, chat, post, request, settled
from tests.postgres import Stored
from tests.running import ProviderSim, RunningGateway, configuration
from tests.spending.test_spending import posted

_SLOW = "[[sim:delay_ms=3600000]]"
_ENDLESS = "[[sim:frames=100000 gap_ms=20]] go on"


def open_intents(gateway: RunningGateway) -> int:
    return gateway.spending.treasury._writer._journal.open_count


async def leave(gateway: RunningGateway, sim: ProviderSim, body: dict[str, Any]) -> None:
    async with Line(gateway) as line:
        seen = len(sim.requests())
        line.send(request(body))
        await arrived(sim, seen + 1)
        assert open_intents(gateway) == 1
        if body.get("stream"):
            await line.until(b"data: ")
        line.writer.transport.abort()
        await settled(gateway)


async def test_every_way_out_ends_it(sim: ProviderSim, stored: Stored, database: Database) -> None:
    config = configuration(sim.openai_url, bounds={"attempts_ratio": 3.0})
    async with RunningGateway(config, database_dsn=stored.application) as gateway:
        assert (await post(gateway, chat())).status == 200
        assert (await post(gateway, chat(stream=True))).status == 200
        for fault in ({"status": 400}, {"status": 500}, {"wrong_shape": True}, {"truncate": 20}):
            sim.fault(count=1, **fault)
            await post(gateway, chat())
        sim.fault(error_after=1, count=1)
        await post(gateway, chat(stream=True))
        with standing():
            await leave(gateway, sim, chat(_SLOW))
        await leave(gateway, sim, chat(_ENDLESS, stream=True))
        late = await post(gateway, chat(_SLOW), headers="x-gateway-deadline-ms: 200\r\n")
        assert late.status == 504
        ended = asyncio.create_task(post(gateway, chat(_SLOW)))
        seen = len(sim.requests())
        await until(lambda: len(sim.requests()) > seen or open_intents(gateway) == 1)
        gateway.app.end_streams()
        assert (await ended).error()["code"] == SHUTTING_DOWN.code
        await settled(gateway)
        assert open_intents(gateway) == 0
        rows = await posted(gateway, database)
        assert {row["source"] for row in rows} <= {"provider", "estimated"}  # nothing had to be given up


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/audio/speech"])
async def test_of_other_endpoints_too(
    sim: ProviderSim, stored: Stored, database: Database, path: str
) -> None:
    async with RunningGateway(configuration(sim.openai_url), database_dsn=stored.application) as gateway:
        body = {"model": "smart", "input": "Hello.", "voice": "alloy"}
        async with Line(gateway) as line:
            line.send(request(body, path=path))
            await line.rest()
        assert len(await posted(gateway, database)) == 1
        assert open_intents(gateway) == 0
