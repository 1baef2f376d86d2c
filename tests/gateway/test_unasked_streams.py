"""Providers that stream where nobody asked them to: the whole answer of it, or the error that it is."""

import json
from typing import Any

import pytest

from tests.gateway.provider_answers import (
    CHAT,
    MESSAGES,
    RESPONSES,
    asked_behind,
    chat_stream,
    frames_of,
    gemini_stream,
    messages_stream,
    ollama_stream,
    responses_stream,
)
from tests.gateway.wire import chat, exchange, post, request
from tests.running import ProviderSim, RunningGateway

STREAMS: dict[str, list[Any]] = {
    "openai": chat_stream("stop"),
    "responses": responses_stream("completed"),
    "anthropic": messages_stream("end_turn"),
    "gemini": gemini_stream("STOP"),
    "ollama": ollama_stream("stop"),
}
DONE = b"data: [DONE]\n\n"


def scripted(sim: ProviderSim, behind: str, frames: list[bytes], times: int = 1) -> None:
    content_type = frames_of(behind, [])[0]
    for _ in range(times):
        sim.script(status=200, headers=[("content-type", content_type)], chunks=frames)


@pytest.mark.parametrize(
    ("behind", "path"),
    [
        (behind, path)
        for behind in STREAMS
        for path in (CHAT, MESSAGES, RESPONSES)
        if (behind, path) != ("openai", RESPONSES)  # which is asked by that, too
    ],
)
async def test_is_gathered(sim: ProviderSim, behind: str, path: str) -> None:
    config, asked = asked_behind(sim, behind, path)
    _, frames = frames_of(behind, STREAMS[behind])
    async with RunningGateway(config) as gateway:
        scripted(sim, behind, [*frames, DONE] if behind == "openai" else frames)
        reply = await post(gateway, asked, path=path)
        (entry,) = await gateway.log_lines(1)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    body = json.loads(reply.body)
    assert "Rain." in reply.body.decode()
    assert body["object" if path != MESSAGES else "type"] in ("chat.completion", "response", "message")
    assert (entry["usage_source"], entry["input_tokens"]) == ("provider", 1)


_AGAIN = {"choices": [{"index": 0, "message": {"content": "Rain."}, "finish_reason": "stop"}]}


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
async def test_what_is_not_in_it_is_named(sim: ProviderSim, path: str) -> None:
    """Wherever it goes to."""
    config, asked = asked_behind(sim, "openai", path)
    async with RunningGateway(config) as gateway:
        scripted(sim, "openai", [*frames_of("openai", [*chat_stream("stop")[:1], _AGAIN])[1], DONE])
        reply = await post(gateway, asked, path=path)
    assert reply.status == 200
    assert reply.body.count(b"Rain.") == 1
    assert "unread=message" in reply.headers["x-gateway-warnings"]


@pytest.mark.parametrize(
    ("behind", "events", "status", "code"),
    [
        ("openai", chat_stream("stop")[:1], 502, "upstream_incomplete"),
        (
            "openai",
            [*chat_stream("stop")[:1], {"error": {"message": "x", "code": 429}}],
            429,
            "rate_limit_exceeded",
        ),
        ("openai", [{"choices": []}], 502, "upstream_incomplete"),
        ("anthropic", messages_stream("end_turn")[:-1], 502, "upstream_incomplete"),
        (
            "anthropic",
            [*messages_stream("end_turn")[:3], {"type": "error", "error": {"type": "overloaded_error"}}],
            503,
            "upstream_overloaded",
        ),
        ("gemini", gemini_stream("STOP")[:1], 502, "upstream_incomplete"),
        ("ollama", ollama_stream("stop")[:1], 502, "upstream_incomplete"),
        ("responses", responses_stream("completed")[:3], 502, "upstream_incomplete"),
    ],
)
async def test_that_breaks_is_the_error_that_it_is(
    sim: ProviderSim, behind: str, events: list[Any], status: int, code: str
) -> None:
    config, asked = asked_behind(sim, behind, CHAT)
    async with RunningGateway(config) as gateway:
        scripted(sim, behind, frames_of(behind, events)[1], 8)  # whoever tries again
        reply = await post(gateway, asked)
        entry = (await gateway.log_lines(1))[0]
    assert (reply.status, entry["code"]) == (status, code)


async def test_googles_callers_get_one_response(sim: ProviderSim) -> None:
    config, _ = asked_behind(sim, "gemini", CHAT)
    async with RunningGateway(config) as gateway:
        scripted(sim, "gemini", frames_of("gemini", STREAMS["gemini"])[1])
        asked = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
        reply = await exchange(gateway, request(asked, path="/v1beta/models/gemini:generateContent"))
    (candidate,) = json.loads(reply.body)["candidates"]
    assert [part["text"] for part in candidate["content"]["parts"]] == ["Rain.", "Rain."]
    assert candidate["finishReason"] == "STOP"


async def test_no_more_is_taken_in_than_of_a_reply(sim: ProviderSim) -> None:
    config, asked = asked_behind(sim, "openai", CHAT)
    config["bounds"] = {**config.get("bounds", {}), "reply_bytes": 1000}
    long = {"choices": [{"index": 0, "delta": {"content": "Rain." * 100}}]}
    async with RunningGateway(config) as gateway:
        scripted(sim, "openai", [*frames_of("openai", [long] * 5)[1], DONE])
        reply = await post(gateway, asked)
    assert (reply.status, reply.error()["message"]) == (502, "The provider's answer is too large.")


async def test_legacy_completions(sim: ProviderSim) -> None:
    config, _ = asked_behind(sim, "openai", CHAT)
    events = [
        {"choices": [{"index": 0, "text": text, "finish_reason": end}]}
        for text, end in (("a", None), ("b", "stop"))
    ]
    async with RunningGateway(config) as gateway:
        scripted(sim, "openai", [*frames_of("openai", events)[1], DONE])
        reply = await post(gateway, {"model": "openai", "prompt": "x"}, path="/v1/completions")
    assert json.loads(reply.body)["choices"][0]["text"] == "ab"


async def test_several_requests_that_are_streamed_are_one_reply(sim: ProviderSim) -> None:
    config, _ = asked_behind(sim, "anthropic", CHAT)
    config["capabilities"]["*"]["fanout"] = True
    async with RunningGateway(config) as gateway:
        for _ in range(2):
            scripted(sim, "anthropic", frames_of("anthropic", STREAMS["anthropic"])[1])
        reply = await post(gateway, chat(model="anthropic", n=2))
    body = json.loads(reply.body)
    assert [one["message"]["content"] for one in body["choices"]] == ["Rain.", "Rain."]
    assert body["usage"]["completion_tokens"] == 2
