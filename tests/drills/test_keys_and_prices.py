"""What a refusal shows and what of it reaches the database; what is owed (D3, D5, D52, D54)."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random

import pytest

from budgets.price_override import Override
from budgets.price_table import PriceTable
from keys.tenant_key import mint
from storage.database import Database, connected
from tests.budgets.money_world import NANO_A_TOKEN
from tests.clock import passes
from tests.configuration.operator import Operator
from tests.drills.test_postgres_faults import in_force
from tests.gateway.test_gate import odd_credentials
from tests.gateway.wire import Line, arrived, chat, get, post, request, settled
from tests.postgres import Stored
from tests.running import ProviderSim, RunningGateway
from tests.spending.test_spending import balance, budgeted, posted


@pytest.fixture
async def gateway(sim: ProviderSim, stored: Stored) -> AsyncIterator[RunningGateway]:
    config = budgeted(sim, 10.0, bounds={"first_frame_s": 20, "frame_gap_s": 20})
    async with RunningGateway(config, database_dsn=stored.application) as running:
        yield running


async def test_every_key_that_is_no_good_gets_the_same_answer(
    gateway: RunningGateway, stored: Stored, sim: ProviderSim
) -> None:
    """D3: unknown, malformed, mistyped, expired, revoked, of a suspended tenant: the same bytes, but for the id."""
    operator = Operator(stored.application)
    for tenant in ("acme", "gone"):
        await operator.tenant(tenant)
    past = datetime.now(UTC) - timedelta(seconds=1)
    expired, revoked = await operator.key("acme", "one", expires_at=past), await operator.key("acme", "two")
    suspended, good = await operator.key("gone"), await operator.key("acme", "four")
    await operator.revoke("acme", "two")
    await operator.do("UPDATE tenants SET state = 'suspended' WHERE id = 'gone'")
    await in_force(gateway, operator)
    mistyped = good[:-1] + ("a" if good[-1] != "a" else "b")
    no_good = [
        mint("web").reveal(), mistyped, good[:-8], good + "x", "kz_", "sk-" + "x" * 48, expired, revoked, suspended,
    ]  # fmt: skip
    replies = [await post(gateway, chat(), key=key) for key in no_good]
    assert {reply.status for reply in replies} == {401}
    assert len({reply.body for reply in replies}) == 1
    own = {"date", "x-request-id", "request-id", "server-timing"}
    assert len({json.dumps({n: v for n, v in r.headers.items() if n not in own}) for r in replies}) == 1
    assert (await post(gateway, chat(), key=good)).status == 200 and len(sim.requests()) == 1
    assert {(await get(gateway, "/v1/models", key=key)).status for key in no_good} == {401}


async def test_no_credential_makes_a_statement_of_its_own(gateway: RunningGateway, stored: Stored) -> None:
    """D5: whatever is presented, PostgreSQL sees the statements that it always sees."""
    query = (
        "SELECT array_agg(DISTINCT s.queryid) FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid"
        " JOIN pg_roles r ON r.oid = s.userid WHERE d.datname = $1 AND r.rolname = 'kaze_app'"
    )
    async with connected(stored.superuser) as connection:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        assert (await post(gateway, chat())).status == 200
        assert (await post(gateway, chat(), key=mint("web").reveal())).status == 401
        for _ in range(3):  # everything that goes on by itself has been once
            await settled(gateway)
            await passes(70)
        before = set(await connection.fetchval(query, stored.name))
        for headers in islice(odd_credentials(Random(7)), 300):
            async with Line(gateway) as line:
                line.send(request(b"{}", key=None, headers=headers))
                await line.rest()
        for _ in range(5):
            await post(gateway, chat(), key=mint("web").reveal())
        after = set(await connection.fetchval(query, stored.name))
    # What a timer had not come to yet, and not three hundred.
    assert len(before) > 3 and len(after - before) <= 2


async def test_whatever_an_attempt_comes_to_nothing_stays_reserved(
    gateway: RunningGateway, sim: ProviderSim, database: Database
) -> None:
    """D52: refused, broken off, garbage, silent, left by its caller: what was held is free, what is owed paid."""
    for fault in ({"status": 500}, {"garbage": True}, {"cut": 40}, {"reset": True}):
        sim.script("x", usage={}, fault=fault)
        await post(gateway, chat(stream="cut" in fault, max_tokens=50))
    seen = len(sim.requests())
    silent = asyncio.create_task(post(gateway, chat("[[sim:hang]]", max_tokens=50)))
    await arrived(sim, seen + 1)
    while not silent.done():
        await passes(30)
    for _ in range(3):
        async with Line(gateway) as line:
            line.send(request(chat("[[sim:frames=400 gap_ms=20]] go on", stream=True, max_tokens=50)))
            await line.until(b"data: ")
    await settled(gateway)
    treasury = gateway.spending.treasury
    assert treasury.readings().open_reservations == 0
    found = await posted(gateway, database)
    assert all(0 <= row["cost_nusd"] <= row["reserved_nusd"] for row in found)
    assert {row["source"] for row in found} <= {"provider", "estimated"} and found
    await treasury._leasing.drain()
    spent, committed = await balance(database)
    assert spent == committed == sum(row["cost_nusd"] for row in found)


async def test_what_was_begun_costs_what_it_cost_then(
    gateway: RunningGateway, sim: ProviderSim, database: Database
) -> None:
    """D54: prices change while a stream runs."""
    running = asyncio.create_task(post(gateway, chat("[[sim:frames=20 gap_ms=20]] go on", stream=True)))
    await arrived(sim, 1)
    treasury = gateway.spending.treasury
    treasury.prices = PriceTable(treasury.prices._seed, [Override("new", NANO_A_TOKEN)])
    gateway.spending._forget_tariffs()  # as its configuration does
    assert (await running).status == 200
    assert (await post(gateway, chat(max_tokens=10))).status == 200
    rows = await posted(gateway, database)
    before, after = ((row["cost_nusd"], row["input_tokens"] + row["output_tokens"]) for row in rows)
    assert after[0] == after[1] and before[0] > 10 * before[1]
    assert [row["price_version"] == NANO_A_TOKEN.version for row in rows] == [False, True]
