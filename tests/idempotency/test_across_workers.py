"""`idempotency-key` where there is a database: the first answer again from any worker, and paid for once.

Two gateways on one database, as two hosts are.
"""

import asyncio
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from gateway.pipeline.stored_answers import StoredAnswers
from storage.database import EVERY_TENANT, Database
from tests.clock import standing, until
from tests.cut_proxy import CutProxy
from tests.gateway.test_idempotency import BAD, KEY, shown
from tests.gateway.wire import Line, arrived, chat, exchange, parsed, post, request, settled, whole_json
from tests.postgres import Stored
from tests.running import ADMIN_KEY, OTHER_KEY, TENANT_KEY, ProviderSim, RunningGateway
from tests.spending.test_spending import budgeted

SLOW = "[[sim:delay_ms=300]]"


def stored_by(gateway: RunningGateway) -> StoredAnswers:
    found = gateway.app.pipeline.idempotency.stored
    assert found is not None
    return found


async def rows(database: Database, query: str = "SELECT * FROM idempotent_answers") -> list[dict[str, Any]]:
    async with database.admin.transaction(EVERY_TENANT) as connection:
        return [dict(row) for row in await connection.fetch(query)]


async def change(database: Database, statement: str) -> None:
    async with database.admin.transaction(EVERY_TENANT) as connection:
        await connection.execute(statement)


async def test_the_first_answer_again_from_another_worker(
    one: RunningGateway, other: RunningGateway, sim: ProviderSim, database: Database
) -> None:
    first = await post(one, chat(), headers=KEY)
    (row,) = await rows(database)  # before the caller had all of the answer
    assert (row["tenant"], row["principal"], row["key"], row["state"]) == ("a", "web", "order-1", "done")
    again = await post(other, chat(), headers=KEY)
    assert (again.status, again.body, shown(again)) == (200, first.body, shown(first))
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert "x-gateway-warnings" not in first.headers
    assert len(sim.requests()) == 1
    (line,) = await other.log_lines(1)
    assert (line["status"], line["attempts"], line["cost_usd"]) == (200, 0, None)
    await settled(one)
    await settled(other)


async def test_it_is_paid_for_once(
    one: RunningGateway, other: RunningGateway, sim: ProviderSim, database: Database
) -> None:
    replies = [await post(gateway, chat(), headers=KEY) for gateway in (one, other, one, other)]
    assert [reply.status for reply in replies] == [200] * 4
    for gateway in (one, other):
        await settled(gateway)
        await gateway.spending.treasury.flush()
    (paid,) = await rows(database, "SELECT cost_nusd FROM usage_log")
    (budget,) = await rows(database, "SELECT posted_nusd FROM budget_balances")
    assert 0 < paid["cost_nusd"] == budget["posted_nusd"]


async def test_a_replay_needs_no_money(
    one: RunningGateway, sim: ProviderSim, stored: Stored, database: Database
) -> None:
    first = await post(one, chat(), headers=KEY)
    await settled(one)
    config = budgeted(sim, 1.0)
    config["tenants"][0]["budgets"][0]["usd"] = 0.000000001
    async with RunningGateway(config, database_dsn=stored.application) as poor:
        assert (await post(poor, chat("something else"))).status == 429
        assert (await post(poor, chat(), headers=KEY)).body == first.body


@pytest.mark.parametrize("enforce", ["soft"])
async def test_a_twin_elsewhere_is_told_to_come_back(
    one: RunningGateway, other: RunningGateway, sim: ProviderSim
) -> None:
    async with Line(one) as line:
        with standing():  # the first cannot be answered meanwhile
            line.send(request(chat(SLOW), headers=KEY))
            await arrived(sim, 1)
            twin = await post(other, chat(SLOW), headers=KEY)
            assert (twin.status, twin.error()["code"]) == (409, "idempotency_in_progress")
            assert twin.headers["retry-after-ms"] == "250"
            changed = await post(other, chat("x"), headers=KEY)
            assert (changed.status, changed.error()["type"], changed.error()["code"]) == (
                400, BAD, "idempotency_key_reused"
            )  # fmt: skip
        first = parsed(await line.rest())
    again = await post(other, chat(SLOW), headers=KEY)
    assert (again.status, again.body) == (200, first.body)
    changed = await post(other, chat("x"), headers=KEY)
    assert (changed.status, changed.error()["param"]) == (400, "Idempotency-Key")
    assert len(sim.requests()) == 1


async def test_many_twins_on_two_workers_run_once(
    one: RunningGateway, other: RunningGateway, sim: ProviderSim
) -> None:
    replies = await asyncio.gather(*(post(gateway, chat(SLOW), headers=KEY) for gateway in (one, other) * 10))
    assert {reply.status for reply in replies} <= {200, 409}
    assert len({reply.body for reply in replies if reply.status == 200}) == 1
    assert len(sim.requests()) == 1


async def test_d18_keys_of_other_tenants_are_their_own(
    one: RunningGateway, other: RunningGateway, sim: ProviderSim
) -> None:
    first = await post(one, chat("mine"), headers=KEY)
    theirs = await post(other, chat("theirs"), headers=KEY, key=OTHER_KEY)
    assert (first.status, theirs.status, len(sim.requests())) == (200, 200, 2)
    assert (await post(other, chat("mine"), headers=KEY)).body == first.body


async def test_what_failed_may_run_elsewhere_at_once(
    one: RunningGateway, other: RunningGateway, sim: ProviderSim, database: Database
) -> None:
    sim.fault(status=400, count=1)
    assert (await post(one, chat(), headers=KEY)).status == 400
    assert await rows(database) == []
    assert (await post(other, chat("something else"), headers=KEY)).status == 200
    assert len(sim.requests()) == 2


@pytest.mark.parametrize("enforce", ["soft"])
async def test_a_caller_who_left_may_ask_another(
    one: RunningGateway, other: RunningGateway, sim: ProviderSim, database: Database
) -> None:
    async with Line(one) as line:
        with standing():
            line.send(request(chat(SLOW), headers=KEY))
            await arrived(sim, 1)
            line.writer.transport.abort()
            await settled(one)
    assert await rows(database) == []
    assert (await post(other, chat(SLOW), headers=KEY)).status == 200


@pytest.mark.parametrize("enforce", ["soft"])
async def test_a_claim_lapses_when_its_gateway_dies_and_not_while_it_lives(
    one: RunningGateway, other: RunningGateway, sim: ProviderSim, database: Database
) -> None:
    late = "UPDATE idempotent_answers SET expires_at = now() + interval '1 s'"
    lapsed = "UPDATE idempotent_answers SET expires_at = now()"
    async with Line(one) as line:
        with standing():
            line.send(request(chat(SLOW), headers=KEY))
            await arrived(sim, 1)
            await change(database, late)
            await stored_by(one).renew()
            (row,) = await rows(
                database, "SELECT expires_at - now() > '20 s' AS renewed FROM idempotent_answers"
            )
            assert row["renewed"]
            assert (await post(other, chat(SLOW), headers=KEY)).status == 409
            await change(database, lapsed)  # as if it had stood still, or were dead
        second = await post(other, chat(SLOW), headers=KEY)
        assert second.status == 200
        assert parsed(await line.rest()).status == 200  # it may still answer its own caller
    await settled(one)
    assert (await post(other, chat(SLOW), headers=KEY)).body == second.body
    assert len(sim.requests()) == 2


async def test_what_has_expired_is_swept(one: RunningGateway, database: Database) -> None:
    for number in range(3):
        assert (await post(one, chat(), headers=f"idempotency-key: order-{number}\r\n")).status == 200
    await change(database, "UPDATE idempotent_answers SET expires_at = now() WHERE key <> 'order-1'")
    await stored_by(one).sweep()
    (row,) = await rows(database)
    assert row["key"] == "order-1"


@pytest.mark.parametrize("enforce", ["soft"])
async def test_a_day_later_it_runs_again(
    one: RunningGateway, other: RunningGateway, sim: ProviderSim, database: Database
) -> None:
    with standing():  # where it takes long, the key is not claimed, and an answer not waited for to be stored
        first = await post(one, chat(), headers=KEY)
    assert (first.status, first.headers.get("x-gateway-warnings")) == (200, None)
    query = "SELECT expires_at - now() BETWEEN '23:59' AND '24:00' AS day FROM idempotent_answers"
    assert (await rows(database, query))[0]["day"]
    await change(database, "UPDATE idempotent_answers SET expires_at = now()")
    assert (await post(other, chat("another body"), headers=KEY)).status == 200
    assert len(sim.requests()) == 2


async def test_media_are_kept_and_what_is_too_large_is_not(
    sim: ProviderSim, stored: Stored, other: RunningGateway, database: Database
) -> None:
    config = budgeted(sim, 1.0, bounds={"idempotent_answer_bytes": 400_000})
    async with RunningGateway(config, database_dsn=stored.application) as gateway:
        speech = {"model": "smart", "input": "Hello.", "voice": "alloy"}
        data = request(speech, path="/v1/audio/speech", headers=KEY)
        first, again = await exchange(gateway, data), await exchange(other, data)
        assert first.status == again.status == 200
        assert first.body and (again.body, shown(again)) == (first.body, shown(first))
        sim.script(raw=whole_json(b'{"choices":[{"message":{"content":"a"}}],"x":"' + b"y" * 200_000 + b'"}'))
        large = await post(gateway, chat("large"), headers="idempotency-key: large\r\n")
        assert large.status == 200
        assert [row["key"] for row in await rows(database)] == ["order-1"]


async def test_without_the_header_nothing_is_asked_of_the_database(
    one: RunningGateway, database: Database
) -> None:
    await post(one, chat(), headers=KEY)
    used = one.app.databases.primary
    assert used is not None
    async with used.reads.transaction(), used.reads.transaction(), used.reads.transaction():
        # No connection for requests' reads is left: whoever needed one would wait.
        assert (await post(one, chat())).status == 200
        assert (await post(one, chat(), headers=KEY)).status == 200  # this worker knows it itself
    assert len(await rows(database)) == 1


async def test_an_sdk_whose_answer_was_lost_gets_it_from_another_host(
    one: RunningGateway, other: RunningGateway, sim: ProviderSim, database: Database
) -> None:
    """The OpenAI SDK makes a key for each call and its retries, once it is told the name of the header."""
    async with (
        CutProxy(one.port) as balancer,
        AsyncOpenAI(
            base_url=f"http://127.0.0.1:{balancer.port}/v1", api_key=TENANT_KEY, max_retries=9
        ) as client,
    ):
        client._idempotency_header = "Idempotency-Key"
        balancer.mute = True
        asking = asyncio.create_task(
            client.chat.completions.with_raw_response.create(
                model="smart", messages=[{"role": "user", "content": "Hello."}]
            )
        )
        while not await rows(database, "SELECT FROM idempotent_answers WHERE state = 'done'"):
            await asyncio.sleep(0)
        await settled(one)
        await balancer.cut()
        balancer.mute, balancer.upstream = False, other.port
        await balancer.mend()
        answer = await asking
        assert answer.headers["idempotent-replayed"] == "true"
        assert answer.parse().choices[0].message.content
        assert len(sim.requests()) == 1


async def test_openai_sdk_calls_at_two_hosts_are_one(
    one: RunningGateway, other: RunningGateway, sim: ProviderSim
) -> None:
    headers = {"Idempotency-Key": "order-1"}

    async def ask(gateway: RunningGateway) -> str:
        async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=TENANT_KEY, max_retries=9) as client:
            reply = await client.chat.completions.create(
                model="smart", messages=[{"role": "user", "content": SLOW}], extra_headers=headers
            )
            return reply.id

    assert len(set(await asyncio.gather(*(ask(gateway) for gateway in (one, other, one, other))))) == 1
    assert len(sim.requests()) == 1
    async with AsyncOpenAI(base_url=f"{other.url}/v1", api_key=TENANT_KEY) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.embeddings.create(model="smart", input="x", extra_headers=headers)
    assert caught.value.code == "idempotency_key_reused"


async def test_admin_keys_and_callers_keys_are_apart(one: RunningGateway, database: Database) -> None:
    made = request({"id": "t"}, path="/admin/v1/tenants", key=ADMIN_KEY, headers=KEY)
    assert (await exchange(one, made, admin=True)).status == 201
    assert (await post(one, chat(), headers=KEY)).status == 200
    assert [
        row["tenant"] for row in await rows(database, "SELECT tenant FROM idempotent_answers ORDER BY 1")
    ] == ["*", "a"]


async def test_nothing_is_left_running(one: RunningGateway, sim: ProviderSim) -> None:
    sim.fault(status=400, count=1)
    for _ in range(2):
        await post(one, chat(), headers=KEY)
    kept = stored_by(one)
    await until(lambda: not (kept._running or kept._ended))
