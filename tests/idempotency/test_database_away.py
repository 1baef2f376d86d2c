"""`idempotency-key` with the database away: one worker's memory guards, says so, and nothing is lost for good."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.pipeline.kept_answers import Answer
from gateway.pipeline.stored_answers import StoredAnswers
from storage.database import Database
from tests.clock import standing, until
from tests.cut_proxy import CutProxy
from tests.gateway.test_idempotency import KEY
from tests.gateway.wire import Line, arrived, chat, parsed, post, request, settled
from tests.idempotency.test_across_workers import SLOW, rows, stored_by
from tests.running import ProviderSim, RunningGateway, configuration


@pytest.fixture
async def gateway(sim: ProviderSim, through: str) -> AsyncIterator[RunningGateway]:
    async with RunningGateway(configuration(sim.openai_url), database_dsn=through) as running:
        assert (await post(running, chat())).status == 200
        yield running


async def back(proxy: CutProxy, gateway: RunningGateway) -> None:
    database = gateway.app.databases.primary
    assert database is not None
    await proxy.mend()
    await database.answering()


async def test_one_workers_memory_guards_and_the_answer_says_so(
    gateway: RunningGateway, other: RunningGateway, sim: ProviderSim, proxy: CutProxy
) -> None:
    await proxy.cut()
    first = await post(gateway, chat(), headers=KEY)
    assert (first.status, first.headers["x-gateway-warnings"]) == (200, "idempotency=worker")
    again = await post(gateway, chat(), headers=KEY)
    assert (again.body, again.headers["idempotent-replayed"]) == (first.body, "true")
    assert "x-gateway-warnings" not in again.headers
    changed = await post(gateway, chat("x"), headers=KEY)
    assert (changed.status, changed.error()["code"]) == (400, "idempotency_key_reused")
    assert len(sim.requests()) == 2
    await back(proxy, gateway)
    assert (await post(gateway, chat(), headers=KEY)).body == first.body
    # Elsewhere it was never heard of: that is what the warning says.
    assert (await post(other, chat(), headers=KEY)).body != first.body


async def test_a_twin_on_the_same_worker_waits_as_ever(
    gateway: RunningGateway, sim: ProviderSim, proxy: CutProxy
) -> None:
    await proxy.cut()
    async with Line(gateway) as line:
        with standing():
            line.send(request(chat(SLOW), headers=KEY))
            await arrived(sim, 2)
            assert (await post(gateway, chat(SLOW), headers=KEY)).status == 409
        assert parsed(await line.rest()).status == 200


async def test_an_answer_is_stored_when_the_database_is_back(
    gateway: RunningGateway, other: RunningGateway, sim: ProviderSim, proxy: CutProxy, database: Database
) -> None:
    async with Line(gateway) as line:
        with standing():
            line.send(request(chat(SLOW), headers=KEY))
            await arrived(sim, 2)
            await proxy.cut()
        first = parsed(await line.rest())  # nobody waits for it to be stored
    assert (first.status, "x-gateway-warnings" in first.headers) == (200, False)
    assert (await post(other, chat(SLOW), headers=KEY)).status == 409  # it is still claimed
    await back(proxy, gateway)
    while not await rows(database, "SELECT FROM idempotent_answers WHERE state = 'done'"):
        await asyncio.sleep(0)
    assert (await post(other, chat(SLOW), headers=KEY)).body == first.body
    assert len(sim.requests()) == 2


async def test_what_was_claimed_and_lost_again_is_given_back(
    gateway: RunningGateway, other: RunningGateway, proxy: CutProxy, database: Database
) -> None:
    """The answer to the claim did not come: nobody may be held up by it."""
    kept: StoredAnswers = stored_by(gateway)
    proxy.mute = True
    claiming = asyncio.create_task(kept.begin(("a", "web", "order-1"), b"1" * 32))
    await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    await proxy.cut()
    assert await claiming is None
    proxy.mute = False
    await back(proxy, gateway)
    await until(lambda: not kept._ended)
    assert await rows(database) == []


async def test_what_waits_for_it_is_bounded(
    gateway: RunningGateway, sim: ProviderSim, proxy: CutProxy
) -> None:
    kept = stored_by(gateway)
    claims = [await kept.begin(("a", "web", f"order-{number}"), b"1" * 32) for number in range(3)]
    await proxy.cut()
    for claim in claims:
        assert claim is not None and not isinstance(claim, Answer)
        await kept.end(claim, Answer(200, b"a: b\r\n", b"x" * (kept._ended._bytes_max // 2)))
    assert len(kept._ended) == 1 and kept._ended.bytes <= kept._ended._bytes_max
    await back(proxy, gateway)
    await until(lambda: not kept._ended)
    assert kept._ended.bytes == 0
    await settled(gateway)
