"""Half of a surrogate pair, which JSON's escapes can say and UTF-8 cannot: a provider's is told as U+FFFD, or
passes unchanged; a caller's is refused."""

import json
from typing import Any

import pytest

from tests.behind import behind_every_dialect
from tests.gateway.provider_answers import (
    CHAT,
    MESSAGES,
    RESPONSES,
    USED,
    asked_behind,
    candidate,
    chat_stream,
    completion,
    frames_of,
    gemini_stream,
    line,
    message,
    messages_stream,
    ollama_stream,
    response,
    responses_stream,
)
from tests.gateway.wire import chat, post
from tests.running import ProviderSim, RunningGateway

_JSON, _SAID = [("content-type", "application/json")], b"Rain."
_HALF = rb"Rain\ud83d"
_CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":"Rain."}'}}
_USE = {"type": "tool_use", "id": "c", "name": "f", "input": {"a": "Rain."}}
_WHOLE: list[tuple[str, Any]] = [
    ("openai", completion("stop", content="Rain.")),
    ("openai", completion("tool_calls", content=None, tool_calls=[_CALL])),
    ("anthropic", message([{"type": "text", "text": "Rain."}], "end_turn")),
    ("anthropic", message([_USE], "tool_use")),
    ("gemini", candidate("STOP")),
    ("ollama", line("stop")),
    ("responses", response("completed")),
]
_STREAMS: list[tuple[str, Any]] = [
    ("openai", chat_stream("stop")),
    ("anthropic", messages_stream("end_turn")),
    ("gemini", gemini_stream("STOP")),
    ("ollama", ollama_stream("stop")),
    ("responses", responses_stream("completed")),
]
_GOOGLE = {"usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}}
_OWN = {"openai": CHAT, "anthropic": MESSAGES, "responses": RESPONSES}


def _to_each_caller(rows: list[tuple[str, Any]]) -> list[tuple[str, Any, str]]:
    """But to those whom OpenAI would answer in other words."""
    every = [(*row, path) for row in rows for path in (CHAT, MESSAGES, RESPONSES)]
    return [row for row in every if (row[0], row[2]) != ("openai", RESPONSES)]


def halved(text: bytes) -> bytes:
    assert _SAID in text
    return text.replace(_SAID, _HALF)


@pytest.mark.parametrize(("behind", "body", "path"), _to_each_caller(_WHOLE))
@pytest.mark.parametrize("streamed", [False, True])
async def test_of_a_whole_answer(sim: ProviderSim, behind: str, body: Any, path: str, streamed: bool) -> None:
    config, asked = asked_behind(sim, behind, path)
    body = {**body, "usage": USED, **_GOOGLE, "prompt_eval_count": 1, "eval_count": 1}
    said = halved(json.dumps(body).encode())
    async with RunningGateway(config) as gateway:
        sim.script(status=200, headers=_JSON, body=said)
        reply = await post(gateway, {**asked, "stream": streamed}, path=path)
        (entry,) = await gateway.log_lines(1)
    assert (entry["status"], entry["usage_source"], entry["input_tokens"]) == (200, "provider", 1)
    if _OWN.get(behind) == path and not streamed:
        assert reply.body == said
    elif (behind, path) != ("openai", CHAT) or b"tool_calls" not in reply.body:
        assert "Rain\ufffd" in reply.body.decode() or b"Rain\\ufffd" in reply.body
    json.dumps(reply.body.decode())


@pytest.mark.parametrize(("behind", "events", "path"), _to_each_caller(_STREAMS))
async def test_of_a_stream(sim: ProviderSim, behind: str, events: list[Any], path: str) -> None:
    config, asked = asked_behind(sim, behind, path)
    content_type, frames = frames_of(behind, events)
    frames = [frame.replace(_SAID, _HALF) for frame in frames]
    async with RunningGateway(config) as gateway:
        sim.script(status=200, headers=[("content-type", content_type)], chunks=frames)
        reply = await post(gateway, {**asked, "stream": True}, path=path)
        (entry,) = await gateway.log_lines(1)
    assert (entry["status"], entry["outcome"], entry["usage_source"]) == (200, "ok", "provider")
    if _OWN.get(behind) == path:
        assert _HALF in reply.body
    else:
        assert "Rain\ufffd" in reply.body.decode()


async def test_of_a_renamed_answer(sim: ProviderSim) -> None:
    config = {**behind_every_dialect(sim), "echo_model": True}
    body = {**completion("stop", content="Rain."), "model": "chat", "usage": USED}
    async with RunningGateway(config) as gateway:
        sim.script(status=200, headers=_JSON, body=halved(json.dumps(body).encode()))
        reply = await post(gateway, chat(model="openai"))
    assert (reply.status, json.loads(reply.body)["model"]) == (200, "openai")


async def test_of_an_error_in_a_stream(sim: ProviderSim) -> None:
    failed = b'data: {"error":{"message":"Rain.","type":"server_error"}}\n\n'
    first, *_ = frames_of("openai", chat_stream("stop"))[1]
    for path in (CHAT, MESSAGES):
        config, asked = asked_behind(sim, "openai", path)
        async with RunningGateway(config) as gateway:
            sim.script(
                status=200, headers=[("content-type", "text/event-stream")], chunks=[first, halved(failed)]
            )
            await post(gateway, {**asked, "stream": True}, path=path)
            (entry,) = await gateway.log_lines(1)
        assert (entry["outcome"], entry["code"]) == ("error", "upstream_error")


@pytest.mark.parametrize("behind", ["openai", "anthropic", "gemini", "ollama"])
@pytest.mark.parametrize("padding", [0, 200_000])
async def test_a_callers_is_refused(sim: ProviderSim, behind: str, padding: int) -> None:
    asked = chat(model=behind, metadata={"list": [[0]] * padding})
    async with RunningGateway(behind_every_dialect(sim)) as gateway:
        reply = await post(gateway, json.dumps(asked).encode().replace(b"lighthouse", rb"lig\ud83d"))
    assert (reply.status, reply.error()["code"]) == (400, "invalid_json")
    assert not sim.requests()
