"""Responses of models whose providers keep none: gone on from, shown, deleted, and nobody else's."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from gateway.pipeline.response_store import ONE_MAX, ResponseStore
from storage import stored_responses as rows
from storage.database import EVERY_TENANT, Database
from storage.stored_responses import Stored
from tests.behind import behind_every_dialect, sent
from tests.postgres import Stored as StoredDatabase
from tests.running import OTHER_KEY, ProviderSim, RunningGateway
from tests.sdk import openai_client

ASKED = "Say hello to the lighthouse."
TOOLS: Any = [{"type": "function", "name": "weather", "parameters": {"type": "object"}}]
streamed = pytest.mark.parametrize("streams", [False, True])


@pytest.fixture
async def gateway(sim: ProviderSim, stored: StoredDatabase) -> AsyncIterator[RunningGateway]:
    async with RunningGateway(behind_every_dialect(sim), database_dsn=stored.application) as running:
        database = running.app.databases.primary
        assert database is not None
        await database.answering()
        yield running


@pytest.fixture
async def other(sim: ProviderSim, stored: StoredDatabase) -> AsyncIterator[RunningGateway]:
    """Another host's."""
    async with RunningGateway(behind_every_dialect(sim), database_dsn=stored.application) as running:
        database = running.app.databases.primary
        assert database is not None
        await database.answering()
        yield running


def store_of(gateway: RunningGateway) -> ResponseStore:
    found = gateway.app.data.inference.responses.store
    assert found is not None
    return found


async def made(client: AsyncOpenAI, streams: bool, model: str = "anthropic", **asked: Any) -> Any:
    asked = {"model": model, "input": ASKED} | asked
    if not streams:
        return await client.responses.create(**asked)
    async with client.responses.stream(**asked) as stream:
        async for _ in stream:
            pass
        return await stream.get_final_response()


@streamed
async def test_the_conversation_goes_on(
    gateway: RunningGateway, other: RunningGateway, sim: ProviderSim, streams: bool
) -> None:
    """From any worker, and on to any provider."""
    async with openai_client(gateway) as client, openai_client(other) as elsewhere:
        first = await made(client, streams)
        second = await made(elsewhere, streams, input="And to the boats.", previous_response_id=first.id)
        third = await made(client, streams, "gemini", input="Bye.", previous_response_id=second.id)
    assert (first.store, second.previous_response_id, third.previous_response_id) == (
        True,
        first.id,
        second.id,
    )
    said = [(turn["role"], "".join(part["text"] for part in turn["parts"])) for turn in sent(sim)["contents"]]
    assert said == [
        ("user", ASKED), ("model", first.output_text), ("user", "And to the boats."),
        ("model", second.output_text), ("user", "Bye."),
    ]  # fmt: skip
    assert third.usage.input_tokens > first.usage.input_tokens


async def test_who_keeps_responses_itself_is_shown_the_whole(
    gateway: RunningGateway, sim: ProviderSim
) -> None:
    async with openai_client(gateway) as client:
        first = await made(client, streams=False)
        again = await made(client, False, "openai", input="Again.", previous_response_id=first.id)
        assert len(sent(sim)["input"]) == 3
        assert "previous_response_id" not in sent(sim)
        assert "gw1" not in again.id
        assert (await client.responses.retrieve(again.id)).previous_response_id == first.id


@streamed
async def test_calls_are_answered_by_their_ids_alone(
    gateway: RunningGateway, sim: ProviderSim, streams: bool
) -> None:
    async with openai_client(gateway) as client:
        first = await made(client, streams, input="Weather in Oslo? [[sim:calls=2]]", tools=TOOLS)
        calls = [item for item in first.output if item.type == "function_call"]
        results = [
            {"type": "function_call_output", "call_id": call.call_id, "output": "rain"} for call in calls
        ]
        await made(client, streams, input=results, tools=TOOLS, previous_response_id=first.id)
    used = [block["id"] for block in sent(sim)["messages"][1]["content"] if block["type"] == "tool_use"]
    assert used == [call.call_id for call in calls]
    assert [block["tool_use_id"] for block in sent(sim)["messages"][2]["content"]] == used


@streamed
async def test_it_is_shown_as_it_was_answered(gateway: RunningGateway, streams: bool) -> None:
    async with openai_client(gateway) as client:
        first = await made(client, streams, instructions="Be brief.", metadata={"a": "b"})
        shown = await client.responses.retrieve(first.id)
        assert shown.output_text == first.output_text
        parsed = {"output"}  # of which the SDK makes more when it streams
        assert shown.model_dump(exclude=parsed) == first.model_dump(exclude=parsed)
        second = await made(client, streams, input="And to the boats.", previous_response_id=first.id)
        items = [item async for item in client.responses.input_items.list(second.id, limit=1, order="asc")]
        assert [item.role for item in items] == ["user", "assistant", "user"]  # type: ignore[union-attr]
        newest = await client.responses.input_items.list(second.id)
        assert [item.id for item in newest.data] == [item.id for item in reversed(items)]
        with pytest.raises(openai.NotFoundError):
            await client.responses.input_items.list(second.id, after="item_x")


async def test_deleted_is_gone_and_so_is_what_goes_on_from_it(gateway: RunningGateway) -> None:
    async with openai_client(gateway) as client:
        first = await made(client, streams=False)
        second = await made(client, False, previous_response_id=first.id)
        await client.responses.delete(first.id)
        for gone in (first.id, "resp_never"):
            with pytest.raises(openai.NotFoundError):
                await client.responses.retrieve(gone)
            with pytest.raises(openai.NotFoundError):
                await client.responses.delete(gone)
        with pytest.raises(openai.BadRequestError) as caught:
            await made(client, False, previous_response_id=second.id)
    assert (caught.value.code, caught.value.param) == ("previous_response_not_found", "previous_response_id")


async def test_a_whole_one_cannot_be_cancelled(gateway: RunningGateway) -> None:
    async with openai_client(gateway) as client, openai_client(gateway, OTHER_KEY) as stranger:
        first = await made(client, streams=False)
        with pytest.raises(openai.BadRequestError) as caught:
            await client.responses.cancel(first.id)
        assert (caught.value.code, caught.value.param) == ("invalid_value", "response_id")
        assert "Cannot cancel a synchronous response." in caught.value.message
        for asker, id_ in ((client, "resp_never"), (stranger, first.id)):
            with pytest.raises(openai.NotFoundError):
                await asker.responses.cancel(id_)


async def test_another_tenants_is_unknown(gateway: RunningGateway) -> None:
    async with openai_client(gateway) as client, openai_client(gateway, OTHER_KEY) as stranger:
        first = await made(client, streams=False)
        for ask in (
            stranger.responses.retrieve,
            stranger.responses.delete,
            stranger.responses.input_items.list,
        ):
            with pytest.raises(openai.NotFoundError):
                await ask(first.id)  # type: ignore[operator]
        with pytest.raises(openai.BadRequestError) as caught:
            await made(stranger, False, previous_response_id=first.id)
        assert caught.value.code == "previous_response_not_found"
        assert (await client.responses.retrieve(first.id)).id == first.id


@streamed
async def test_what_is_not_to_be_kept_is_not(gateway: RunningGateway, streams: bool) -> None:
    async with openai_client(gateway) as client:
        first = await made(client, streams)
        second = await made(client, streams, store=False, previous_response_id=first.id)
        assert second.store is False
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve(second.id)


async def test_a_fault_is_shown_where_its_caller_wrote_it(gateway: RunningGateway) -> None:
    """Not where it came to stand behind the conversation that was kept."""
    async with openai_client(gateway) as client:
        first = await made(client, False)
        bad = [{"role": "user", "content": "a"}, {"role": "user", "content": [{"type": "no_such_part"}]}]
        with pytest.raises(openai.BadRequestError) as caught:
            await made(client, False, input=bad, previous_response_id=first.id)
    assert (caught.value.param or "").startswith("input[1].content[0]")


async def test_resp_previous_id(sim: ProviderSim) -> None:
    """Without a database nothing is kept, and that is said."""
    async with RunningGateway(behind_every_dialect(sim)) as gateway, openai_client(gateway) as client:
        raw = await client.responses.with_raw_response.create(model="gemini", input=ASKED, store=True)
        assert raw.headers["x-gateway-warnings"] == "dropped=store"
        first = raw.parse()
        assert first.store is False
        with pytest.raises(openai.BadRequestError) as caught:
            await made(client, False, "gemini", previous_response_id=first.id)
        assert caught.value.code == "previous_response_not_found"
        assert "no database" in caught.value.message
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve(first.id)


def response(id_: str, previous: str | None = None, tenant: str = "a", size: int = 0) -> Stored:
    return Stored(tenant, id_, previous, b'["%b"]' % (b"i" * size), b"[]", b"{}")


async def kept(database: Database, *responses: Stored, seconds: float = 60.0) -> None:
    async with database.flushes.transaction(EVERY_TENANT) as connection:
        await rows.keep(connection, responses, seconds)


async def ids(database: Database, id_: str, tenant: str = "a", **bounds: int) -> list[str]:
    async with database.reads.transaction(tenant) as connection:
        bounds = {"most": 10, "bytes_max": 10_000} | bounds
        return [one.id for one in await rows.chain(connection, "a", id_, **bounds)]


async def test_chains_as_rows(database: Database) -> None:
    await kept(
        database, response("1"), response("2", "1", size=100), response("3", "2"), response("4", "gone")
    )
    assert await ids(database, "3") == ["1", "2", "3"]
    assert await ids(database, "4") == ["4"]
    assert await ids(database, "3", tenant="b") == []
    assert await ids(database, "3", most=2) == ["2", "3"]
    assert await ids(database, "3", bytes_max=50) == ["2", "3"]
    await kept(database, response("5", "6"), response("6", "5"))
    assert len(await ids(database, "5")) == 10


async def test_what_has_expired_counts_for_nothing_and_is_swept(database: Database) -> None:
    await kept(database, response("1"), seconds=-1.0)
    await kept(database, response("2", "1"))
    assert await ids(database, "1") == []
    assert await ids(database, "2") == ["2"]
    await ResponseStore(database, ONE_MAX, sweeps=True).sweep()
    async with database.reads.transaction(EVERY_TENANT) as connection:
        assert await connection.fetchval("SELECT count(*) FROM stored_responses") == 1


async def test_nothing_is_written_for_a_tenant_that_is_being_deleted(database: Database) -> None:
    """Whichever comes first: the deletion is waited for and known, or erases what was written before it."""
    async with database.admin.transaction(EVERY_TENANT) as connection:
        await connection.execute("INSERT INTO tenants (id) VALUES ('a')")
    async with database.admin.transaction(EVERY_TENANT) as connection:
        await connection.execute("SELECT 1 FROM tenants WHERE id = 'a' FOR UPDATE")
        writing = asyncio.create_task(kept(database, response("1"), response("2", tenant="b")))
        async with database.reads.transaction(EVERY_TENANT) as watching:
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            while not await watching.fetchval(waits):
                await asyncio.sleep(0.01)
        await connection.execute("UPDATE tenants SET state = 'deleted' WHERE id = 'a'")
    await writing
    async with database.reads.transaction(EVERY_TENANT) as connection:
        found = await connection.fetch("SELECT tenant, id FROM stored_responses")
    assert [tuple(row) for row in found] == [("b", "2")]


async def test_of_a_tenant_the_newest_are_kept_that_fit(database: Database) -> None:
    store = ResponseStore(database, 100_000, sweeps=False)

    async def keep(*responses: Stored) -> None:
        for one in responses:
            store.keep(one)
            assert await store._waiting.write()  # each at a time of its own
        assert await store._room.trim()

    await keep(response("b", tenant="b", size=200_000))
    async with database.reads.transaction("b") as connection:
        assert not await rows.chain(connection, "b", "b", 10, ONE_MAX)  # larger than all that may be
    await keep(*(response(str(number), size=20_000) for number in range(4)))
    assert await ids(database, "0", bytes_max=ONE_MAX) == ["0"]
    await keep(*(response(str(number), size=20_000) for number in range(4, 7)))
    there = [bool(await ids(database, str(number), bytes_max=ONE_MAX)) for number in range(7)]
    assert there == [False] * 3 + [True] * 4
    await keep(response("c", tenant="c", size=20_000))
    assert await ids(database, "6", bytes_max=ONE_MAX) == ["6"]


async def test_the_oldest_go_while_the_gateway_runs(sim: ProviderSim, stored: StoredDatabase) -> None:
    config = {**behind_every_dialect(sim), "bounds": {"stored_bytes": 16_384}}
    async with RunningGateway(config, database_dsn=stored.application) as running:
        database = running.app.databases.primary
        assert database is not None
        await database.answering()
        async with openai_client(running) as client:
            first = await made(client, False)
            for _ in range(12):
                await made(client, False, input="x" * 2000)
            while True:
                try:
                    await client.responses.retrieve(first.id)
                except openai.NotFoundError:
                    break
                await asyncio.sleep(0.05)
            with pytest.raises(openai.BadRequestError) as caught:
                await made(client, False, previous_response_id=first.id)
    assert caught.value.code == "previous_response_not_found"


async def test_too_large_a_one_is_not_kept(gateway: RunningGateway) -> None:
    store = store_of(gateway)
    store.keep(response("big", size=ONE_MAX))
    store.keep(response("small"))
    assert await store.chain("a", "big", ONE_MAX) == []
    assert [one.id for one in await store.chain("a", "small", ONE_MAX)] == ["small"]


async def test_with_the_database_away_answers_go_on_and_are_stored_later(
    database: Database,
) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    store = ResponseStore(away, ONE_MAX, sweeps=False)
    for number in range(6):
        store.keep(response(str(number), size=ONE_MAX - 100))
    newest = await store.chain("a", "5", ONE_MAX)
    assert [one.id for one in newest] == ["5"]
    with pytest.raises(Exception, match="cannot be read"):  # it was given up: what waits is bounded
        await store.chain("a", "0", ONE_MAX)
    store._waiting._database = database
    while await store._waiting.write() and len(store._waiting):
        pass
    assert await ids(database, "5", bytes_max=ONE_MAX) == ["5"]
