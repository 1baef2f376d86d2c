"""Callers who leave (golden case 107, D42–D44): the provider is let go at once and nothing is left behind."""

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from tests.clock import standing, until
from tests.gateway.wire import Line, arrived, chat, parsed, post, request, settled
from tests.running import ProviderSim, RunningGateway, configuration

SLOW = "[[sim:frames=400 gap_ms=10]]"


async def gone(sim: ProviderSim, count: int) -> None:
    """The provider sees `count` of its callers leave; no time passes for it."""
    with standing():
        await until(lambda: sim.stats()["cancelled"] >= count)


async def test_107_the_provider_is_let_go_at_once(gateway: RunningGateway, sim: ProviderSim) -> None:
    async with Line(gateway) as line:
        line.send(request(chat(SLOW, stream=True)))
        await line.until(b"\n\n", 4)
        line.writer.transport.abort()
        await gone(sim, 1)
    await settled(gateway)
    (entry,) = await gateway.log_lines(1)
    assert (entry["status"], entry["code"], entry["outcome"]) == (499, "client_closed", "client_closed")
    assert entry["usage_source"] == "estimated"
    assert entry["input_tokens"] > 0
    assert entry["output_tokens"] > 0


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("way", ["close", "reset", "half"])
async def test_however_the_caller_leaves_before_the_first_byte(
    gateway: RunningGateway, sim: ProviderSim, streamed: bool, way: str
) -> None:
    async with Line(gateway) as line:
        line.send(request(chat("[[sim:delay_ms=60000]]", stream=streamed)))
        await arrived(sim, 1)
        if way == "half":
            line.writer.write_eof()
        else:
            if way == "reset":
                handle = line.writer.get_extra_info("socket")
                handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            line.writer.transport.abort()
        await gone(sim, 1)
    await settled(gateway)
    (entry,) = await gateway.log_lines(1)
    assert (entry["status"], entry["output_tokens"], entry["usage_source"]) == (499, 0, "none")


async def test_42_twenty_random_points(gateway: RunningGateway, sim: ProviderSim) -> None:
    chance = random.Random(42)
    for count in range(1, 21):
        streamed = count % 2 == 0
        magic = (
            "[[sim:frames=60 gap_ms=5 think_ms=20]]" if streamed else "[[sim:frames=5000 drip=50 gap_ms=2]]"
        )
        async with Line(gateway) as line:
            line.send(request(chat(magic, stream=streamed)))
            await arrived(sim, count)
            at = chance.randrange(2000) if streamed else 0
            if at:
                await line.reader.readexactly(at)
            line.writer.transport.abort()
            await gone(sim, count)
    await settled(gateway)
    entries = await gateway.log_lines(20)
    assert len(entries) == 20
    for entry in entries:
        assert (entry["status"], entry["outcome"]) == (499, "client_closed")
        if entry["route"] == "chat" and entry["usage_source"] != "none":
            assert entry["output_tokens"] > 0


async def test_43_gone_before_the_exchange_begins(gateway: RunningGateway, sim: ProviderSim) -> None:
    for data in (
        request(chat()),  # whole, and gone in the same instant
        request(chat(stream=True)),
        request(chat())[:-20],  # gone in the middle of the body
        request(chat())[:60],  # gone in the middle of the head
        b"",
    ):
        async with Line(gateway) as line:
            line.send(data)
            line.writer.transport.close()
    await settled(gateway)
    async with Line(gateway) as line:
        line.send(request(chat()))
        assert parsed(await line.rest()).status == 200
    for entry in await gateway.log_lines(1):
        assert entry["status"] in (200, 499)


async def test_a_caller_who_leaves_after_the_last_byte_was_served(
    gateway: RunningGateway, sim: ProviderSim
) -> None:
    async with Line(gateway) as line:
        line.send(request(chat(stream=True), close=False))
        await line.until(b"data: [DONE]\n\n")
        line.writer.transport.abort()
    await settled(gateway)
    (entry,) = await gateway.log_lines(1)
    assert (entry["status"], entry["outcome"], entry["usage_source"]) == (200, "ok", "provider")


@pytest.fixture
async def crowded(sim: ProviderSim) -> AsyncIterator[RunningGateway]:
    """Ten connections to the provider, for many more callers."""
    bounds = {"upstream_connections": 10}
    async with RunningGateway(configuration(sim.openai_url, bounds=bounds)) as running:
        yield running


async def test_44_many_cancels_leave_the_pool_as_it_was(crowded: RunningGateway, sim: ProviderSim) -> None:
    """Cancelled while waiting in line, while dialling, while sending, while reading."""
    chance = random.Random(44)

    async def one(turns: int, streamed: bool) -> None:
        async with Line(crowded) as line:
            line.send(request(chat("[[sim:frames=50 gap_ms=4]]", stream=streamed)))
            for _ in range(turns):
                await asyncio.sleep(0)
            if turns > 60:
                await line.reader.read(100)
            line.writer.transport.abort()

    for _ in range(10):
        await asyncio.gather(*(one(chance.randrange(80), chance.random() < 0.5) for _ in range(50)))
    await settled(crowded)
    replies = await asyncio.gather(*(post(crowded, chat()) for _ in range(100)))
    assert {reply.status for reply in replies} == {200}
    await settled(crowded)
    (shown,) = crowded.app.state()["worker"]["connections"]
    assert (shown["active"], shown["waiting"]) == (0, 0)
    await until(lambda: not sim.stats()["in_flight"])


async def test_pipelined_behind_one_who_left_is_not_served(gateway: RunningGateway, sim: ProviderSim) -> None:
    async with Line(gateway) as line:
        line.send(request(chat(SLOW, stream=True), close=False) + request(chat("second")))
        await line.until(b"\n\n", 3)
        line.writer.transport.abort()
        await gone(sim, 1)
    await settled(gateway)
    assert len(sim.requests()) == 1
