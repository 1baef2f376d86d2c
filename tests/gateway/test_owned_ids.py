"""Ids of objects at a provider key: what was given sealed is taken sealed, and nothing else is."""

import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from tests.gateway.wire import chat, post, stream, whole_json
from tests.running import OTHER_KEY, ProviderSim, RunningGateway, configuration
from tests.sdk import openai_client

LINE = b'{"custom_id":"1"}\n'


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
    async with openai_client(apart) as client:
        made = [(await client.files.create(file=("f.jsonl", LINE), purpose="batch")).id for _ in range(3)]
        listed = [file.id async for file in client.files.list(limit=1)]
        assert sorted(listed) == sorted(made)
        for file in made[:2]:
            await client.batches.create(
                input_file_id=file, endpoint="/v1/chat/completions", completion_window="24h"
            )
        assert len([batch.id async for batch in client.batches.list(limit=1)]) == 2


async def test_a_cursor_that_was_not_given(apart: RunningGateway) -> None:
    async with openai_client(apart) as client, openai_client(apart, OTHER_KEY) as other:
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
    async with openai_client(apart) as client:
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


async def test_a_followed_response_is_named_as_it_was_given(gateway: RunningGateway) -> None:
    async with openai_client(gateway) as client:
        first = await client.responses.create(model="sim/chat", input="mine")
        second = await client.responses.create(model="sim/chat", input="x", previous_response_id=first.id)
        assert second.previous_response_id == first.id
        assert (await client.responses.retrieve(second.id)).previous_response_id == first.id
        async with client.responses.stream(
            model="sim/chat", input="y", previous_response_id=first.id
        ) as events:
            async for event in events:
                if event.type in ("response.created", "response.completed"):
                    assert event.response.previous_response_id == first.id
        final = await events.get_final_response()
        after = await client.responses.retrieve(final.id, stream=True, starting_after=1)
        *_, last = [event async for event in after]
        assert last.type == "response.completed"
        assert (last.response.id, last.response.previous_response_id) == (final.id, first.id)


CITATION = {"type": "file_citation", "file_id": "file-raw1", "index": 1, "filename": "a"}


async def test_files_in_annotations_are_sealed(gateway: RunningGateway, sim: ProviderSim) -> None:
    text = {"type": "output_text", "text": "See file-raw1.", "annotations": [CITATION]}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": [text]}
    body = {"id": "resp_1", "object": "response", "conversation": {"id": "conv_1"}, "output": [message]}
    sim.script(raw=whole_json(json.dumps(body).encode()))
    told = (await post(gateway, {"model": "sim/chat", "input": "x"}, path="/v1/responses")).body
    assert b'"file-raw1"' not in told
    assert b'"conv_1"' not in told
    assert b"See file-raw1." in told
    events = [
        {"type": "response.created", "response": {"id": "resp_1", "output": []}},
        {"type": "response.output_text.delta", "delta": "See"},
        {"type": "response.output_text.annotation.added", "annotation": CITATION},
        {"type": "response.completed", "response": body},
    ]
    raw = b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events)
    sim.script(raw=stream(raw))
    reply = await post(gateway, {"model": "sim/chat", "input": "x", "stream": True}, path="/v1/responses")
    assert b'"file-raw1"' not in reply.body
    assert reply.body.count(b'"file_id": "file-gw1_') == 2
    assert b'"conv_1"' not in reply.body


async def test_objects_that_were_not_given(
    gateway: RunningGateway, apart: RunningGateway, sim: ProviderSim
) -> None:
    async with openai_client(gateway) as client:
        mine = (await client.files.create(file=("f.jsonl", LINE), purpose="user_data")).id
    seen = len(sim.requests())

    def asks(file: str) -> list[tuple[str, dict[str, Any]]]:
        part = {"type": "input_file", "file_id": file}
        return [
            ("/v1/chat/completions", chat([{"type": "file", "file": {"file_id": file}}])),  # type: ignore[arg-type]
            ("/v1/responses", {"model": "smart", "input": [{"role": "user", "content": [part]}]}),
        ]

    for path, body in asks("file-raw1") + asks("file-gw1_" + "x" * 40):
        reply = await post(gateway, body, path=path, key=OTHER_KEY)
        assert (reply.status, reply.error()["code"], reply.error()["param"]) == (404, "not_found", "file_id")
    for conversation in ("conv_1", {"id": "conv_1"}):
        body = {"model": "smart", "input": "x", "conversation": conversation}
        reply = await post(gateway, body, path="/v1/responses", key=OTHER_KEY)
        assert (reply.status, reply.error()["param"]) == (404, "conversation")
    for path, body in asks(mine):
        assert (await post(gateway, body, path=path, key=OTHER_KEY)).status == 404
    assert len(sim.requests()) == seen
    for path, body in asks(mine):
        assert (await post(gateway, body, path=path)).status == 200
    for path, body in asks("file-raw1"):
        assert (await post(apart, body, path=path)).status == 200
        assert b"file-raw1" in sim.requests()[-1]["body"].encode()


async def test_a_response_of_another_provider_is_not_found(sim: ProviderSim) -> None:
    config = configuration(sim.openai_url)
    config["providers"].append({**config["providers"][0], "id": "far"})
    config["pools"].append({"id": "three", "provider": "far", "secret": "env:PROVIDER_KEY", "tenants": ["*"]})
    async with RunningGateway(config) as gateway, openai_client(gateway) as client:
        stored = await client.responses.create(model="sim/chat", input="Hello.")
        with pytest.raises(openai.BadRequestError) as caught:
            await client.responses.create(model="far/chat", input="And?", previous_response_id=stored.id)
        error = caught.value
        assert (error.code, error.param) == ("previous_response_not_found", "previous_response_id")
