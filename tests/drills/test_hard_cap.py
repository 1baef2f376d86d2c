"""Two hundred callers at once on four gateway workers, and money for fifty: exactly those are served. Twice.

`tests/budgets/test_hard_cap.py` is the same of the books alone, in four processes.
"""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from budgets.books import Books
from budgets.money import NANO
from provider_sim import ProviderSim
from storage.database import EVERY_TENANT, Database
from storage.embedded_postgres import EmbeddedPostgres
from tests.gateway.wire import parsed, request
from tests.running import ENVIRON, OTHER_KEY, TENANT_KEY, configuration
from tests.serving.running_process import PATIENCE_S, GatewayProcess, environ

WORKERS, CALLERS, SERVED = 4, 200, 50
#: Of tenant `a` every request costs what it was held to cost at most, of tenant `b` less than half of that.
FLAT, MOST, COST = 20_000_000, 100_000_000, 40_000_000
LIMITS = {"a": SERVED * FLAT, "b": (SERVED - 1) * COST + MOST}
PRICES = [
    {"id": "flat", "tenant": "a", "per_request": FLAT / NANO},
    {"id": "written", "tenant": "b", "input": 0, "output": 1000},
]
BODY = {
    "model": "smart",
    "max_tokens": MOST // 1_000_000,
    "messages": [{"role": "user", "content": f"[[sim:output={COST // 1_000_000}]] Go on."}],
}


def capped(sim: ProviderSim) -> dict[str, Any]:
    made = configuration(sim.openai_url, prices=PRICES)
    for tenant in made["tenants"]:
        tenant["budgets"] = [{"period": "month", "usd": LIMITS[tenant["id"]] / NANO}]
    made["budgets"] = [{"period": "total", "usd": 1000}]
    return made


async def call(url: str, key: str) -> str:
    """Until there is an answer that is final, as SDKs do; each time by a connection of its own."""
    address = urlsplit(url)
    while True:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(request(BODY, key=key))
        reply = parsed(await reader.read())
        writer.close()
        if reply.status == 200:
            return "served"
        code = str(reply.error()["code"])
        if code != "budget_unavailable":
            return code
        await asyncio.sleep(0.1)


async def judged(gateway: GatewayProcess) -> None:
    database = Database(EmbeddedPostgres.kept_dsn(gateway.data_dir / "postgres"))
    await database.start()
    await database.answering()
    calls = [
        asyncio.create_task(call(gateway.url, key)) for _ in range(CALLERS) for key in (TENANT_KEY, OTHER_KEY)
    ]
    over: list[Any] = []
    while not all(one.done() for one in calls):
        async with database.reads.transaction(EVERY_TENANT) as connection:
            over += await connection.fetch("SELECT * FROM budget_balances WHERE committed_nusd > limit_nusd")
        await asyncio.sleep(0.01)
    said = Counter([await one for one in calls])
    assert over == []
    assert said == {"served": 2 * SERVED, "insufficient_quota": 2 * (CALLERS - SERVED)}
    await posted(database)
    # What is left is for nobody: it is less than a request costs at most.
    assert {await call(gateway.url, key) for key in (TENANT_KEY, OTHER_KEY)} == {"insufficient_quota"}
    await database.close()


async def posted(database: Database) -> None:
    """Every nano-dollar once it is in the books, and none of it held any more.

    By whom is not asked: the worker whose lease came first may have had all that there was.
    """
    spent = {"a": SERVED * FLAT, "b": SERVED * COST}
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with database.reads.transaction(EVERY_TENANT) as connection:
                rows = await connection.fetch(
                    "SELECT tenant, count(*) AS served, sum(cost_nusd)::bigint AS spent"
                    " FROM usage_log GROUP BY tenant ORDER BY tenant"
                )
                balances = await connection.fetch("SELECT * FROM budget_balances ORDER BY account")
            if {row["tenant"]: row["spent"] for row in rows} == spent and not any(
                row["reserved_nusd"] for row in balances if row["tenant"] != "*"
            ):
                break
            await asyncio.sleep(0.1)
    assert {row["tenant"]: row["served"] for row in rows} == dict.fromkeys("ab", SERVED)
    assert {row["account"]: row["posted_nusd"] for row in balances} == {
        "*:total": sum(spent.values()), "a:month": spent["a"], "b:month": spent["b"],
    }  # fmt: skip
    assert await Books(database.flushes).reconcile() == []


@pytest.mark.timeout(120)  # a cluster to be made, on a machine that may be busy
def test_the_cap_holds_on_whole_gateways_and_nothing_below_it_is_refused(tmp_path: Path) -> None:
    async def run() -> None:
        async with ProviderSim(latency_ms=20) as sim:
            config = tmp_path / "kaze.yaml"
            config.write_text(json.dumps(capped(sim)))
            options = ("--workers", str(WORKERS), "--config", str(config))
            gateway = GatewayProcess(tmp_path / "data", *options, env=environ(database=True, **ENVIRON))
            await asyncio.to_thread(gateway.__enter__)
            try:
                await judged(gateway)
            finally:
                await asyncio.to_thread(gateway.__exit__, None, None, None)

    asyncio.run(run())
