"""Tokens are counted by the provider where it can, whoever asks; what only the gateway can say is an estimate."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from anthropic import AsyncAnthropic
from google.genai import types

from tests.behind import BEHIND, behind_every_dialect, sent
from tests.gateway.wire import Reply, exchange, request
from tests.running import ProviderSim, RunningGateway

ASKED = "Say hello to the lighthouse."
_TOOL: Any = {"name": "weather", "input_schema": {"type": "object", "properties": {}}}
_COUNTS = {"anthropic": "/v1/messages/count_tokens", "gemini": "/v1beta/models/chat:countTokens"}


@pytest.fixture
async def gateway(sim: ProviderSim) -> AsyncIterator[RunningGateway]:
    """A route goes first to who cannot count, and one overflows there."""
    made = behind_every_dialect(sim)
    made["models"] += [
        {"id": "mixed", "targets": ["ollama/chat", "openai/chat", "gemini/chat"]},
        {"id": "fast", "targets": ["anthropic/chat"], "overflow": "ollama/chat", "hint": "fast"},
    ]
    made["providers"][3]["local"] = True
    async with RunningGateway(made) as running:
        yield running


async def _count(gateway: RunningGateway, model: str, **more: Any) -> Reply:
    body = {"model": model, "messages": [{"role": "user", "content": ASKED}], **more}
    return await exchange(gateway, request(body, path="/v1/messages/count_tokens"))


@pytest.mark.parametrize("behind", [*BEHIND, "mixed", "fast"])
async def test_anthropics_callers(by_anthropic: AsyncAnthropic, sim: ProviderSim, behind: str) -> None:
    counted = await by_anthropic.messages.count_tokens(
        model=behind, messages=[{"role": "user", "content": ASKED}], system="Be brief.", tools=[_TOOL]
    )
    assert counted.input_tokens > 5
    path = _COUNTS.get({"mixed": "gemini", "fast": "anthropic"}.get(behind, behind))
    assert [one["target"] for one in sim.requests()] == ([path] if path else [])
    if behind == "gemini":
        asked = sent(sim)["generateContentRequest"]
        assert set(asked) == {"model", "contents", "systemInstruction", "tools"}
        assert asked["model"] == "models/chat"


@pytest.mark.parametrize("behind", [*BEHIND, "mixed"])
async def test_googles_callers(by_google: Any, sim: ProviderSim, behind: str) -> None:
    counted = await by_google.models.count_tokens(model=behind, contents=[types.Part(text=ASKED)])
    assert counted.total_tokens > 5
    path = _COUNTS.get({"mixed": "gemini"}.get(behind, behind))
    assert [one["target"] for one in sim.requests()] == ([path] if path else [])
    if behind == "anthropic":
        assert set(sent(sim)) == {"model", "messages"}


async def test_a_whole_request_of_googles_is_counted(gateway: RunningGateway, sim: ProviderSim) -> None:
    inner = {"model": "models/anthropic", "contents": [{"parts": [{"text": ASKED}]}]}
    inner["systemInstruction"] = {"parts": [{"text": "Be brief."}]}
    body = {"generateContentRequest": {**inner, "generationConfig": {"maxOutputTokens": 5}}}
    reply = await exchange(gateway, request(body, path="/v1beta/models/anthropic:countTokens"))
    assert (reply.status, json.loads(reply.body)["totalTokens"] > 5) == (200, True)
    assert set(sent(sim)) == {"model", "messages", "system"}


async def test_the_providers_number_is_the_answer(gateway: RunningGateway, sim: ProviderSim) -> None:
    for told, status in (({"totalTokens": 4711}, 200), ({"totalTokens": "many"}, 502), ({}, 502)):
        sim.reset()
        sim.script(body=told, path="*", repeat=3)
        reply = await _count(gateway, "gemini")
        assert reply.status == status
        if status == 200:
            assert json.loads(reply.body) == {"input_tokens": 4711}


async def test_what_the_target_cannot_be_asked_is_estimated(
    gateway: RunningGateway, sim: ProviderSim
) -> None:
    """Gemini's model cannot get the image, though it could be fetched for the request itself."""
    image = {"type": "image", "source": {"type": "url", "url": "https://files.example/a.png"}}
    reply = await _count(gateway, "gemini", messages=[{"role": "user", "content": [image]}])
    assert (reply.status, json.loads(reply.body)["input_tokens"] > 5) == (200, True)
    assert sim.requests() == []


async def test_what_is_no_request_is_refused(gateway: RunningGateway, sim: ProviderSim) -> None:
    reply = await _count(gateway, "gemini", messages=[{"role": "user", "content": [{"type": "odd"}]}])
    assert reply.status == 400
    assert sim.requests() == []
