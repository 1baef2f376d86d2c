"""A gateway follows the database while it serves: what is changed there is in force at once, and nobody is lost."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from keys.digest import digest
from keys.tenant_key import mint
from tests.clock import LoopClock, passes, until
from tests.configuration.operator import PEPPER, Operator
from tests.gateway.wire import Reply, chat, exchange, post, request
from tests.postgres import Stored
from tests.running import ADMIN_KEY, TENANT_KEY, ProviderSim, RunningGateway, configuration


@pytest.fixture
def gateway(sim: ProviderSim, stored: Stored) -> RunningGateway:
    return RunningGateway(configuration(sim.openai_url), database_dsn=stored.application)


async def in_force(gateway: RunningGateway, operator: Operator) -> None:
    """Until the gateway has what the database has now."""
    number = await operator.asked("SELECT number FROM generation")
    await until(lambda: gateway.app.following.snapshot.generation >= number)


async def admin(gateway: RunningGateway, path: str, method: str = "GET") -> Reply:
    return await exchange(gateway, request(None, path=path, method=method, key=ADMIN_KEY), admin=True)


async def config(gateway: RunningGateway) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((await admin(gateway, "/admin/v1/config")).body)
    return found


async def test_a_tenant_made_in_the_database_is_served(gateway: RunningGateway, operator: Operator) -> None:
    async with gateway:
        await operator.tenant("acme")
        key = await operator.key("acme")
        await in_force(gateway, operator)
        assert (await post(gateway, chat(), key=key)).status == 200
        assert (await post(gateway, chat(), key=TENANT_KEY)).status == 200
        shown = await config(gateway)
        assert (
            shown["tenants"] == ["a", "acme", "b"]
            and shown["refused"] == []
            and shown["database"] == "answers"
        )
        assert shown["generation"] == gateway.app.following.snapshot.generation > 1
        metrics = (await admin(gateway, "/metrics")).body.decode()
        assert f"gateway_config_generation {shown['generation']}.0\n" in metrics


async def test_what_is_there_at_the_start_is_in_force_when_it_is_ready(
    gateway: RunningGateway, operator: Operator
) -> None:
    await operator.tenant("acme")
    key = await operator.key("acme")
    async with gateway:
        assert (await post(gateway, chat(), key=key)).status == 200


async def test_a_key_made_a_moment_ago_is_looked_for(gateway: RunningGateway, operator: Operator) -> None:
    async with gateway:
        await operator.tenant("acme")
        await in_force(gateway, operator)
        await gateway.app.following._watch.close()  # type: ignore[union-attr]  # neither hears nor looks any more
        key = await operator.key("acme")
        assert (await post(gateway, chat(), key=key)).status == 200
        assert (await post(gateway, chat(), key=mint("other").reveal())).status == 401


async def test_revoked_expired_and_rotated_keys(gateway: RunningGateway, operator: Operator) -> None:
    async with gateway:
        await operator.tenant("acme")
        revoked, old = await operator.key("acme", "one"), await operator.key("acme", "two")
        soon = datetime.now(UTC) + timedelta(hours=1)
        expiring = await operator.key("acme", "three", expires_at=soon)
        await in_force(gateway, operator)
        for key in (revoked, old, expiring):
            assert (await post(gateway, chat(), key=key)).status == 200
        await operator.revoke("acme", "one")
        new = mint("two").reveal()
        await operator.do(
            "WITH former AS (INSERT INTO former_key_values (tenant, key, digest, until)"
            " SELECT tenant, id, digest, now() + interval '1 hour' FROM tenant_keys WHERE id = 'two')"
            " UPDATE tenant_keys SET digest = $1 WHERE id = 'two'",
            digest(PEPPER, new),
        )
        await in_force(gateway, operator)
        assert [(await post(gateway, chat(), key=key)).status for key in (revoked, old, new)] == [
            401,
            200,
            200,
        ]
        await operator.do("UPDATE former_key_values SET until = now() - interval '1 s' WHERE key = 'two'")
        await in_force(gateway, operator)
        assert [(await post(gateway, chat(), key=key)).status for key in (old, new)] == [401, 200]
        assert digest(PEPPER, old) not in gateway.app.following.snapshot.tenant_keys


async def test_a_bad_row_is_named_and_nothing_else_changes(
    gateway: RunningGateway, operator: Operator
) -> None:
    async with gateway:
        await operator.pool("three", secret="env:KAZE_PROVIDER_NOT_THERE")
        await operator.tenant("acme")
        key = await operator.key("acme")
        await in_force(gateway, operator)
        assert (await post(gateway, chat(), key=key)).status == 200
        assert (await config(gateway))["refused"] == [
            "pools three: secret: KAZE_PROVIDER_NOT_THERE is not set in the environment"
        ]
        metrics = (await admin(gateway, "/metrics")).body.decode()
        assert "gateway_config_rows_refused 1.0\n" in metrics


async def test_changes_under_load_lose_no_request(gateway: RunningGateway, operator: Operator) -> None:
    statuses: list[int] = []
    ending = asyncio.Event()

    async def ask(client: httpx2.AsyncClient, stream: bool) -> None:
        while not ending.is_set():
            reply = await client.post("/v1/chat/completions", json=chat(stream=stream))
            statuses.append(reply.status_code)

    async with gateway:
        headers = {"authorization": f"Bearer {TENANT_KEY}"}
        async with httpx2.AsyncClient(base_url=gateway.url, headers=headers, timeout=60) as client:
            asking = [asyncio.create_task(ask(client, at % 2 == 0)) for at in range(8)]
            await operator.pool("three")
            for turn in range(6):
                await operator.state("three", "disabled" if turn % 2 else "enabled")
                await operator.do("UPDATE pools SET limits = $1", json.dumps({"concurrency": 2 + turn}))
                await operator.tenant(f"tenant-{turn}")
                await in_force(gateway, operator)
            await operator.do("DELETE FROM pools")
            await in_force(gateway, operator)
            ending.set()
            await asyncio.gather(*asking)
        await gateway.quiet()
        assert len(statuses) > 20 and set(statuses) == {200}
        pools = gateway.app.state()["pools"]
        assert [(pool["id"], pool["in_flight"]) for pool in pools] == [("one", 0), ("two", 0)]


async def test_who_waits_for_a_pool_that_goes_is_told_or_goes_elsewhere(
    sim: ProviderSim, stored: Stored, operator: Operator
) -> None:
    made = configuration(sim.openai_url)
    made["pools"] = []
    busy = "[[sim:frames=400 gap_ms=50]] go on"
    async with RunningGateway(made, database_dsn=stored.application) as gateway:
        await operator.pool("three")
        await operator.do("UPDATE pools SET limits = '{\"concurrency\": 1}'")
        await in_force(gateway, operator)
        line = gateway.app.pipeline.generation.dispatcher.line
        running = asyncio.create_task(post(gateway, chat(busy, stream=True)))
        await until(lambda: len(sim.requests()) == 1)
        waiting = [asyncio.create_task(post(gateway, chat())) for _ in range(3)]
        await until(lambda: len(line) == 3)
        await operator.pool("four", secret="env:KAZE_PROVIDER_KEY_2")
        assert [reply.headers["x-gateway-key"] for reply in await asyncio.gather(*waiting)] == ["four"] * 3
        await operator.state("four", "disabled")
        await in_force(gateway, operator)
        named = [chat(model=name) for name in ("smart", "sim/chat")]
        waiting = [asyncio.create_task(post(gateway, body)) for body in named]
        await until(lambda: len(line) == 2)
        await operator.state("three", "draining")
        told = [(reply.status, reply.error()["code"]) for reply in await asyncio.gather(*waiting)]
        assert told == [(503, "no_eligible_key")] * 2, "they were let in: there is such a model"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_higher_ceiling_lets_those_go_who_wait(
    sim: ProviderSim, stored: Stored, operator: Operator
) -> None:
    made = configuration(sim.openai_url)
    made["pools"] = []
    async with RunningGateway(made, database_dsn=stored.application) as gateway:
        await operator.pool("three")
        await operator.do("UPDATE pools SET limits = '{\"concurrency\": 1}'")
        await in_force(gateway, operator)
        running = asyncio.create_task(post(gateway, chat("[[sim:frames=400 gap_ms=50]] go on", stream=True)))
        await until(lambda: len(sim.requests()) == 1)
        waiting = asyncio.create_task(post(gateway, chat()))
        await until(lambda: len(gateway.app.pipeline.generation.dispatcher.line) == 1)
        await operator.do("UPDATE pools SET limits = '{\"concurrency\": 2}'")
        assert (await waiting).status == 200 and not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_with_the_database_away_known_keys_work_and_others_are_not_refused_for_good(
    gateway: RunningGateway, operator: Operator
) -> None:
    async with gateway:
        await operator.tenant("acme")
        key = await operator.key("acme")
        await in_force(gateway, operator)
        assert gateway.app.databases.primary is not None
        await gateway.app.databases.primary.close()  # it is as good as away
        assert (await post(gateway, chat(), key=key)).status == 200
        unknown = await post(gateway, chat(), key=mint("acme").reveal())
        assert unknown.status == 503 and unknown.error()["code"] == "keys_unavailable"
        assert (await post(gateway, chat(), key="not-a-key-of-ours-0123456789")).status == 401


async def test_a_database_that_is_not_there_stops_nothing(sim: ProviderSim) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:9/none"
    async with RunningGateway(configuration(sim.openai_url), database_dsn=nowhere) as gateway:
        assert (await post(gateway, chat())).status == 200
        assert (await config(gateway))["database"] != "answers"


async def test_the_file_is_read_again_when_somebody_says_so(sim: ProviderSim) -> None:
    made = configuration(sim.openai_url)
    async with RunningGateway(made) as gateway:
        before = await config(gateway)
        made["models"] = [{"id": "wise", "targets": ["sim/chat"]}]
        gateway.write(made)
        reload = "/admin/v1/config/reload"
        assert (await admin(gateway, reload, "POST")).status == 200
        after = await config(gateway)
        assert after["models"] == ["wise"] and after["file"] != before["file"]
        assert after["generation"] == before["generation"] + 1
        assert (await post(gateway, chat(model="wise"))).status == 200
        assert (await post(gateway, chat(model="smart"))).status == 404
        made["models"] = [{"id": "wise", "targets": ["nowhere/chat"]}]
        gateway.write(made)
        refused = await admin(gateway, reload, "POST")
        assert refused.status == 422 and b"no such provider" in refused.body
        assert (await post(gateway, chat(model="wise"))).status == 200


async def test_what_a_key_is_for(gateway: RunningGateway, operator: Operator) -> None:
    async with gateway:
        await operator.tenant("acme")
        key = await operator.key("acme")
        for change, status, code in (
            ("models = '{org/*}'", 403, "model_not_allowed"),
            ("models = '{smart}'", 200, None),
            ("endpoints = '{embeddings}'", 403, "key_not_allowed"),
            ("endpoints = '{chat}'", 200, None),
            ("addresses = '{10.0.0.0/8}'", 403, "key_not_allowed"),
            ("addresses = '{127.0.0.0/8}'", 200, None),
        ):
            await operator.do(f"UPDATE tenant_keys SET {change}")
            await in_force(gateway, operator)
            reply = await post(gateway, chat(), key=key)
            assert (reply.status, reply.error()["code"] if code else None) == (status, code), change


async def test_the_last_use_is_written_down(gateway: RunningGateway, operator: Operator) -> None:
    async with gateway:
        await operator.tenant("acme")
        key = await operator.key("acme")
        await in_force(gateway, operator)
        before = datetime.now(UTC)
        await post(gateway, chat(), key=key)
        # It is the same key, whatever else of it changes before anything is written.
        await operator.do("UPDATE tenant_keys SET addresses = '{127.0.0.0/8}'")
        await in_force(gateway, operator)
        await post(gateway, chat(), key=key)
        after = datetime.now(UTC)
        await passes(
            50
        )  # on the gateway's clock: what is written is the moment of the use, not of the writing
        clock = gateway.app._key_use._clock
        assert isinstance(clock, LoopClock)
        clock.ahead += timedelta(seconds=50)
        await gateway.app._key_use.write()
        used = await operator.asked(
            "SELECT last_used_at FROM tenant_key_use WHERE tenant = 'acme' AND key = 'web'"
        )
        assert before - timedelta(seconds=5) < used < after + timedelta(seconds=20)
