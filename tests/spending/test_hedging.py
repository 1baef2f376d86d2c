"""Two attempts of one request are both paid for: each has its record, its cost and its part of the budget."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.admission.hedge import Hedging
from provider_sim import ProviderSim
from storage.database import Database
from tests.clock import passes, standing, until
from tests.gateway.test_hedging import SLOW_MS, in_flight
from tests.gateway.wire import Line, chat, parsed, post, request
from tests.postgres import Stored
from tests.running import RunningGateway, configuration
from tests.spending.test_spending import balance, cost_of, posted

_MODEL = "gpt-4o-mini"
#: Nano-dollars that are held for as many of the requests below.
_THREE_REQUESTS = 45_000_000


@pytest.fixture
async def slow() -> AsyncIterator[ProviderSim]:
    async with ProviderSim(latency_ms=SLOW_MS) as running:
        yield running


@pytest.fixture
async def warm() -> AsyncIterator[ProviderSim]:
    async with ProviderSim() as running:
        yield running


class Hedged:
    """A gateway whose route `smart` asks `first`, and then `second` beside it; both have a price.

    What it spent `before`, on `warm`: a first request may wait for money, a second attempt never does.
    """

    def __init__(
        self, first: ProviderSim, second: ProviderSim, warm: ProviderSim, stored: Stored, usd: float = 1.0
    ) -> None:
        config: dict[str, Any] = configuration(second.openai_url)
        for name, sim in (("first", first), ("warm", warm)):
            config["providers"].append(
                {"id": name, "dialect": "openai", "base_url": sim.openai_url, "flavour": "sim"}
            )
            config["pools"].append({"id": name, "provider": name, "secret": "env:PROVIDER_KEY"})
        config["models"] = [
            {"id": "smart", "targets": [f"first/{_MODEL}", f"sim/{_MODEL}"]},
            {"id": "warm", "targets": [f"warm/{_MODEL}"]},
        ]
        config["tenants"][0]["budgets"] = [{"period": "day", "usd": usd}]
        config["hedge"] = {"enabled": True}
        self.gateway = RunningGateway(config, database_dsn=stored.application)
        self.before = 0

    async def __aenter__(self) -> "Hedged":
        await self.gateway.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> None:
        await self.gateway.__aexit__(*raised)

    async def funded(self, database: Database, *, stocked: bool = True) -> None:
        """It knows what is usual at `first`, has used so much that it may hedge, and has money in memory."""
        assert (await post(self.gateway, chat(model="warm"))).status == 200
        (row,) = await posted(self.gateway, database)
        self.before = row["cost_nusd"]
        spending = self.gateway.spending
        budgets = tuple(spending._budgets.values())
        while stocked and spending.treasury.balances(budgets)[0].free < _THREE_REQUESTS:
            await passes(1)
            await asyncio.sleep(0.01)
        for _ in range(20):
            self.hedging.observe(f"first/{_MODEL}", 0, 0.001)
        for _ in range(50):
            self.hedging.sent()
        self.hedging.used(1_000_000)

    @property
    def hedging(self) -> Hedging:
        hedged = self.gateway.app.pipeline.generation.upstream._hedged
        assert hedged is not None
        return hedged._hedging

    def under_way(self) -> int:
        return sum(in_flight(self.gateway))

    async def quiet(self) -> None:
        await until(lambda: not self.under_way() and not self.gateway.app.live)

    async def rows(self, database: Database) -> list[dict[str, Any]]:
        """Of the hedged request; everything in the budget adds up, and nothing is held any more."""
        rows = [row for row in await posted(self.gateway, database) if row["provider"] != "warm"]
        assert (await balance(database))[0] == self.before + sum(row["cost_nusd"] for row in rows)
        assert self.open_reservations() == 0
        return rows

    def open_reservations(self) -> int:
        return self.gateway.spending.treasury.readings().open_reservations


@asynccontextmanager
async def both_asked(hedged: Hedged, first: ProviderSim, second: ProviderSim) -> AsyncIterator[Line]:
    """A caller whose request is at both, one after the other; time stands still from then on."""
    async with Line(hedged.gateway) as line:
        with standing():
            line.send(request(chat()))
            await until(first.requests)
            await passes(0.5)
            await until(second.requests)
            yield line


@pytest.mark.parametrize("streamed", [False, True])
async def test_both_are_in_the_log_and_in_the_budget(
    slow: ProviderSim, sim: ProviderSim, warm: ProviderSim, stored: Stored, database: Database, streamed: bool
) -> None:
    async with Hedged(slow, sim, warm, stored) as hedged:
        await hedged.funded(database)
        reply = await post(hedged.gateway, chat(stream=streamed))
        assert (reply.status, reply.headers["x-gateway-attempts"]) == (200, "2")
        await hedged.quiet()
        lost, won = await hedged.rows(database)
        assert (lost["attempt"], lost["provider"], lost["source"]) == (1, "first", "estimated")
        assert (won["attempt"], won["provider"], won["source"]) == (2, "sim", "provider")
        assert lost["cost_nusd"] > 0 and lost["output_tokens"] == 0  # it was read, for all that is known
        both = lost["cost_nusd"] + won["cost_nusd"]
        assert streamed or cost_of(reply) == both
        line = (await hedged.gateway.log_lines(2))[-1]
        assert line["cost_usd"] == pytest.approx(both / 1e9)


async def test_both_are_paid_for_when_the_caller_leaves(
    slow: ProviderSim, warm: ProviderSim, stored: Stored, database: Database
) -> None:
    async with ProviderSim(latency_ms=SLOW_MS) as other, Hedged(slow, other, warm, stored) as hedged:
        await hedged.funded(database)
        async with Line(hedged.gateway) as line:
            line.send(request(chat()))
            await until(lambda: slow.requests() and other.requests())
            line.writer.transport.abort()
            await hedged.quiet()
        rows = await hedged.rows(database)
        assert [row["attempt"] for row in rows] == [1, 2]
        assert all(row["cost_nusd"] > 0 and row["source"] == "estimated" for row in rows)


async def test_a_second_attempt_that_there_is_no_money_for_is_not_made(
    slow: ProviderSim, sim: ProviderSim, warm: ProviderSim, stored: Stored, database: Database
) -> None:
    async with Hedged(slow, sim, warm, stored, usd=0.03) as hedged:
        await hedged.funded(database, stocked=False)
        async with Line(hedged.gateway) as line:
            line.send(request(chat()))  # holds more than half of the budget
            await until(
                lambda: slow.requests() and hedged.hedging._requests < 0.9 and hedged.under_way() == 1
            )
            line.writer.transport.abort()
            await hedged.quiet()
        assert not sim.requests()
        (row,) = await hedged.rows(database)
        assert row["attempt"] == 1


@pytest.mark.parametrize("status", [500, 400])
async def test_a_first_one_that_is_refused_beside_the_second_gives_its_money_back(
    sim: ProviderSim, warm: ProviderSim, stored: Stored, database: Database, status: int
) -> None:
    async with ProviderSim() as first, Hedged(first, sim, warm, stored) as hedged:
        await hedged.funded(database)
        first.fault(status=status, delay_ms=10_000, count=1)
        sim.fault(delay_ms=50_000, count=1)
        async with both_asked(hedged, first, sim) as line:
            await passes(10)
            await until(lambda: hedged.under_way() == 1)
            assert hedged.open_reservations() == 1  # not that of the first any more
            await passes(50)
            assert parsed(await line.rest()).status == 200
        (row,) = await hedged.rows(database)
        assert (row["attempt"], row["provider"]) == (2, "sim")


async def test_two_that_answer_at_once_cost_what_each_of_them_says(
    sim: ProviderSim, warm: ProviderSim, stored: Stored, database: Database
) -> None:
    async with ProviderSim() as first, Hedged(first, sim, warm, stored) as hedged:
        await hedged.funded(database)
        first.fault(delay_ms=10_000, output=7, count=1)
        sim.fault(delay_ms=9_500, output=9, count=1)
        async with both_asked(hedged, first, sim) as line:
            await passes(20)
            assert parsed(await line.rest()).status == 200
        written = [row["output_tokens"] for row in await hedged.rows(database)]
        # Where one was a turn of the loop later it was given up, having been read for all that is known.
        assert written in ([7, 9], [7, 0], [0, 9])
