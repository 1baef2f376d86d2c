"""Ids of objects at a provider key: what was given sealed is taken sealed, and nothing else is."""

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from tests.running import OTHER_KEY, TENANT_KEY, ProviderSim, RunningGateway, configuration

LINE = b'{"custom_id":"1"}\n'


def sdk(gateway: RunningGateway, key: str = TENANT_KEY) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0)


def keys_of_their_own(url: str) -> dict[str, Any]:
    return configuration(
        url,
        pools=[
            {"id": "one", "provider": "sim", "secret": "env:PROVIDER_KEY", "tenants": ["a"]},
            {"id": "two", "provider": "sim", "secret": "env:PROVIDER_KEY_2", "tenants": ["b"]},
        ],
    )


@pytest.fixture
async def apart(sim: ProviderSim) -> AsyncIterator[RunningGateway]:
    """A gateway whose tenants have a provider key of their own each."""
    async with RunningGateway(keys_of_their_own(sim.openai_url)) as running:
        yield running


async def test_listing_pages_end(apart: RunningGateway) -> None:
    async with sdk(apart) as client:
        made = [(await client.files.create(file=("f.jsonl", LINE), purpose="batch")).id for _ in range(3)]
        listed = [file.id async for file in client.files.list(limit=1)]
        assert sorted(listed) == sorted(made)
        for file in made[:2]:
            await client.batches.create(
                input_file_id=file, endpoint="/v1/chat/completions", completion_window="24h"
            )
        assert len([batch.id async for batch in client.batches.list(limit=1)]) == 2


async def test_a_cursor_that_was_not_given(apart: RunningGateway) -> None:
    async with sdk(apart) as client, sdk(apart, OTHER_KEY) as other:
        mine = await client.files.create(file=("f.jsonl", LINE), purpose="batch")
        for cursor in (mine.id, "file-sim00000000000000000001", "file-gw1_x", "x"):
            with pytest.raises(openai.NotFoundError) as caught:
                await other.files.list(after=cursor)
            assert (caught.value.code, caught.value.param) == ("not_found", "after")
        reply = await client.responses.create(model="sim/chat", input="mine")
        with pytest.raises(openai.NotFoundError):
            await client.responses.input_items.list(reply.id, after="msg_gw1_AAAAAAAAAAAAAAAAAAAA")
        [item] = (await client.responses.input_items.list(reply.id)).data
        assert item.id is not None
        await client.responses.input_items.list(reply.id, after=item.id)


async def test_only_what_ran_a_model_counts_tokens(apart: RunningGateway) -> None:
    async with sdk(apart) as client:
        reply = await client.responses.create(model="sim/chat", input="mine")
        await client.responses.retrieve(reply.id)
        async for _ in await client.responses.retrieve(reply.id, stream=True):
            pass
        await client.responses.input_tokens.count(model="sim/chat", input="mine")
        file = await client.files.create(file=("f.jsonl", LINE), purpose="batch")
        await client.files.list()
        await client.files.content(file.id)
        await client.files.delete(file.id)
    first, *rest = await apart.log_lines(8)
    assert (first["usage_source"], first["input_tokens"] > 0) == ("provider", True)
    assert {(x["usage_source"], x["input_tokens"], x["output_tokens"]) for x in rest} == {("none", 0, 0)}
