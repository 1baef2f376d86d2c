"""A second attempt while the first is silent: served by whoever speaks first, and nothing of the other is left."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from provider_sim import ProviderSim
from tests.clock import turns, until
from tests.gateway.test_admin_and_log import scrape
from tests.gateway.wire import Line, chat, post, request
from tests.running import RunningGateway, configuration

SLOW_MS = 3_600_000.0


@pytest.fixture
async def slow() -> AsyncIterator[ProviderSim]:
    async with ProviderSim(latency_ms=SLOW_MS) as running:
        yield running


def hedging(slow: ProviderSim, quick: ProviderSim, **changes: Any) -> RunningGateway:
    """The first target of `smart` never answers, the second at once."""
    config = configuration(quick.openai_url)
    config["providers"].append(
        {"id": "slow", "dialect": "openai", "base_url": slow.openai_url, "flavour": "sim"}
    )
    config["pools"].append({"id": "slow", "provider": "slow", "secret": "env:PROVIDER_KEY"})
    config["models"] = [{"id": "smart", "targets": ["slow/chat", "sim/chat"]}]
    config["hedge"] = {"enabled": True, **changes}
    return RunningGateway(config)


def taught(gateway: RunningGateway) -> Any:
    """The decider, that knows what is usual at the slow target, with tokens to spend."""
    hedged = gateway.app.pipeline.generation.upstream._hedged
    assert hedged is not None
    for _ in range(20):
        hedged._hedging.observe("slow/chat", 0, 0.001)
    return hedged._hedging


def funded(gateway: RunningGateway) -> None:
    """So many requests went and were answered that a second attempt may be made."""
    hedging = taught(gateway)
    for _ in range(50):
        hedging.sent()
    hedging.used(1_000_000)


def in_flight(gateway: RunningGateway) -> list[int]:
    return [pool["in_flight"] for pool in gateway.app.state()["pools"]]


@pytest.mark.parametrize("streamed", [False, True])
async def test_whoever_speaks_first_is_the_reply(slow: ProviderSim, sim: ProviderSim, streamed: bool) -> None:
    async with hedging(slow, sim) as gateway:
        funded(gateway)
        reply = await post(gateway, chat(stream=streamed))
        assert (reply.status, reply.headers["x-gateway-provider"]) == (200, "sim")
        assert reply.headers["x-gateway-attempts"] == "2"
        await until(lambda: in_flight(gateway) == [0, 0, 0])
        (entry,) = await gateway.log_lines(1)
        assert (entry["provider"], entry["attempts"]) == ("sim", 2)
        seen = await scrape(gateway)
        assert seen.value("gateway_attempts_total", provider="sim", outcome="ok") == 1
        assert seen.value("gateway_attempts_total", provider="slow", outcome="cancelled") == 1


async def test_nothing_is_left_when_the_caller_leaves_both(slow: ProviderSim) -> None:
    async with ProviderSim(latency_ms=SLOW_MS) as other, hedging(slow, other) as gateway:
        funded(gateway)
        async with Line(gateway) as line:
            line.send(request(chat()))
            await until(lambda: sum(in_flight(gateway)) == 2)
            line.writer.transport.abort()
            await until(lambda: in_flight(gateway) == [0, 0, 0] and not gateway.app.live)


async def test_without_tokens_to_spend_the_first_attempt_is_waited_for(
    slow: ProviderSim, sim: ProviderSim
) -> None:
    async with hedging(slow, sim) as gateway:
        taught(gateway)
        async with Line(gateway) as line:
            line.send(request(chat()))
            await until(lambda: sum(in_flight(gateway)) == 1)
            await turns(500)
            assert not sim.requests()
            line.writer.transport.abort()
            await until(lambda: not gateway.app.live)


async def test_what_was_used_fills_the_budget_and_no_estimate(slow: ProviderSim, sim: ProviderSim) -> None:
    """An answer is thought to be a thousand tokens long as long as nothing is known of such."""
    async with hedging(slow, sim) as gateway:
        decider = taught(gateway)
        for _ in range(50):
            assert (await post(gateway, chat("[[sim:output=2]]", model="sim/chat"))).status == 200
        assert decider._requests == pytest.approx(1.0)
        assert 0.0 < decider._tokens < 0.02 * 50 * 100


async def test_off_unless_configured(sim: ProviderSim) -> None:
    async with RunningGateway(configuration(sim.openai_url)) as gateway:
        assert gateway.app.pipeline.generation.upstream._hedged is None
