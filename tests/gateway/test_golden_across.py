"""Wire reference §4, what other files do not have of it: callers by their own SDKs, at providers of any dialect."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest

from tests.behind import behind_every_dialect, sent
from tests.clock import passes
from tests.gateway.test_queue import HOLD_S, SCHEDULED, ask, in_line, taken
from tests.running import OTHER_KEY, TENANT_KEY, ProviderSim, RunningGateway
from tests.sdk import anthropic_client, openai_client

_HI: Any = [{"role": "user", "content": "hi"}]


@pytest.fixture
async def gateway(sim: ProviderSim) -> AsyncIterator[RunningGateway]:
    configured = behind_every_dialect(sim)
    configured["models"].append({"id": "first", "targets": ["anthropic/chat", "openai/chat"]})
    configured["models"].append({"id": "second", "targets": ["gemini/chat", "openai/chat"]})
    async with RunningGateway(configured) as running:
        yield running


async def test_29_ant_developer_role(gateway: RunningGateway, sim: ProviderSim) -> None:
    async with openai_client(gateway) as client:
        await client.chat.completions.create(
            model="anthropic", messages=[{"role": "developer", "content": "Be brief."}, *_HI]
        )
    assert [block["text"] for block in sent(sim)["system"]] == ["Be brief."]
    assert [turn["role"] for turn in sent(sim)["messages"]] == ["user"]


async def test_56_msg_basic(gateway: RunningGateway, sim: ProviderSim) -> None:
    body = (
        b'{ "id":"msg_1", "type":"message","role":"assistant","model":"chat","content":[{"type":"text",'
        b'"text":"x"}],"stop_reason":"end_turn","stop_sequence":null,"odd":1.0,"usage":{"input_tokens":3,"output_tokens":1}}\n'
    )
    sim.script(raw=b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
        len(body), body
    ))  # fmt: skip
    headers = {"authorization": f"Bearer {TENANT_KEY}", "anthropic-version": "2026-10-21"}
    async with httpx.AsyncClient() as client:
        reply = await client.post(
            f"{gateway.url}/v1/messages",
            json={"model": "anthropic", "max_tokens": 9, "messages": _HI},
            headers=headers,
        )
    assert (reply.status_code, reply.content) == (200, body)
    assert dict(sim.requests()[-1]["headers"])["anthropic-version"] == "2026-10-21"


async def test_57_msg_x_api_key_old(gateway: RunningGateway, sim: ProviderSim) -> None:
    headers = {"x-api-key": TENANT_KEY, "anthropic-version": "2023-06-01"}
    async with httpx.AsyncClient() as client:
        reply = await client.post(
            f"{gateway.url}/v1/messages?beta=true",
            json={"model": "anthropic", "max_tokens": 9, "messages": _HI},
            headers=headers,
        )
    assert reply.status_code == 200 and reply.json()["type"] == "message"
    assert dict(sim.requests()[-1]["headers"])["anthropic-version"] == "2023-06-01"


@pytest.mark.parametrize(("model", "attempts"), [("gemini", 1), ("second", 2)])
async def test_79_gem_invalid_key_400(
    gateway: RunningGateway, sim: ProviderSim, model: str, attempts: int
) -> None:
    """Google says 400 to a bad key: that is ours, so the next one is asked, and no caller is told a 400."""
    message = {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}
    refusal = {"error": {**message, "details": [{"reason": "API_KEY_INVALID"}]}}
    sim.script(status=400, body=refusal, headers={"content-type": "application/json"})
    async with openai_client(gateway) as client:
        if attempts == 1:
            with pytest.raises(openai.InternalServerError) as refused:
                await client.chat.completions.create(model=model, messages=_HI)
            assert (refused.value.status_code, refused.value.code) == (502, "upstream_auth_failed")
        else:
            assert (await client.chat.completions.create(model=model, messages=_HI)).choices
    assert len(sim.requests()) == attempts
    refusals = {pool["id"]: pool["last_refusal"] for pool in gateway.app.state()["pools"]}
    assert refusals["gemini"] == "upstream_auth_failed"


async def test_102_queue_full_retry(sim: ProviderSim) -> None:
    """The SDK comes back after what it was told, once, and is served."""
    async with taken(sim, queue={"depth_max": 2}) as gateway:
        waiting = ask(gateway, OTHER_KEY, SCHEDULED)
        await in_line(gateway, 1)
        await passes(HOLD_S - 0.1)
        async with openai_client(gateway, max_retries=1) as client:
            asking = asyncio.create_task(
                client.chat.completions.with_raw_response.create(
                    model="smart", messages=_HI, extra_headers={"x-gateway-priority": "scheduled"}
                )
            )
            (refused,) = await gateway.log_lines(1)
            assert refused["code"] == "queue_full"
            await passes(0.2)
            assert (await waiting).status == 200
            await passes(HOLD_S)
            assert (await asking).retries_taken == 1


async def test_109_failover_before_first_token(gateway: RunningGateway, sim: ProviderSim) -> None:
    sim.fault(status=529, count=1)
    async with openai_client(gateway) as client:
        stream = await client.chat.completions.create(model="first", messages=_HI, stream=True)
        chunks = [chunk async for chunk in stream]
    roles = [chunk.choices[0].delta.role for chunk in chunks if chunk.choices]
    assert (len(sim.requests()), roles.count("assistant"), roles[0]) == (2, 1, "assistant")
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert len({chunk.id for chunk in chunks}) == 1


async def test_109_the_other_way_round(gateway: RunningGateway, sim: ProviderSim) -> None:
    sim.fault(status=529, count=1)
    async with (
        anthropic_client(gateway) as client,
        client.messages.stream(model="first", max_tokens=99, messages=_HI) as stream,
    ):
        kinds = [event.type async for event in stream]
    assert (len(sim.requests()), kinds.count("message_start"), kinds.count("message_stop")) == (2, 1, 1)
