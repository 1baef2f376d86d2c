"""`echo_model`: replies that pass unchanged say the caller's name of the model, whatever the dialect calls that."""

from typing import Any

import orjson
import pytest

from tests.behind import behind_every_dialect
from tests.gateway.wire import chat, exchange, request
from tests.running import ProviderSim, RunningGateway

CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "Say hello to the lighthouse."}]}]}
SPACED = (
    b'data: {"candidates": [{"content": {"parts": [{"text": "a"}]}}],"modelVersion": "chat"}\n\n',
    b'data: {"candidates": [{"content": {"parts": [{"text": "\\"modelVersion\\": \\"chat\\""}]},'
    b'"finishReason": "STOP"}],"modelVersion": "chat"}\n\n',
)


def events(body: bytes) -> list[dict[str, Any]]:
    frames = body.split(b"\n\n")[:-1]
    return [orjson.loads(one[6:]) for one in frames if one != b"data: [DONE]"]


@pytest.mark.parametrize("echoes", [True, False])
async def test_it_is_the_callers_name(sim: ProviderSim, echoes: bool) -> None:
    async with RunningGateway({**behind_every_dialect(sim), "echo_model": echoes}) as gateway:
        path = "/v1beta/models/gemini:"
        whole = await exchange(gateway, request(CONTENTS, path=f"{path}generateContent"))
        assert orjson.loads(whole.body)["modelVersion"] == ("gemini" if echoes else "chat")
        reply = await exchange(gateway, request(CONTENTS, path=f"{path}streamGenerateContent?alt=sse"))
        assert {one["modelVersion"] for one in events(reply.body)} == {"gemini" if echoes else "chat"}
        reply = await exchange(gateway, request({**chat(stream=True), "model": "openai"}))
        assert {one["model"] for one in events(reply.body)} == {"openai" if echoes else "chat"}


async def test_google_writes_a_space(sim: ProviderSim) -> None:
    sim.script(status=200, headers=[("content-type", "text/event-stream")], chunks=list(SPACED), path="*")
    async with RunningGateway({**behind_every_dialect(sim), "echo_model": True}) as gateway:
        path = "/v1beta/models/gemini:streamGenerateContent?alt=sse"
        first, last = events((await exchange(gateway, request(CONTENTS, path=path))).body)
    assert first["modelVersion"] == last["modelVersion"] == "gemini"
    assert last["candidates"][0]["content"]["parts"][0]["text"] == '"modelVersion": "chat"', (
        "said by the model"
    )
