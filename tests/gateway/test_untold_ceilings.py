"""Ceilings that nobody configured, as the provider's headers tell of them: heeded before they are hit."""

import asyncio

import pytest

from provider_sim import ProviderSim
from tests.clock import passes, standing, until
from tests.gateway.wire import chat, post
from tests.running import OTHER_KEY, RunningGateway, configuration


def was_refused(gateway: RunningGateway) -> bool:
    """For its rates, by the provider."""
    return gateway.app.state()["pools"][0]["last_rate_limited_ago_s"] is not None


async def test_a_key_is_left_alone_before_a_ceiling_that_nobody_configured_is_hit() -> None:
    async with (
        ProviderSim({"default": {"rpm": 4}}) as sim,
        RunningGateway(configuration(sim.openai_url)) as gateway,
    ):
        with standing():
            for _ in range(4):
                assert (await post(gateway, chat(), key=OTHER_KEY)).status == 200
            told = await post(gateway, chat(), key=OTHER_KEY)
            assert (told.status, told.error()["code"]) == (429, "rate_limit_exceeded"), "a minute is too long"
            wait_s = int(told.headers["retry-after-ms"]) / 1000
            (shown,) = gateway.app.state()["pools"][0]["limits"]
            assert (shown["dimensions"], shown["blocked_s"]) == ([], pytest.approx(wait_s, abs=0.01))
            await passes(wait_s - 10)
            task = asyncio.create_task(post(gateway, chat(), key=OTHER_KEY))
            await until(lambda: len(gateway.app._dispatcher.line) == 1)
            assert not was_refused(gateway)
            assert sim.stats()["requests"] == 4
            await passes(10.1)
            await task  # by the provider's own clock no time has passed: it says no
        assert sim.stats()["requests"] == 5


@pytest.mark.parametrize(("limits", "is_hit"), [({"rpm": 100}, False), ({"itpm": 10_000}, True)])
async def test_so_is_one_on_tokens_unless_others_on_tokens_are_configured(
    limits: dict[str, int], is_hit: bool
) -> None:
    """A provider may tell of one of them under the name of another."""
    async with ProviderSim({"default": {"tpm": 60}}) as sim:
        config = configuration(sim.openai_url)
        config["pools"][0]["limits"] = limits
        async with RunningGateway(config) as gateway:
            line = gateway.app._dispatcher.line
            with standing():
                for _ in range(10):
                    task = asyncio.create_task(post(gateway, chat(max_tokens=5), key=OTHER_KEY))
                    await until(lambda task=task: task.done() or len(line))
                    if not task.done() or task.result().status == 429:
                        break
                assert was_refused(gateway) == is_hit
                assert sim.stats()["requests"] < 10
                await passes(60)
                await task
