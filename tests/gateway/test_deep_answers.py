"""JSON that is nested deeper than it could be written anew: the provider's fault or the caller's, never ours."""

import json
from typing import Any

import pytest

from tests.behind import behind_every_dialect
from tests.gateway.provider_answers import (
    CHAT,
    MESSAGES,
    USED,
    asked_behind,
    candidate,
    chat_stream,
    completion,
    frames_of,
    line,
    message,
)
from tests.gateway.wire import chat, post
from tests.running import ProviderSim, RunningGateway

_JSON = [("content-type", "application/json")]


def deep(levels: int) -> str:
    return '{"a":' + "[" * levels + "]" * levels + "}"


def call(arguments: str) -> dict[str, Any]:
    return {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}


def answer(behind: str, levels: int) -> Any:
    inner = json.loads(deep(levels))
    if behind == "anthropic":
        return message([{"type": "tool_use", "id": "c", "name": "f", "input": inner}], "tool_use")
    if behind == "gemini":
        return candidate("STOP", {"functionCall": {"name": "f", "args": inner}})
    told = line("stop")
    told["message"]["tool_calls"] = [{"function": {"name": "f", "arguments": inner}}]
    return told


@pytest.mark.parametrize("behind", ["anthropic", "gemini", "ollama"])
@pytest.mark.parametrize(("levels", "status"), [(150, 200), (260, 502), (900, 502)])
async def test_an_answer(sim: ProviderSim, behind: str, levels: int, status: int) -> None:
    config, asked = asked_behind(sim, behind, CHAT)
    async with RunningGateway(config) as gateway:
        sim.script(status=200, headers=_JSON, body=json.dumps(answer(behind, levels)).encode())
        reply = await post(gateway, asked, path=CHAT)
        (entry,) = await gateway.log_lines(1)
    assert (reply.status, entry["code"]) == (status, None if status == 200 else "upstream_invalid_response")


@pytest.mark.parametrize("streamed", [False, True])
async def test_arguments_in_an_answer_are_told_as_text(sim: ProviderSim, streamed: bool) -> None:
    config, asked = asked_behind(sim, "openai", MESSAGES)
    said = {**completion("tool_calls", content=None, tool_calls=[call(deep(260))]), "usage": USED}
    events = chat_stream("tool_calls", {"tool_calls": [{"index": 0, **call(deep(260))}]})
    content_type, frames = frames_of("openai", events)
    async with RunningGateway(config) as gateway:
        if streamed:
            sim.script(status=200, headers=[("content-type", content_type)], chunks=frames)
        else:
            sim.script(status=200, headers=_JSON, body=json.dumps(said).encode())
        reply = await post(gateway, {**asked, "stream": streamed}, path=MESSAGES)
        (entry,) = await gateway.log_lines(1)
    assert (reply.status, entry["outcome"]) == (200, "ok")
    assert b"[[[[[" in reply.body


@pytest.mark.parametrize("behind", ["anthropic", "gemini", "ollama"])
async def test_a_callers_arguments_are_refused(sim: ProviderSim, behind: str) -> None:
    turns: list[Any] = [
        {"role": "user", "content": "Go."},
        {"role": "assistant", "tool_calls": [call(deep(260))]},
        {"role": "tool", "tool_call_id": "c", "content": deep(260)},
    ]
    async with RunningGateway(behind_every_dialect(sim)) as gateway:
        reply = await post(gateway, {**chat(model=behind), "messages": turns})
    assert reply.status == 400
    assert reply.error()["param"] == "messages[1].tool_calls[0].function.arguments"
    assert not sim.requests()
