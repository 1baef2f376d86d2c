"""A Responses stream that breaks: the error event, then the response as failed (wire reference §3.4)."""

import orjson

from tests.running import ProviderSim, RunningGateway
from tests.sdk import openai_client


async def test_a_broken_stream_ends_with_error_and_failed_response(gateway: RunningGateway) -> None:
    async with openai_client(gateway) as client:
        body = {"model": "sim/chat", "input": "[[sim:stop_after=4]] a lighthouse", "stream": True}
        async with client.responses.with_streaming_response.create(**body) as reply:
            text = await reply.text()
    events = [orjson.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[-1]["response"]["id"] == events[0]["response"]["id"]
    assert events[-1]["response"]["error"]["code"] == "upstream_incomplete"


async def test_a_reset_after_content_is_an_incomplete_answer(gateway: RunningGateway) -> None:
    async with openai_client(gateway) as client:
        words = [{"role": "user", "content": "[[sim:reset=900 frames=30]] a lighthouse"}]
        body = {"model": "sim/chat", "messages": words, "stream": True}
        async with client.chat.completions.with_streaming_response.create(**body) as reply:
            text = await reply.text()
    assert '"code":"upstream_incomplete"' in text
    assert "[DONE]" not in text


async def test_moderation_without_a_model(gateway: RunningGateway, sim: ProviderSim) -> None:
    async with openai_client(gateway) as client:
        assert (await client.moderations.create(input="hello")).results
    assert b'"model"' not in str(sim.requests(1)[0]["body"]).encode()
