"""A gateway whose PostgreSQL is away, absent, held up, read-only or full: declared modes, and back by itself.

Reliability D60, D62 and faults F6–F8, F10: never 401 for a key that may be good, nothing unpaid, nothing lost.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asyncpg import DeadlockDetectedError

from keys.tenant_key import mint
from storage.database import Database, connected
from tests.clock import passes, until
from tests.configuration.operator import Operator
from tests.cut_proxy import CutProxy
from tests.gateway.wire import Reply, chat, exchange, get, post, request, settled
from tests.postgres import Stored
from tests.running import ADMIN_KEY, ProviderSim, RunningGateway
from tests.spending.test_spending import balance, budgeted, posted, rows


async def admin(gateway: RunningGateway, method: str, path: str, body: Any = None) -> Reply:
    return await exchange(gateway, request(body, path=path, method=method, key=ADMIN_KEY), admin=True)


async def degraded(gateway: RunningGateway) -> bool:
    page = (await admin(gateway, "GET", "/metrics")).body.decode()
    return 'gateway_degraded{dependency="database",mode="snapshot"} 1.0\n' in page


async def in_force(gateway: RunningGateway, operator: Operator) -> None:
    number = await operator.asked("SELECT number FROM generation")
    await until(lambda: gateway.app.following.snapshot.generation >= number)


async def back(gateway: RunningGateway) -> None:
    """Its database answers it again."""
    assert gateway.app.databases.primary is not None
    await gateway.app.databases.primary.answering()


async def acme(stored: Stored) -> tuple[Operator, str]:
    """Who made a tenant and its key in the database, and the key."""
    operator = Operator(stored.application)
    await operator.tenant("acme")
    return operator, await operator.key("acme")


async def test_two_minutes_without_it(
    sim: ProviderSim, stored: Stored, through: str, proxy: CutProxy, database: Database
) -> None:
    """D60: known keys 200, unknown ones 503 and none 401, ready all the time, and every row arrives after."""
    _, key = await acme(stored)
    async with RunningGateway(budgeted(sim, 1.0), database_dsn=through) as gateway:
        assert (await post(gateway, chat(), key=key)).status == 200
        await proxy.cut()
        served = 1
        for _ in range(4):
            await passes(30)
            for _ in range(5):
                assert (await post(gateway, chat(), key=key)).status == 200
                served += 1
            unknown = await post(gateway, chat(), key=mint("acme").reveal())
            assert (unknown.status, unknown.error()["code"]) == (503, "keys_unavailable")
            assert unknown.headers["retry-after"]
            catalogue = await get(gateway, "/v1/models", key=mint("acme").reveal())
            assert (catalogue.status, catalogue.error()["code"]) == (503, "keys_unavailable")
            assert (await post(gateway, chat(), key="of-no-kind-that-is-ours-0123")).status == 401
            assert (await get(gateway, "/readyz", key=None)).status == 200
        assert await degraded(gateway)
        page = (await admin(gateway, "GET", "/metrics")).body.decode()
        assert "gateway_spool_records 0.0\n" not in page
        refused = await admin(gateway, "POST", "/admin/v1/tenants", {"id": "t"})
        assert (refused.status, "retry-after" in refused.headers) == (503, True)
        await proxy.mend()
        await back(gateway)
        found = await posted(gateway, database)
        assert len(found) == len({row["request_id"] for row in found}) == served == len(sim.requests())
        assert (await admin(gateway, "POST", "/admin/v1/tenants", {"id": "t"})).status == 201
        assert not await degraded(gateway)


async def test_hard_budgets_stop_at_their_slice_and_go_on_after(
    sim: ProviderSim, through: str, proxy: CutProxy, database: Database
) -> None:
    """Without the books what is leased is spent and no more; who is refused was sent nowhere."""
    async with RunningGateway(budgeted(sim, 0.002), database_dsn=through) as gateway:
        assert (await post(gateway, chat(max_tokens=200))).status == 200
        await proxy.cut()
        statuses = []
        while 503 not in statuses:
            reply = await post(gateway, chat(max_tokens=200))
            statuses.append(reply.status)
            assert len(statuses) < 60, "more than the budget"
        assert reply.error()["code"] == "budget_unavailable" and set(statuses) <= {200, 503}
        sent = len(sim.requests())
        assert sent == 1 + statuses.count(200)
        await proxy.mend()
        await back(gateway)
        await until(lambda: not gateway.spending.treasury._leasing.away())
        assert (await post(gateway, chat(max_tokens=200))).status == 200
        found = await posted(gateway, database)
        assert len(found) == sent + 1
        spent, committed = await balance(database)
        assert spent == sum(row["cost_nusd"] for row in found) <= committed <= 2_000_000


async def test_absent_at_the_start_then_there(
    sim: ProviderSim, stored: Stored, through: str, proxy: CutProxy, database: Database
) -> None:
    """D62: what the file says is served at once, what only the database knows is 503 until it is there."""
    operator, key = await acme(stored)
    await proxy.cut()
    async with RunningGateway(budgeted(sim, 1.0, "soft"), database_dsn=through) as gateway:
        assert (await post(gateway, chat())).status == 200
        statuses = {(await post(gateway, chat(), key=key)).status for _ in range(5)}
        assert statuses == {503}
        await proxy.mend()
        await back(gateway)
        await in_force(gateway, operator)
        assert (await post(gateway, chat(), key=key)).status == 200
        assert len(await posted(gateway, database)) == 2


@asynccontextmanager
async def _held(stored: Stored) -> AsyncIterator[None]:
    """Somebody holds every table that a gateway writes to."""
    tables = (
        "usage_log, budget_accounts, budget_posted, budget_slices, tenants, tenant_keys, audit_log, workers"
    )
    async with connected(stored.superuser) as connection:
        while True:
            taking = connection.transaction()
            await taking.start()
            try:
                await connection.execute(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")
            except DeadlockDetectedError:  # with the gateway, which takes some of them in another order
                await taking.rollback()
            else:
                break
        yield
        await taking.rollback()


@asynccontextmanager
async def _read_only(stored: Stored) -> AsyncIterator[None]:
    """As after a switch to a standby: every session may read and none may write."""
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()"
    async with connected(stored.superuser) as connection:
        await connection.execute(f"ALTER DATABASE {stored.name} SET default_transaction_read_only = on")
        await connection.execute(end, stored.name)
    yield
    async with connected(stored.superuser) as connection:
        await connection.execute("SET default_transaction_read_only = off")
        await connection.execute(f"ALTER DATABASE {stored.name} RESET default_transaction_read_only")
        await connection.execute(end, stored.name)


@asynccontextmanager
async def _full(stored: Stored) -> AsyncIterator[None]:
    """Its disk is full: reads work, and every row that would be added is refused in PostgreSQL's own words."""
    tables = (
        "usage_log",
        "budget_accounts",
        "budget_posted",
        "budget_slices",
        "tenants",
        "audit_log",
        "workers",
    )
    async with connected(stored.superuser) as connection:
        await connection.execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';"
            " END $$"
        )
        for table in tables:
            await connection.execute(
                f"CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {table}"
                " FOR EACH STATEMENT EXECUTE FUNCTION full_disk()"
            )
    yield
    async with connected(stored.superuser) as connection:
        await connection.execute("DROP FUNCTION full_disk CASCADE")


@pytest.mark.parametrize("fault", [_held, _read_only, _full])
async def test_it_answers_and_takes_nothing(
    sim: ProviderSim, stored: Stored, database: Database, fault: Any
) -> None:
    """F7, F8: requests go on with what is leased, changes are 503, nothing ends for good, and all rows arrive."""
    config = budgeted(sim, 10.0)
    async with RunningGateway(config, database_dsn=stored.application) as gateway:
        for _ in range(3):  # a slice for the seconds to come
            assert (await post(gateway, chat())).status == 200
            await settled(gateway)
            await passes(1.1)
        async with fault(stored):
            stranger = request(None, path="/admin/v1/tenants", method="GET", key="wrong-key-0123456789")
            refused, denied, *replies = await asyncio.gather(
                admin(gateway, "POST", "/admin/v1/tenants", {"id": "t"}),
                exchange(gateway, stranger, admin=True),
                *(post(gateway, chat()) for _ in range(10)),
            )
            assert {reply.status for reply in replies} <= {200, 503}
            codes = {reply.error()["code"] for reply in replies if reply.status == 503}
            assert codes <= {"budget_unavailable"}
            assert (refused.status, "retry-after" in refused.headers) == (503, True), refused.body
            assert b"No space" not in refused.body
            assert denied.status in (401, 503)  # whether or not that can be written down
        await back(gateway)
        treasury = gateway.spending.treasury
        await until(lambda: not treasury._leasing.away())
        assert all(not task.done() for task in treasury._tasks)
        assert (await post(gateway, chat())).status == 200
        found = await posted(gateway, database)
        assert len(found) == 4 + sum(reply.status == 200 for reply in replies) == len(sim.requests())
        assert (await balance(database))[0] == sum(row["cost_nusd"] for row in found)
        assert (await admin(gateway, "POST", "/admin/v1/tenants", {"id": "t"})).status == 201
    assert len(await rows(database)) == len(found)  # closing adds none
