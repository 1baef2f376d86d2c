"""No request of a steady state asks the database or the secret store anything: counted by both of these themselves.

Time stands still for the gateway while they are made, so what it does by itself from time to time does not count;
then it is counted alone, and comes to the same however many requests there were.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import asyncpg
import pytest

from storage.database import connected
from tests.clock import passes, standing, turns
from tests.configuration.operator import Operator
from tests.cut_proxy import CutProxy
from tests.drills.test_postgres_faults import in_force
from tests.gateway.wire import chat, post, settled
from tests.keys.openbao import ROOT_TOKEN, OpenBao
from tests.postgres import Stored
from tests.running import TENANT_KEY, ProviderSim, RunningGateway
from tests.spending.test_spending import budgeted

REQUESTS = 200
#: Of the gateway's own role, in this test's database. What the test asks is asked by another.
_STATEMENTS = """
SELECT coalesce(sum(calls), 0)::int FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
    JOIN pg_roles r ON r.oid = s.userid WHERE d.datname = current_database() AND r.rolname = 'kaze_app'
"""
_BUSY = """
SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = 'kaze_app' AND state <> 'idle'
"""
_FLUSHED = "SELECT count(*), count(DISTINCT xmin::text) FROM usage_log"


@pytest.fixture
def bao() -> Iterator[OpenBao]:
    with OpenBao() as running:
        running.put("llm/sim", key="sk-of-the-provider-1")
        yield running


@pytest.fixture
async def vault(bao: OpenBao) -> AsyncIterator[CutProxy]:
    async with CutProxy(bao.port) as running:
        yield running


@pytest.fixture
async def gateway(sim: ProviderSim, stored: Stored, vault: CutProxy) -> AsyncIterator[RunningGateway]:
    """With a hard budget, and its provider key in OpenBao."""
    config = budgeted(sim, 1000.0)
    config["vault"] = {"address": f"http://127.0.0.1:{vault.port}", "auth": {"token": "env:BAO_TOKEN"}}
    config["pools"] = [{"id": "one", "provider": "sim", "secret": "vault:secret/llm/sim#key"}]
    async with RunningGateway(config, {"BAO_TOKEN": ROOT_TOKEN}, stored.application) as running:
        yield running


Counted = Callable[[], Awaitable[tuple[int, int]]]


@pytest.fixture
async def counted(stored: Stored, vault: CutProxy) -> AsyncIterator[Counted]:
    """Statements and requests to OpenBao until now, once none is under way."""
    async with connected(stored.superuser) as connection:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")

        async def count() -> tuple[int, int]:
            before, now = (-1, -1), await _counts(connection, vault)
            while before != now:
                await turns(100)
                before, now = now, await _counts(connection, vault)
            return now

        yield count


async def _counts(connection: asyncpg.Connection, vault: CutProxy) -> tuple[int, int]:
    while await connection.fetchval(_BUSY):
        await turns()
    return await connection.fetchval(_STATEMENTS), vault.asked


async def _steady(gateway: RunningGateway, keys: list[str]) -> None:
    """All that goes on by itself has been once, and a slice is held that lasts: of three such dear requests."""
    await _ask(gateway, keys, 40, max_tokens=10_000)
    await passes(70)
    await _ask(gateway, keys, 40, max_tokens=10_000)
    await passes(2)


async def _ask(gateway: RunningGateway, keys: list[str], count: int, max_tokens: int = 20) -> None:
    for number in range(0, count, 4):
        replies = await asyncio.gather(
            *(
                post(gateway, chat(max_tokens=max_tokens), key=keys[one % len(keys)])
                for one in range(number, number + 4)
            )
        )
        assert {reply.status for reply in replies} == {200}
    await settled(gateway)


async def test_no_request_makes_a_round_trip(
    gateway: RunningGateway, stored: Stored, counted: Counted
) -> None:
    operator = Operator(stored.application)
    await operator.tenant("acme")
    keys = [TENANT_KEY, await operator.key("acme", "app")]  # of the file, under a budget; of the database
    await in_force(gateway, operator)
    await _steady(gateway, keys)
    with standing():
        before = await counted()
        assert min(before) > 0
        await _ask(gateway, keys, REQUESTS)
        assert await counted() == before
        # Both do count: a new idempotency key is claimed in the database, a provider's refusal asks OpenBao again.
        assert (await post(gateway, chat(), headers="idempotency-key: order-1\r\n")).status == 200
        await gateway.app._secrets.look("one")
        after = await counted()
        assert after[0] > before[0] and after[1] > before[1]


async def test_what_goes_on_by_itself_does_not_grow_with_the_requests(
    gateway: RunningGateway, stored: Stored, counted: Counted
) -> None:
    """Of a few records and of many each flush is one transaction of as many statements."""
    spending, asked = gateway.app.pipeline.spending, []
    assert spending is not None
    for requests in (8, REQUESTS):
        await _steady(gateway, [TENANT_KEY])
        with standing():
            await spending.treasury.flush()
            before = await counted()
            await _ask(gateway, [TENANT_KEY], requests)
            await spending.treasury.flush()
            after = await counted()
        asked.append((after[0] - before[0], after[1] - before[1]))
    assert asked[0] == asked[1] and 0 < asked[0][0] <= 20 and asked[0][1] == 0
    async with connected(stored.superuser) as connection:
        records, transactions = await connection.fetchrow(_FLUSHED)
    assert records == 4 * 40 + 8 + REQUESTS and transactions < 60
