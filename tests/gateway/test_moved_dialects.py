"""A route that leads elsewhere while its requests wait, to who speaks otherwise: they are asked in those words."""

import asyncio
from typing import Any

import pytest

from tests.clock import until
from tests.gateway.wire import CHAT, chat, post
from tests.running import ProviderSim, RunningGateway, configuration

_CLAUDE, _GPT = "ant/claude-haiku-4-5", "sim/gpt-4.1"
_TARGETS = {"claude": _CLAUDE, "gpt": _GPT}


def _one_place_each(sim: ProviderSim, target: str) -> dict[str, Any]:
    config = configuration(sim.openai_url)
    config["providers"].append({"id": "ant", "dialect": "anthropic", "base_url": sim.url, "flavour": "sim"})
    config["pools"] = [
        {"id": "one", "provider": "sim", "secret": "env:PROVIDER_KEY", "limits": {"concurrency": 1}},
        {"id": "two", "provider": "ant", "secret": "env:PROVIDER_KEY_2", "limits": {"concurrency": 1}},
    ]
    config["models"] = [{"id": "smart", "targets": [target]}]
    return config


@pytest.mark.parametrize(("path", "before", "after"), [
    (CHAT, "gpt", "claude"), (CHAT, "claude", "gpt"),
    ("/v1/messages", "claude", "gpt"), ("/v1/messages", "gpt", "claude"),
])  # fmt: skip
async def test_who_waits_is_asked_in_the_new_targets_words(
    sim: ProviderSim, path: str, before: str, after: str
) -> None:
    async with RunningGateway(_one_place_each(sim, _TARGETS[before])) as gateway:
        body = chat("[[sim:delay_ms=300]] lighthouse", max_tokens=50)
        asked = [asyncio.create_task(post(gateway, body, path=path)) for _ in range(3)]
        await until(lambda: len(gateway.app._dispatcher.line) == 2)
        gateway.write({**gateway.config, "models": [{"id": "smart", "targets": [_TARGETS[after]]}]})
        assert await gateway.app.reload() is None
        replies = await asyncio.gather(*asked)
    assert [reply.status for reply in replies] == [200] * 3
    assert all(b"lighthouse" in reply.body for reply in replies)
    by = sorted(reply.headers["x-gateway-provider"] for reply in replies)
    assert by == sorted([target.partition("/")[0] for target in (_TARGETS[before], *[_TARGETS[after]] * 2)])
