"""Two gateways on one database: what one is told holds at the other, what both spend is one sum (D7, D8, D51)."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, NamedTuple

import pytest

from budgets.books import Books
from keys.tenant_key import mint
from storage.database import Database, connected
from tests.clock import passes, until
from tests.configuration.operator import Operator
from tests.configuration.test_provider_secrets import Load
from tests.drills.test_postgres_faults import admin, in_force
from tests.gateway.wire import chat, post
from tests.postgres import Stored
from tests.running import TENANT_KEY, ProviderSim, RunningGateway
from tests.spending.test_spending import balance, budgeted, posted

#: A revocation is in force everywhere (D7).
EVERYWHERE_S = 5.0


class Pair(NamedTuple):
    one: RunningGateway
    other: RunningGateway
    operator: Operator

    async def follow(self) -> None:
        """What was changed is in force at both."""
        for gateway in self[:2]:
            await in_force(gateway, self.operator)

    async def made(self, method: str, path: str, body: Any = None) -> Any:
        """Through the first one's admin API."""
        reply = await admin(self.one, method, f"/admin/v1{path}", body)
        assert reply.status in (200, 201), reply.body
        return json.loads(reply.body)


@pytest.fixture
async def pair(request: pytest.FixtureRequest, sim: ProviderSim, stored: Stored) -> AsyncIterator[Pair]:
    config = budgeted(sim, getattr(request, "param", 1.0))
    async with (
        RunningGateway(config, database_dsn=stored.application) as one,
        RunningGateway(config, database_dsn=stored.application) as other,
    ):
        yield Pair(one, other, Operator(stored.application))


async def refused_within(gateway: RunningGateway, key: str, seconds: float) -> float:
    """When the gateway first refused `key`, in seconds from now by its own clock; it stays refused."""
    now = asyncio.get_running_loop().time
    began = now()
    for _ in count():
        reply = await post(gateway, chat(), key=key)
        if reply.status == 401:
            break
        assert reply.status in (200, 429) and now() - began < seconds
    assert (await post(gateway, chat(), key=key)).status == 401
    return now() - began


async def test_what_is_revoked_at_one_is_refused_at_the_other_under_load(pair: Pair) -> None:
    """D7, D8: made, rotated and revoked through one gateway; asked at the other, which is busy."""
    await pair.made("POST", "/tenants", {"id": "acme"})
    old = (await pair.made("POST", "/tenants/acme/keys", {"id": "web"}))["secret"]
    async with Load(pair.other):
        assert (await post(pair.other, chat(), key=old)).status == 200
        new = (await pair.made("POST", "/keys/acme:web/rotate", {"overlap_s": 3600}))["secret"]
        for key in (old, new):
            assert (await post(pair.other, chat(), key=key)).status == 200
        ended = await pair.made("POST", "/keys/acme:web/rotate", {"overlap_s": 0})
        for key in (old, new):
            assert await refused_within(pair.other, key, EVERYWHERE_S) < EVERYWHERE_S
        assert (await post(pair.other, chat(), key=ended["secret"])).status == 200
        await pair.made("POST", "/keys/acme:web/revoke")
        assert await refused_within(pair.other, ended["secret"], EVERYWHERE_S) < EVERYWHERE_S


async def test_both_values_of_a_rotated_key_spend_the_same_budget(pair: Pair, database: Database) -> None:
    await pair.made("POST", "/tenants", {"id": "acme"})
    old = (await pair.made("POST", "/tenants/acme/keys", {"id": "web"}))["secret"]
    budget = {"id": "acme-web", "tenant": "acme", "key": "web", "period": "day", "limit_nusd": 10**9}
    await pair.made("POST", "/budgets", budget)
    await pair.follow()
    new = (await pair.made("POST", "/keys/acme:web/rotate", {"overlap_s": 3600}))["secret"]
    for key, gateway in ((old, pair.one), (new, pair.other)):
        assert (await post(gateway, chat(), key=key)).status == 200
    await posted(pair.one, database)
    found = await posted(pair.other, database)
    assert [(row["tenant"], row["key"]) for row in found] == [("acme", "web")] * 2
    assert (await balance(database))[0] == sum(row["cost_nusd"] for row in found)


@pytest.mark.parametrize("pair", [0.001], indirect=True)
async def test_one_hard_budget_for_both(pair: Pair, database: Database) -> None:
    """D51: a hundred callers at each, money for some; what is served is paid, and the money is used to the end."""
    limit = 1_000_000
    replies = await asyncio.gather(
        *(post(gateway, chat(max_tokens=200)) for gateway in pair[:2] for _ in range(100))
    )
    served = sum(reply.status == 200 for reply in replies)
    while (reply := await post(pair.other, chat(max_tokens=200))).status != 429:
        assert reply.status in (200, 503) and served <= 200
        served += reply.status == 200
    assert {reply.status for reply in replies} <= {200, 429, 503} and 40 <= served < 200
    await posted(pair.one, database)
    found = await posted(pair.other, database)
    assert len(found) == served
    spent, committed = await balance(database)
    assert spent == sum(row["cost_nusd"] for row in found) <= committed <= limit
    assert spent > limit - max(row["reserved_nusd"] for row in found)  # what is left does not pay for another
    assert await Books(database.flushes).reconcile() == []


async def test_steps_of_the_clock(pair: Pair, database: Database) -> None:
    """D68: an hour on, two back, and a day on: nobody is refused, no time is negative, every sum is its rows'."""
    clock = pair.one.app._clock
    for hours in (0, 1, -1, 25, 0):
        clock.ahead = timedelta(hours=hours)  # type: ignore[attr-defined]
        for _ in range(3):
            assert (await post(pair.one, chat())).status == 200
            await passes(1.1)  # for a slow database that is a long silence
            await until(lambda: not pair.one.spending.treasury._leasing.away())
        assert (await post(pair.other, chat())).status == 200
    lines = await pair.one.log_lines(15)
    assert all(line[name] >= 0 for line in lines for name in ("queue_ms", "upstream_ms", "gateway_ms"))
    await posted(pair.one, database)
    found = await posted(pair.other, database)
    assert len(found) == 20 and {row["day"] for row in found} > {datetime.now(UTC).date()}
    assert all((row["upstream_ms"] or 0) >= 0 and (row["queue_ms"] or 0) >= 0 for row in found)
    assert await Books(database.flushes).reconcile() == []
    assert (await post(pair.one, chat(), key=TENANT_KEY)).status == 200


async def test_a_key_made_elsewhere_right_after_a_look_is_looked_for_again(
    sim: ProviderSim, stored: Stored
) -> None:
    """Who presents unknown keys makes a gateway look only so often; a good key is not refused for that."""
    operator = Operator(stored.application)
    await operator.tenant("acme")
    async with RunningGateway(budgeted(sim, 1.0), database_dsn=stored.application) as gateway:
        await gateway.app.following._watch.close()  # type: ignore[union-attr]  # neither hears nor looks by itself
        for number in range(3):
            assert (await post(gateway, chat(), key=mint("acme").reveal())).status == 401
            key = await operator.key("acme", f"key{number}")
            assert (await post(gateway, chat(), key=key)).status == 200


async def test_who_cannot_be_looked_for_is_not_refused_for_good(sim: ProviderSim, stored: Stored) -> None:
    """F7: a database that is held up says nothing of a key: 503, and never 401."""
    operator = Operator(stored.application)
    await operator.tenant("acme")
    async with (
        RunningGateway(budgeted(sim, 1.0), database_dsn=stored.application) as gateway,
        connected(stored.superuser) as connection,
        connection.transaction(),
    ):
        await connection.execute("LOCK TABLE generation IN ACCESS EXCLUSIVE MODE")
        reply = await post(gateway, chat(), key=mint("acme").reveal())
        assert (reply.status, reply.error()["code"]) == (503, "keys_unavailable")
