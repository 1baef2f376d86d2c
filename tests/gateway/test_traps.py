"""Small things that callers get wrong, or spell otherwise: told with their path, or taken as meant; never a 500."""

import json
from typing import Any

import pytest

from tests.behind import BEHIND, behind_every_dialect, sent
from tests.gateway.wire import exchange, request
from tests.running import OTHER_KEY, TENANT_KEY, ProviderSim, RunningGateway

_PATHS = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "X"}]},
    "/v1/completions": {"prompt": "X"},
    "/v1/responses": {"input": "X"},
    "/v1/messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "X"}]},
    "/v1/messages/count_tokens": {"messages": [{"role": "user", "content": "X"}]},
    "/v1/embeddings": {"input": "X"},
    "/v1beta/models/{model}:generateContent": {"contents": [{"parts": [{"text": "X"}]}]},
}


@pytest.fixture
async def gateway(sim: ProviderSim) -> Any:
    async with RunningGateway(behind_every_dialect(sim)) as running:
        yield running


@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("path", _PATHS)
@pytest.mark.parametrize("size", [1, 200_000])
async def test_half_a_character_is_no_json(
    gateway: RunningGateway, sim: ProviderSim, path: str, behind: str, size: int
) -> None:
    body = (
        json.dumps({"model": behind, **_PATHS[path]}).replace('"X"', '"' + "x" * size + '\\ud800"').encode()
    )
    reply = await exchange(gateway, request(body, path=path.format(model=behind)))
    assert (reply.status, sim.requests()) == (400, [])


@pytest.mark.parametrize("behind", BEHIND)
async def test_half_a_character_in_a_calls_arguments(
    gateway: RunningGateway, sim: ProviderSim, behind: str
) -> None:
    """They are a model's, which another may be asked to go on from: read as all that models say."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":"\\ud800"}'}}
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    messages = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "y"},
    ]
    reply = await exchange(gateway, request({"model": behind, "messages": messages, "tools": tools}))
    assert reply.status == 200, reply.body
    (asked,) = sim.requests()
    assert ("\ufffd" in json.dumps(asked["body"], ensure_ascii=False)) == (behind != "openai")


@pytest.mark.parametrize("behind", ["anthropic", "gemini"])
async def test_two_tools_of_one_name(gateway: RunningGateway, sim: ProviderSim, behind: str) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    body = {"model": behind, "messages": [{"role": "user", "content": "x"}], "tools": [tool, tool]}
    reply = await exchange(gateway, request(body))
    assert (reply.status, reply.error()["param"], sim.requests()) == (400, "tools[1].function", [])


async def test_data_in_capitals_is_data(gateway: RunningGateway, sim: ProviderSim) -> None:
    image = {"type": "image_url", "image_url": {"url": "DATA:image/png;base64,iVBORw0KGgo="}}
    body = {"model": "anthropic", "messages": [{"role": "user", "content": [image]}]}
    assert (await exchange(gateway, request(body))).status == 200
    assert sent(sim)["messages"][0]["content"][0]["source"]["media_type"] == "image/png"


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        (f"key={TENANT_KEY}", "", 200),
        (f"key={TENANT_KEY}", f"authorization: Bearer {TENANT_KEY}\r\n", 200),
        (f"key={TENANT_KEY}", f"authorization: Bearer {OTHER_KEY}\r\n", 400),
        (f"key={TENANT_KEY}", f"x-goog-api-key: {OTHER_KEY}\r\n", 400),
        (f"key={TENANT_KEY}&key={OTHER_KEY}", "", 400),
        ("", f"authorization: Bearer {TENANT_KEY}\r\nx-goog-api-key: {TENANT_KEY}\r\n", 200),
        ("", f"authorization: Bearer {TENANT_KEY}\r\nx-api-key: {OTHER_KEY}\r\n", 400),
    ],
)
async def test_two_credentials_that_differ(
    gateway: RunningGateway, sim: ProviderSim, query: str, headers: str, status: int
) -> None:
    """Contract §3: neither goes before the other."""
    path = f"/v1beta/models/gemini:generateContent?{query}"
    body = {"contents": [{"parts": [{"text": "x"}]}]}
    reply = await exchange(gateway, request(body, path=path, key=None, headers=headers))
    assert reply.status == status
    assert len(sim.requests()) == (status == 200)
