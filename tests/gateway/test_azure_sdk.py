"""The AzureOpenAI class of the official SDK in front of the gateway: other paths, the same answers."""

import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai import AsyncAzureOpenAI, AsyncOpenAI

from tests.gateway.wire import chat, exchange, get, request
from tests.running import TENANT_KEY, ProviderSim, RunningGateway

HELLO: Any = [{"role": "user", "content": "Say hello to the lighthouse."}]
DEPLOYMENTS = "/openai/deployments"


@pytest.fixture
async def client(gateway: RunningGateway) -> AsyncIterator[AsyncAzureOpenAI]:
    made = AsyncAzureOpenAI(
        azure_endpoint=gateway.url, api_key=TENANT_KEY, api_version="2024-10-21", max_retries=0
    )
    async with made as running:
        yield running


@pytest.mark.parametrize("model", ["smart", "sim/chat", "org/m:x"])
async def test_chat(client: AsyncAzureOpenAI, sim: ProviderSim, model: str) -> None:
    reply = await client.chat.completions.create(model=model, messages=HELLO)
    assert "lighthouse" in (reply.choices[0].message.content or "")
    stream = await client.chat.completions.create(model=model, messages=HELLO, stream=True)
    text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
    assert "lighthouse" in text
    assert {json.loads(seen["body"])["model"] for seen in sim.requests()} == {"chat"}


async def test_everything_else_that_the_class_sends(client: AsyncAzureOpenAI) -> None:
    assert (await client.embeddings.create(model="sim/embed", input="x")).data
    reply = await client.responses.create(model="smart", input="Tell the lighthouse.")
    assert (await client.responses.retrieve(reply.id)).id == reply.id
    assert [model.id async for model in await client.models.list()] == ["smart", "org/m:x"]
    made = await client.files.create(file=("a.jsonl", b"{}\n"), purpose="batch")
    assert (await client.files.content(made.id)).content == b"{}\n"
    heard = await client.audio.transcriptions.create(model="smart", file=("a.wav", b"RIFF"))
    assert heard.text
    with pytest.raises(openai.NotFoundError) as caught:
        await client.chat.completions.create(model="gpt-9", messages=HELLO)
    assert caught.value.code == "model_not_found"


async def test_the_path_counts_and_not_the_body(gateway: RunningGateway, sim: ProviderSim) -> None:
    for body in (chat(model="gpt-9"), {"messages": HELLO, "x": 1.0}, chat(model=None)):
        data = request(body, path=f"{DEPLOYMENTS}/smart/chat/completions?api-version=1")
        assert (await exchange(gateway, data)).status == 200
    assert {json.loads(seen["body"])["model"] for seen in sim.requests()} == {"chat"}
    assert '"x": 1.0' in sim.requests()[1]["body"]
    form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--b--\r\n'
    kind = "content-type: multipart/form-data; boundary=b\r\n"
    data = request(form, path=f"{DEPLOYMENTS}/smart/audio/transcriptions", headers=kind)
    await exchange(gateway, data)
    assert sim.requests()[-1]["body"] == form.decode()


async def test_the_new_azure_base_url(gateway: RunningGateway) -> None:
    async with AsyncOpenAI(base_url=f"{gateway.url}/openai/v1/", api_key=TENANT_KEY) as client:
        assert (await client.chat.completions.create(model="smart", messages=HELLO)).choices
        assert (await client.models.retrieve("smart")).id == "smart"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"{DEPLOYMENTS}/smart", "unknown_url"),
        (f"{DEPLOYMENTS}//chat/completions", "unknown_url"),
        (f"{DEPLOYMENTS}/smart/chat", "unknown_url"),
        (f"{DEPLOYMENTS}/a%20b/chat/completions", "model_not_found"),
        ("/openai", "unknown_url"),
        ("/openai/", "unknown_url"),
        ("/openai/healthz", "unknown_url"),
        ("/openai/openai/v1/chat/completions", "unknown_url"),
        ("/openai" * 1000 + "/v1/chat/completions", "unknown_url"),
        ("/openai/threads", "unsupported_endpoint"),
    ],
)
async def test_paths_that_are_none(gateway: RunningGateway, sim: ProviderSim, path: str, code: str) -> None:
    reply = await exchange(gateway, request(chat(), path=path))
    assert (reply.status, reply.error()["code"]) == (404, code)
    assert sim.requests() == []


async def test_a_wrong_method(gateway: RunningGateway) -> None:
    assert (await get(gateway, "/openai/v1/chat/completions")).status == 405
