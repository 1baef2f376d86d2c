"""Several requests for one reply: what all of them used is one record, and money is held for each."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from storage.database import Database
from tests.gateway.wire import chat, exchange, post, request, settled
from tests.postgres import Stored
from tests.running import ProviderSim, RunningGateway
from tests.spending.test_spending import balance, budgeted, cost_of, posted

_MODEL = "claude-haiku-4-5"


def fanning_out(sim: ProviderSim, usd: float) -> dict[str, Any]:
    made = budgeted(
        sim,
        usd,
        providers=[{"id": "sim", "dialect": "anthropic", "base_url": sim.url, "flavour": "sim"}],
        capabilities={"*": {"fanout": True}},
    )
    del made["pools"][1]
    made["models"] = [{"id": "smart", "targets": [f"sim/{_MODEL}"]}]
    return made


@pytest.fixture
async def gateway(sim: ProviderSim, stored: Stored) -> AsyncIterator[RunningGateway]:
    async with RunningGateway(fanning_out(sim, 1.0), database_dsn=stored.application) as running:
        yield running


def used(sim: ProviderSim) -> tuple[int, int]:
    stats = sim.stats()
    return stats["input_tokens"], stats["output_tokens"]


async def test_what_all_used_is_one_record(
    gateway: RunningGateway, sim: ProviderSim, database: Database
) -> None:
    reply = await post(gateway, chat(n=3))
    assert len(json.loads(reply.body)["choices"]) == 3
    (row,) = await posted(gateway, database)
    assert (row["input_tokens"], row["output_tokens"]) == used(sim)
    assert cost_of(reply) == row["cost_nusd"] == (await balance(database))[0]


async def test_the_same_of_a_stream(gateway: RunningGateway, sim: ProviderSim, database: Database) -> None:
    assert (await post(gateway, chat(n=3, stream=True))).status == 200
    (row,) = await posted(gateway, database)
    assert (row["input_tokens"], row["output_tokens"], row["source"]) == (*used(sim), "provider")


async def test_what_was_answered_before_one_failed_is_owed(
    gateway: RunningGateway, sim: ProviderSim, database: Database
) -> None:
    sim.fault(skip=2, status=503)
    assert (await post(gateway, chat(n=3))).status == 503
    (row,) = await posted(gateway, database)
    assert (row["outcome"], row["source"]) == ("upstream_overloaded", "provider")
    assert (row["input_tokens"], row["output_tokens"]) == used(sim)
    assert row["output_tokens"] > 0


@pytest.mark.parametrize("stream", [False, True])
async def test_who_goes_away_owes_what_was_answered(
    gateway: RunningGateway, sim: ProviderSim, database: Database, stream: bool
) -> None:
    sim.fault(skip=1, hang=-1)
    body = chat(n=3, stream=stream)
    reply = await exchange(gateway, request(body, headers="x-gateway-deadline-ms: 1500\r\n"))
    assert b"deadline" in reply.body
    (row,) = await posted(gateway, database)
    assert (row["source"], row["output_tokens"] > 0) == ("provider", True)
    await settled(gateway)


async def test_money_is_held_for_what_each_reads(sim: ProviderSim, stored: Stored) -> None:
    """Two dollars for a million tokens that are cached: for 100,000 bytes a fifth of a dollar is held."""
    long = chat("the sea and the lighthouse " * 3700, max_tokens=5)
    async with RunningGateway(fanning_out(sim, 0.4), database_dsn=stored.application) as gateway:
        refused = await post(gateway, {**long, "n": 3})
        assert refused.error()["code"] == "insufficient_quota"
        assert not sim.requests()
        assert (await post(gateway, long)).status == 200
