"""A route that changes while its requests wait: money is held for where they may go now, not where they might."""

import asyncio
from typing import Any

from budgets.money import NANO
from storage.database import Database
from tests.clock import until
from tests.gateway.wire import chat, post
from tests.postgres import Stored
from tests.running import ProviderSim, RunningGateway
from tests.spending.test_spending import balance, budgeted, cost_of, posted

_CHEAP = [{"id": "cheap", "provider": "sim", "model": "cheap", "per_request": 0.001}]
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
