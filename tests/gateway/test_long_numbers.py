"""Integers of more than 64 bits, which are ids as often as numbers: no digit of them changes, whoever speaks which
dialect."""

import json
from typing import Any

import pytest

from tests.behind import sent
from tests.gateway.provider_answers import (
    CHAT,
    MESSAGES,
    USED,
    asked_behind,
    candidate,
    completion,
    frames_of,
    gemini_stream,
    line,
    message,
    messages_stream,
    ollama_stream,
)
from tests.gateway.wire import chat, post
from tests.running import ProviderSim, RunningGateway

LONG = 123456789012345678901234567890
ARGUMENTS = {"id": LONG, "least": -(2**63) - 1}
SCHEMA = {"type": "object", "properties": {"id": {"type": "integer", "const": LONG}}}
_CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": json.dumps(ARGUMENTS)}}
_ASKED = chat(
    tools=[{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
    messages=[
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [_CALL]},
        {"role": "tool", "tool_call_id": "c", "content": "ok"},
    ],
)
_USE = {"type": "tool_use", "id": "c", "name": "f", "input": ARGUMENTS}
_PART = {"functionCall": {"name": "f", "args": ARGUMENTS}}
_SAID = {
    "role": "assistant",
    "content": "Rain.",
    "tool_calls": [{"function": {"name": "f", "arguments": ARGUMENTS}}],
}
_OLLAMAS = {"message": _SAID}


@pytest.mark.parametrize("behind", ["anthropic", "gemini", "ollama"])
async def test_of_a_request(sim: ProviderSim, behind: str) -> None:
    config, _ = asked_behind(sim, behind, CHAT)
    async with RunningGateway(config) as gateway:
        assert (await post(gateway, {**_ASKED, "model": behind})).status == 200
    asked = json.dumps(sent(sim))
    assert asked.count(str(LONG)) == 2
    assert str(-(2**63) - 1) in asked


@pytest.mark.parametrize(
    ("behind", "path", "body"),
    [
        ("anthropic", CHAT, message([_USE], "tool_use")),
        ("gemini", CHAT, candidate("STOP", _PART)),
        ("ollama", CHAT, {**line("stop"), **_OLLAMAS}),
        ("openai", MESSAGES, {**completion("tool_calls", content=None, tool_calls=[_CALL]), "usage": USED}),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_of_an_answer(sim: ProviderSim, behind: str, path: str, body: Any, streamed: bool) -> None:
    """A stream is made of it where one is asked for."""
    config, asked = asked_behind(sim, behind, path)
    async with RunningGateway(config) as gateway:
        sim.script(status=200, headers=[("content-type", "application/json")], body=json.dumps(body).encode())
        reply = await post(gateway, {**asked, "stream": streamed}, path=path)
    assert reply.status == 200
    assert str(LONG) in reply.body.decode()


@pytest.mark.parametrize(
    ("behind", "events"),
    [
        ("anthropic", messages_stream("tool_use", _USE)),
        ("gemini", gemini_stream("STOP", _PART)),
        ("ollama", [_OLLAMAS, *ollama_stream("stop")]),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_of_a_stream(sim: ProviderSim, behind: str, events: list[Any], streamed: bool) -> None:
    config, asked = asked_behind(sim, behind, CHAT)
    content_type, frames = frames_of(behind, events)
    async with RunningGateway(config) as gateway:
        sim.script(status=200, headers=[("content-type", content_type)], chunks=frames)
        reply = await post(gateway, {**asked, "stream": streamed})
    assert reply.status == 200
    assert str(LONG) in reply.body.decode()


async def test_where_both_ends_speak_alike_and_a_stream_is_made(sim: ProviderSim) -> None:
    config, asked = asked_behind(sim, "anthropic", MESSAGES)
    async with RunningGateway(config) as gateway:
        body = json.dumps(message([_USE], "tool_use")).encode()
        sim.script(status=200, headers=[("content-type", "application/json")], body=body)
        reply = await post(gateway, {**asked, "stream": True}, path=MESSAGES)
    assert str(LONG) in reply.body.decode()


@pytest.mark.parametrize("digits", [400, 5000])
async def test_one_that_no_number_can_be_breaks_nothing(sim: ProviderSim, digits: int) -> None:
    config, asked = asked_behind(sim, "openai", MESSAGES)
    most = b"9" * digits
    async with RunningGateway(config) as gateway:
        body = json.dumps(completion("stop", content="Rain.")).replace(
            '"index": 0', '"index": 0, "logprobs": LOG'
        )
        logprobs = b'{"content":[{"token":"a","logprob":%b,"top_logprobs":[]}]}' % most
        raw = body.encode().replace(b"LOG", logprobs)
        sim.script(status=200, headers=[("content-type", "application/json")], body=raw)
        reply = await post(gateway, {**asked, "max_tokens": 5}, path=MESSAGES)
    assert reply.status in (200, 502)
    assert reply.error()["type"] == "api_error" if reply.status == 502 else True
