"""Overflow as callers see it: who answers, what the answer says, and what a broken local model costs them."""

import asyncio
from typing import Any

import pytest

from provider_sim import ProviderSim
from tests.clock import passes, standing
from tests.gateway.test_admin_and_log import scrape
from tests.gateway.test_queue import HOLD, HOLD_S, in_line
from tests.gateway.wire import Reply, arrived, chat, post, settled
from tests.running import OTHER_KEY, PROVIDER_SECRET, RunningGateway, configuration

LOCAL_SECRET = PROVIDER_SECRET + "-2"
PATIENT = "x-gateway-priority: scheduled\r\n"


def overflowing(
    sim: ProviderSim, local_url: str, limits: dict[str, int] | None = None, **more: Any
) -> RunningGateway:
    """One paid key; `smart` overflows when two wait for it."""
    config = configuration(sim.openai_url)
    config["providers"].append(
        {"id": "near", "dialect": "openai", "base_url": local_url, "flavour": "vllm", "local": True}
    )
    config["pools"] = [
        {"id": "one", "provider": "sim", "secret": "env:PROVIDER_KEY", "limits": limits or {}},
        {"id": "near", "provider": "near", "secret": "env:PROVIDER_KEY_2", "limits": {"concurrency": 2}},
    ]
    config["models"] = [
        {"id": "smart", "targets": ["sim/chat"], "overflow": "near/small", "hint": "fast"},
        {"id": "best", "targets": ["sim/chat"], "overflow": "near/small"},
    ]
    config["queue"] = {"overflow_depth": 1}
    return RunningGateway(config | more)


def seen(reply: Reply) -> tuple[int, str | None, str | None]:
    return reply.status, reply.headers.get("x-gateway-provider"), reply.headers.get("x-gateway-overflow")


async def test_without_money_at_the_provider_the_local_model_answers(sim: ProviderSim) -> None:
    async with overflowing(sim, sim.openai_url) as gateway:
        sim.fault(quota=True, credential=PROVIDER_SECRET)
        replies = [await post(gateway, chat(), key=OTHER_KEY) for _ in range(3)]
        assert [seen(reply) for reply in replies] == [(200, "near", "local")] * 3
        assert [reply.headers["x-gateway-attempts"] for reply in replies] == ["2", "1", "1"]
        refused = await post(gateway, chat(model="best"), key=OTHER_KEY)
        assert (refused.status, "retry-after" in refused.headers) == (503, True)
        entries = await gateway.log_lines(4)
        assert [entry["pool"] for entry in entries[:3]] == ["near"] * 3
        assert (await scrape(gateway)).value("gateway_overflow_total", reason="no_key") == 3
        await settled(gateway)


@pytest.mark.parametrize("how", ["away", {"status": 401}, {"status": 503}, {"status": 404}, {"status": 400}])
async def test_a_broken_local_model_costs_a_wait_and_no_error(sim: ProviderSim, how: Any) -> None:
    url = "http://127.0.0.1:9/v1" if how == "away" else sim.openai_url
    async with overflowing(sim, url, {"concurrency": 1}) as gateway:
        if how != "away":
            sim.fault(**how, credential=LOCAL_SECRET)
        with standing():
            holder = asyncio.create_task(post(gateway, chat(HOLD), key=OTHER_KEY))
            await arrived(sim, 1)
            asked = []
            for number in range(1, 5):
                asked.append(asyncio.create_task(post(gateway, chat(), key=OTHER_KEY, headers=PATIENT)))
                await in_line(gateway, number)
            await passes(1.0)
            assert not any(task.done() for task in asked)
            await passes(HOLD_S)
            assert (await holder).status == 200
            replies = await asyncio.gather(*asked)
        assert [seen(reply) for reply in replies] == [(200, "sim", None)] * 4
        assert max(int(reply.headers["x-gateway-attempts"]) for reply in replies) == 2
        await settled(gateway)


TOOL: dict[str, Any] = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
IMAGE = [
    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}
]
TEXT_ONLY = {"id": "smart", "targets": ["sim/chat"], "overflow": "near/gpt-3.5-turbo", "hint": "fast"}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}


@pytest.mark.parametrize(
    ("lacks", "asked"),
    [
        ("tools", {"tools": [TOOL]}),
        ("forced_tool_choice", {"tools": [TOOL], "tool_choice": "required"}),
        ("vision", {"messages": IMAGE}),
        ("native_schema", {"response_format": SCHEMA}),
        ("logprobs", {"logprobs": True}),
        (None, {"tools": [TOOL], "messages": IMAGE, "response_format": SCHEMA}),
    ],
)
async def test_what_the_local_model_cannot_do_does_not_go_there(
    sim: ProviderSim, lacks: str | None, asked: dict[str, Any]
) -> None:
    config = {"capabilities": {"sm*": {lacks: False}}} if lacks is not None else {}
    async with overflowing(sim, sim.openai_url, **config) as gateway:
        sim.fault(quota=True, credential=PROVIDER_SECRET)
        plain = await post(gateway, chat(), key=OTHER_KEY)
        assert seen(plain) == (200, "near", "local")
        reply = await post(gateway, chat(**asked), key=OTHER_KEY)
        if lacks is None:
            assert seen(reply) == (200, "near", "local")
        else:
            assert (reply.status, reply.error()["code"]) == (503, "no_eligible_key")


async def test_what_the_package_says_keeps_nobody_away_who_has_no_other_way(sim: ProviderSim) -> None:
    """`gpt-3.5-turbo` takes neither images nor 50,000 tokens, by what the package says of it."""
    async with overflowing(sim, sim.openai_url, {"concurrency": 1}, models=[TEXT_ONLY]) as gateway:
        sim.fault(quota=True, credential=PROVIDER_SECRET)
        for asked in ({"messages": IMAGE}, {"max_tokens": 50_000}):
            assert seen(await post(gateway, chat(**asked), key=OTHER_KEY)) == (200, "near", "local")


@pytest.mark.parametrize("asked", [{}, {"messages": IMAGE}, {"max_tokens": 50_000}])
@pytest.mark.parametrize("said", [{}, {"vision": True, "ctx": 100_000}])
async def test_who_can_wait_waits_for_a_better_model_than_the_package_thinks_of(
    sim: ProviderSim, asked: dict[str, Any], said: dict[str, Any]
) -> None:
    config: dict[str, Any] = {"models": [TEXT_ONLY]}
    if said:
        config["capabilities"] = {"gpt-3.5*": said}
    async with overflowing(sim, sim.openai_url, {"concurrency": 1}, **config) as gateway:
        with standing():
            holder = asyncio.create_task(post(gateway, chat(HOLD), key=OTHER_KEY))
            await arrived(sim, 1)
            waiting = [
                asyncio.create_task(post(gateway, chat(), key=OTHER_KEY, headers=PATIENT)) for _ in range(2)
            ]
            await in_line(gateway, 2)
            one_more = asyncio.create_task(post(gateway, chat(**asked), key=OTHER_KEY, headers=PATIENT))
            if asked and not said:
                await in_line(gateway, 3)
            else:
                assert seen(await one_more) == (200, "near", "local")
            await passes(HOLD_S)
            replies = await asyncio.gather(holder, *waiting)
        assert [seen(reply) for reply in replies] == [(200, "sim", None)] * 3
        if asked and not said:
            assert seen(await one_more) == (200, "sim", None)
        await settled(gateway)


async def test_a_full_line_is_no_place_to_wait_for_a_better_model(sim: ProviderSim) -> None:
    queue = {"overflow_depth": 1, "depth_max": 4}  # half of it for one tenant
    async with overflowing(
        sim, sim.openai_url, {"concurrency": 1}, models=[TEXT_ONLY], queue=queue
    ) as gateway:
        with standing():
            holder = asyncio.create_task(post(gateway, chat(HOLD), key=OTHER_KEY))
            await arrived(sim, 1)
            urgent = "x-gateway-priority: supervised\r\n"
            waiting = [
                asyncio.create_task(post(gateway, chat(), key=OTHER_KEY, headers=urgent)) for _ in range(2)
            ]
            await in_line(gateway, 2)
            reply = await post(gateway, chat(messages=IMAGE), key=OTHER_KEY, headers=urgent)
            assert seen(reply) == (200, "near", "local")
            await passes(HOLD_S)
            await asyncio.gather(holder, *waiting)
        await settled(gateway)


async def test_corrections_of_what_is_known_are_in_force_with_a_reload(sim: ProviderSim) -> None:
    async with overflowing(sim, sim.openai_url) as gateway:
        sim.fault(quota=True, credential=PROVIDER_SECRET)
        assert seen(await post(gateway, chat(tools=[TOOL]), key=OTHER_KEY)) == (200, "near", "local")
        gateway.write({**gateway.config, "capabilities": {"sm*": {"tools": False}}})
        assert await gateway.app.reload() is None
        reply = await post(gateway, chat(tools=[TOOL]), key=OTHER_KEY)
        assert (reply.status, reply.error()["code"]) == (503, "no_eligible_key")
        assert seen(await post(gateway, chat(), key=OTHER_KEY)) == (200, "near", "local")
