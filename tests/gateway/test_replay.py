"""Callers drop what they do not know: what a provider wants back of its reply reaches it all the same."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from openai import AsyncOpenAI

from tests.behind import behind_every_dialect, sent
from tests.dialects.chat.asking import frames
from tests.running import OTHER_KEY, ProviderSim, RunningGateway
from tests.sdk import openai_client

CALLING = "[[sim:thinking=20 calls=2]] Weather in Oslo?"
TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
_SSE = {"content-type": "text/event-stream"}
_CALL: Any = {
    "id": "call_00_a",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
}
_DEEPSEEK: Any = {
    "id": "1",
    "object": "chat.completion",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "",
                "reasoning_content": "Look at the weather.",
                "tool_calls": [_CALL],
            },
            "finish_reason": "tool_calls",
        }
    ],
    "usage": {"prompt_tokens": 20, "completion_tokens": 12, "total_tokens": 32},
}
streamed = pytest.mark.parametrize("streams", [False, True])


@pytest.fixture
async def gateway(sim: ProviderSim) -> AsyncIterator[RunningGateway]:
    configured = behind_every_dialect(sim)
    thinking = {"anthropic": "budget", "gemini": "level", "openai": "none", "ollama": "none"}
    configured["models"] = [{"id": one, "targets": [f"{one}/{one}-chat"]} for one in thinking]
    configured["capabilities"] = {
        f"{one}-chat": {"tools": True, "thinking": kind} for one, kind in thinking.items()
    }
    configured["capabilities"]["openai-chat"]["chat_tools_ok"] = False
    deepseek = {"id": "deepseek", "dialect": "openai", "base_url": f"{sim.url}/v1", "flavour": "deepseek"}
    configured["providers"].append(deepseek)
    configured["pools"].append(
        {"id": "deepseek", "provider": "deepseek", "secret": "env:PROVIDER_KEY", "tenants": ["*"]}
    )
    configured["models"].append({"id": "deepseek", "targets": ["deepseek/deepseek-chat"]})
    async with RunningGateway(configured) as running:
        yield running


async def calls_of(client: AsyncOpenAI, model: str, streams: bool) -> list[Any]:
    """Of a reply to the question."""
    asked: dict[str, Any] = {
        "model": model,
        "messages": question(),
        "tools": TOOLS,
        "reasoning_effort": "low",
    }
    if not streams:
        reply = await client.chat.completions.create(**asked)
    else:
        async with client.chat.completions.stream(**asked) as stream:
            reply = await stream.get_final_completion()
    calls = reply.choices[0].message.tool_calls
    assert calls
    return list(calls)


def question() -> Any:
    return [{"role": "user", "content": CALLING}]


async def answered(client: AsyncOpenAI, model: str, calls: list[Any], **more: Any) -> Any:
    """The answer to what the tools said, by a client that brings the bare calls back."""
    bare = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.function.name, "arguments": call.function.arguments},
        }
        for call in calls
    ]
    results = [{"role": "tool", "tool_call_id": call.id, "content": "rain"} for call in calls]
    messages: Any = [*question(), {"role": "assistant", "content": None, "tool_calls": bare}, *results]
    return await client.chat.completions.with_raw_response.create(
        model=model, messages=messages, tools=TOOLS, reasoning_effort="low", **more
    )


@streamed
async def test_gem_tool_signature_roundtrip(sim: ProviderSim, gateway: RunningGateway, streams: bool) -> None:
    async with openai_client(gateway) as client:
        calls = await calls_of(client, "gemini", streams)
        given = calls[0].model_extra["extra_content"]["google"]["thought_signature"]
        raw = await answered(client, "gemini", calls)
    parts = [part for content in sent(sim)["contents"] for part in content["parts"] if "functionCall" in part]
    assert [part.get("thoughtSignature") for part in parts] == [given, None]
    assert "missing" not in raw.headers.get("x-gateway-warnings", "")


@streamed
async def test_sealed_reasoning_stands_before_the_calls_it_led_to(
    sim: ProviderSim, gateway: RunningGateway, streams: bool
) -> None:
    async with openai_client(gateway) as client:
        calls = await calls_of(client, "openai", streams)
        await answered(client, "openai", calls)
    kinds = [item["type"] for item in sent(sim)["input"]]
    assert kinds == ["message", "reasoning", *["function_call"] * 2, *["function_call_output"] * 2]
    assert sent(sim)["input"][1]["encrypted_content"].startswith("gAAAAA")


@streamed
async def test_signed_thoughts_begin_the_turn_that_they_began(
    sim: ProviderSim, gateway: RunningGateway, streams: bool
) -> None:
    async with openai_client(gateway) as client:
        await answered(client, "anthropic", await calls_of(client, "anthropic", streams))
    said = sent(sim)["messages"][1]["content"]
    assert [block["type"] for block in said] == ["thinking", "tool_use", "tool_use"]
    assert said[0]["signature"].startswith("ErUB")


@streamed
async def test_20_deepseek_reasoning_replay(sim: ProviderSim, gateway: RunningGateway, streams: bool) -> None:
    """It speaks as the caller does, and refuses a turn with its own calls without what it thought there."""
    if streams:
        sim.script(chunks=[frames("chat_deepseek_calls")], headers=_SSE)
    else:
        sim.script(body=_DEEPSEEK, headers=[["content-type", "application/json"]])
    async with openai_client(gateway) as client:
        calls = await calls_of(client, "deepseek", streams)
        await answered(client, "deepseek", calls)
    said = sent(sim)["messages"][1]
    assert (said["reasoning_content"], said["tool_calls"][0]["id"]) == ("Look at the weather.", "call_00_a")


async def test_another_model_is_not_told_what_the_first_one_thought(
    sim: ProviderSim, gateway: RunningGateway
) -> None:
    sim.script(body=_DEEPSEEK, headers=[["content-type", "application/json"]])
    async with openai_client(gateway) as client:
        calls = await calls_of(client, "deepseek", streams=False)
        await answered(client, "deepseek/deepseek-other", calls)
        assert "reasoning_content" not in sent(sim)["messages"][1]
        await answered(client, "deepseek", calls)
        assert sent(sim)["messages"][1]["reasoning_content"] == "Look at the weather."


async def test_what_another_key_was_given_is_not_known(sim: ProviderSim, gateway: RunningGateway) -> None:
    async with openai_client(gateway) as client, openai_client(gateway, OTHER_KEY) as other:
        calls = await calls_of(client, "gemini", streams=False)
        given = calls[0].model_extra["extra_content"]["google"]["thought_signature"]
        raw = await answered(other, "gemini", calls, extra_headers={"x-gateway-strict": "true"})
    assert given not in sim.requests()[-1]["body"]
    assert raw.headers["x-gateway-warnings"] == "missing=messages[1]"
