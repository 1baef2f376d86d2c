"""A route that changes while its requests wait: money is held for where they may go now, not where they might."""

import asyncio
from copy import deepcopy
from typing import Any

import pytest

from budgets.money import NANO
from storage.database import EVERY_TENANT, Database
from tests.clock import until
from tests.gateway.wire import chat, post
from tests.postgres import Stored
from tests.running import ProviderSim, RunningGateway
from tests.spending.test_spending import balance, budgeted, cost_of, posted

_CHEAP = [{"id": "cheap", "provider": "sim", "model": "cheap", "per_request": 0.001}]
_LOOKING_UP = """
SELECT FROM pg_locks JOIN pg_database ON database = pg_database.oid
WHERE datname = current_database() AND relation = 'idempotent_answers'::regclass AND NOT granted"""
_DEAR = [{"id": "dear", "provider": "sim", "model": "dear", "per_request": 1}]


def one_place(sim: ProviderSim, usd: float, target: str) -> dict[str, Any]:
    """One request at a time; the route leads to `target`."""
    config = budgeted(sim, usd)
    config["providers"].append({**config["providers"][0], "id": "own", "local": True, "flavour": "vllm"})
    config["pools"] = [
        {"id": "one", "provider": "sim", "secret": "env:PROVIDER_KEY", "limits": {"concurrency": 1}},
        {"id": "own", "provider": "own", "secret": "env:PROVIDER_KEY_2", "limits": {"concurrency": 1}},
    ]
    config["models"] = [{"id": "smart", "targets": [target]}]
    config["prices"] = _CHEAP + _DEAR
    return config


async def moved(gateway: RunningGateway, sim: ProviderSim, target: str) -> list[Any]:
    """Answers of eight requests, one of which is served while seven wait and the route is led to `target`."""
    asked = [asyncio.create_task(post(gateway, chat("[[sim:delay_ms=300]]"))) for _ in range(8)]
    await until(lambda: len(gateway.app._dispatcher.line) == 7)
    gateway.write({**gateway.config, "models": [{"id": "smart", "targets": [target]}]})
    assert await gateway.app.reload() is None
    return await asyncio.gather(*asked)


async def test_who_waits_pays_what_the_new_target_costs(
    sim: ProviderSim, stored: Stored, database: Database
) -> None:
    config = one_place(sim, 2.5, "sim/cheap")
    async with RunningGateway(config, database_dsn=stored.application) as gateway:
        replies = await moved(gateway, sim, "sim/dear")
        served = [reply for reply in replies if reply.status == 200]
        assert sorted(map(cost_of, served)) == [NANO // 1000, NANO, NANO], "and not one more"
        refused = [reply.error() for reply in replies if reply.status != 200]
        assert {error["code"] for error in refused} == {"insufficient_quota"}
        found = await posted(gateway, database)
        spent, committed = await balance(database)
        assert spent == sum(row["cost_nusd"] for row in found) == 2 * NANO + NANO // 1000
        assert committed <= 2.5 * NANO


async def test_what_was_free_is_refused_where_it_would_cost(
    sim: ProviderSim, stored: Stored, database: Database
) -> None:
    config = one_place(sim, 0.5, "own/small")
    async with RunningGateway(config, database_dsn=stored.application) as gateway:
        replies = await moved(gateway, sim, "sim/dear")
        assert [reply.status for reply in replies].count(200) == 1
        assert {row["cost_nusd"] for row in await posted(gateway, database)} == {0}


async def test_of_where_it_may_go_it_goes_where_it_can_pay(
    sim: ProviderSim, stored: Stored, database: Database
) -> None:
    """And what it held before is there for others."""
    config = one_place(sim, 2.5, "sim/cheap")
    async with RunningGateway(config, database_dsn=stored.application) as gateway:
        asked = [asyncio.create_task(post(gateway, chat("[[sim:delay_ms=300]]"))) for _ in range(8)]
        await until(lambda: len(gateway.app._dispatcher.line) == 7)
        overflowing = {"id": "smart", "targets": ["sim/dear"], "overflow": "own/small"}
        gateway.write({**gateway.config, "models": [overflowing]})
        assert await gateway.app.reload() is None
        replies = await asyncio.gather(*asked)
        assert [reply.status for reply in replies] == [200] * 8
        found = await posted(gateway, database)
        costs = sorted(row["cost_nusd"] for row in found)
        assert costs == [0] * 5 + [NANO // 1000, NANO, NANO]
        assert all(row["cost_nusd"] == 0 for row in found if row["provider"] == "own")
        assert {each.reserved for each in gateway.spending.treasury._slices.slices()} == {0}


@pytest.mark.parametrize(
    ("usd", "before", "after"),
    [
        (0.0015, "sim/cheap", "own/small"),
        (0.0005, "sim/cheap", "own/small"),  # it has too little for where the route led
        (0.5, "sim/dear", "sim/cheap"),
    ],
)
async def test_who_waits_for_the_books_goes_where_the_route_leads_by_then(
    sim: ProviderSim, stored: Stored, database: Database, usd: float, before: str, after: str
) -> None:
    config = one_place(sim, usd, before)
    async with RunningGateway(config, database_dsn=stored.application) as gateway:
        async with database.admin.transaction(EVERY_TENANT) as connection:
            await connection.execute("LOCK TABLE budget_accounts")
            asked = asyncio.create_task(post(gateway, chat()))
            await until(lambda: gateway.spending.treasury._leasing._waiting)
            gateway.write({**gateway.config, "models": [{"id": "smart", "targets": [after]}]})
            assert await gateway.app.reload() is None
        assert (await asked).status == 200
        assert [f"{row['provider']}/{row['model']}" for row in await posted(gateway, database)] == [after]


@pytest.mark.parametrize("changed", ["models", "pools"])
async def test_who_waits_for_its_idempotency_key_goes_where_the_route_leads_by_then(
    sim: ProviderSim, stored: Stored, database: Database, changed: str
) -> None:
    config = one_place(sim, 5, "sim/cheap")
    config["tenants"][0]["budgets"] = []  # it does not wait for money, too
    other = {
        "models": [{"id": "smart", "targets": ["own/small"]}],
        "pools": [config["pools"][1], {**config["pools"][0], "id": "two", "secret": "env:PROVIDER_KEY_2"}],
    }
    async with RunningGateway(config, database_dsn=stored.application) as gateway:
        async with database.admin.transaction(EVERY_TENANT) as connection:
            await connection.execute("LOCK TABLE idempotent_answers")
            asked = asyncio.create_task(post(gateway, chat(), headers="idempotency-key: once\r\n"))
            while not await connection.fetch(_LOOKING_UP):
                await asyncio.sleep(0.01)
            gateway.write({**gateway.config, changed: other[changed]})
            assert await gateway.app.reload() is None
        assert (await asked).status == 200
        (row,) = await posted(gateway, database)
        assert (row["provider"], row["pool"]) == {"models": ("own", "own"), "pools": ("sim", "two")}[changed]


@pytest.mark.parametrize("usd", [0.004, 0.0045, 0.0035])
async def test_who_has_money_enough_does_not_lose_it_to_who_came_later(
    sim: ProviderSim, stored: Stored, database: Database, usd: float
) -> None:
    """All of the budget is held, and others wait for it: another way that costs no more changes nothing.

    Nor does another limit, `usd`, that is not enough for them.
    """
    config = one_place(sim, 0.004, "sim/cheap")
    both = [*config["pools"], {"id": "two", "provider": "sim", "secret": "env:PROVIDER_KEY_2"}]
    async with RunningGateway(config, database_dsn=stored.application) as gateway:
        first = [asyncio.create_task(post(gateway, chat("[[sim:delay_ms=300]]"))) for _ in range(4)]
        await until(lambda: len(gateway.app._dispatcher.line) == 3)
        async with database.admin.transaction(EVERY_TENANT) as connection:
            await connection.execute("LOCK TABLE budget_accounts")
            later = [asyncio.create_task(post(gateway, chat())) for _ in range(4)]
            await until(lambda: len(gateway.spending.treasury._leasing._waiting) == 4)
            tenants = deepcopy(config["tenants"])
            tenants[0]["budgets"][0]["usd"] = usd
            gateway.write({**gateway.config, "pools": both, "tenants": tenants})
            assert await gateway.app.reload() is None
        assert [reply.status for reply in await asyncio.gather(*first)] == [200] * 4
        assert 200 not in [reply.status for reply in await asyncio.gather(*later)]
