"""Streams of Gemini's that are asked for without `alt=sse`: one JSON array, element by element, errors in it."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from tests.behind import BEHIND, behind_every_dialect
from tests.gateway.wire import Reply, exchange, request
from tests.running import ProviderSim, RunningGateway

every_dialect = pytest.mark.parametrize("behind", BEHIND)


@pytest.fixture
async def gateway(sim: ProviderSim) -> AsyncIterator[RunningGateway]:
    async with RunningGateway(behind_every_dialect(sim)) as running:
        yield running


async def asked(gateway: RunningGateway, behind: str, said: str, query: str = "", headers: str = "") -> Reply:
    body: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": said}]}]}
    path = f"/v1beta/models/{behind}:streamGenerateContent{query}"
    return await exchange(gateway, request(body, path=path, headers=headers))


@every_dialect
async def test_an_array_says_what_the_frames_say(
    gateway: RunningGateway, sim: ProviderSim, behind: str
) -> None:
    reply = await asked(gateway, behind, "Say hello to the lighthouse.")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert reply.whole
    elements = orjson.loads(reply.body)
    parts = [part for one in elements for answer in one["candidates"] for part in answer["content"]["parts"]]
    assert "lighthouse" in "".join(part.get("text", "") for part in parts)
    assert len(elements) > 1
    assert elements[-1]["candidates"][0]["finishReason"] == "STOP"
    assert elements[-1]["usageMetadata"]["totalTokenCount"] > 0
    frames = await asked(gateway, behind, "Say hello to the lighthouse.", "?alt=sse")
    assert frames.headers["content-type"].startswith("text/event-stream")
    assert len(frames.body.split(b"data: ")) - 1 == len(elements)
    lines = await gateway.log_lines(2)
    assert lines[0]["output_tokens"] == lines[1]["output_tokens"] > 0


@every_dialect
async def test_an_error_in_the_middle_is_the_last_element(gateway: RunningGateway, behind: str) -> None:
    reply = await asked(gateway, behind, "[[sim:frames=40 error_after=4 gap_ms=20]] go on")
    *said, last = orjson.loads(reply.body)
    assert said
    assert all("candidates" in one for one in said)
    assert last["error"]["status"]


async def test_a_refusal_is_an_array_of_one(gateway: RunningGateway) -> None:
    reply = await asked(gateway, "gemini", "[[sim:status=400]]")
    (only,) = orjson.loads(reply.body)
    assert (reply.status, only["error"]["code"], only["error"]["status"]) == (400, 400, "INVALID_ARGUMENT")
    unknown = await asked(gateway, "no-such-model", "hello")
    assert unknown.status == 404


async def test_a_stream_that_was_kept_is_an_array_again(gateway: RunningGateway) -> None:
    once = "idempotency-key: array-1\r\n"
    first = await asked(gateway, "gemini", "hello", headers=once)
    again = await asked(gateway, "gemini", "hello", headers=once)
    assert again.headers["content-type"] == first.headers["content-type"] == "application/json"
    assert orjson.loads(again.body) == orjson.loads(first.body)
