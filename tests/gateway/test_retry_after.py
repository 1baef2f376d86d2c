"""A provider in trouble that says for how long: it is not asked before; others serve, and who has none waits."""

import asyncio

import pytest

from provider_sim import ProviderSim
from tests.clock import passes, standing, until
from tests.gateway.wire import chat, post
from tests.running import OTHER_KEY, RunningGateway


@pytest.mark.parametrize("status", [503, 529])
async def test_others_serve_while_a_key_rests(gateway: RunningGateway, sim: ProviderSim, status: int) -> None:
    with standing():
        sim.fault(status=status, retry_after="20", count=1)
        reply = await post(gateway, chat())
        assert (reply.status, reply.headers["x-gateway-attempts"]) == (200, "2")
        other = reply.headers["x-gateway-key"]
        await passes(19.9)
        for number in range(6):
            reply = await post(gateway, chat(f"{number}"))
            assert (reply.headers["x-gateway-key"], reply.headers["x-gateway-attempts"]) == (other, "1")
        await passes(60)
        replies = [await post(gateway, chat(f"{number}")) for number in range(6)]
        assert {reply.headers["x-gateway-key"] for reply in replies} == {"one", "two"}


async def test_who_has_no_other_key_waits(gateway: RunningGateway, sim: ProviderSim) -> None:
    line = gateway.app._dispatcher.line
    with standing():
        sim.fault(status=503, retry_after="10", count=1)
        asked = []
        for waiting in (1, 2):  # the one that was refused, and the next
            asked.append(asyncio.ensure_future(post(gateway, chat(), key=OTHER_KEY)))
            await until(lambda waiting=waiting: len(line) == waiting)
        reply = await post(gateway, chat(model="sim/other"), key=OTHER_KEY)
        assert reply.status == 200, "another model of the key is another matter"
        await passes(9.9)
        assert (len(sim.requests()), len(line)) == (2, 2)
        await passes(0.2)
        assert [(await task).status for task in asked] == [200, 200]


async def test_longer_than_its_class_may_wait_it_is_told(gateway: RunningGateway, sim: ProviderSim) -> None:
    sim.fault(status=503, retry_after="40", count=1)
    reply = await post(gateway, chat(), key=OTHER_KEY)
    assert (reply.status, reply.error()["code"]) == (503, "upstream_overloaded")
    assert reply.headers["retry-after"] == "40"
    reply = await post(gateway, chat(), key=OTHER_KEY)
    assert (reply.status, reply.error()["code"]) == (503, "no_eligible_key")
    assert 35 <= int(reply.headers["retry-after"]) <= 40
    assert len(sim.requests()) == 1


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_a_key_that_is_full_for_longer_is_a_rate_limit_in_the_callers_dialect(
    gateway: RunningGateway, sim: ProviderSim, path: str
) -> None:
    """It is eligible, and full until a known time: no want of keys, nor an overload."""
    with standing():
        sim.fault(status=429, retry_after="40", count=1)
        for wait_ms in (40_000, 39_000):  # the one that was refused, and the next
            reply = await post(gateway, chat(max_tokens=5), key=OTHER_KEY, path=path)
            assert (reply.status, reply.error()["type"]) == (429, "rate_limit_error")
            assert int(reply.headers["retry-after-ms"]) == wait_ms
            await passes(1)
        assert len(sim.requests()) == 1


async def test_a_provider_that_asks_for_no_time_is_asked_no_more_than_before(
    gateway: RunningGateway, sim: ProviderSim
) -> None:
    sim.fault(status=503, retry_after="0")
    assert (await post(gateway, chat(), key=OTHER_KEY)).status == 503
    assert len(sim.requests()) == 1
