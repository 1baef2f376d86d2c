"""What requests cost, end to end: budgets keep, every attempt is in the log once, and the caller is told."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import openai
import pytest
from prometheus_client import CollectorRegistry

from budgets.books import FLUSH, Difference
from budgets.money import NANO
from budgets.spool.record import Kind, encoded, said_in
from gateway.metrics import Metrics
from gateway.pipeline.money_watch import MoneyWatch
from storage.database import EVERY_TENANT, Database
from tests.budgets.entries import intent, settle
from tests.clock import until
from tests.gateway.wire import Line, Reply, chat, exchange, parsed, post, request, settled
from tests.postgres import Stored
from tests.running import ADMIN_KEY, PROVIDER_SECRET, ProviderSim, RunningGateway, configuration
from tests.sdk import anthropic_client, openai_client

_WATCHED = (
    "gateway_budget_overruns_total", "gateway_budget_overrun_nanodollars_total", "gateway_usage_unknown_total",
    "gateway_usage_recovered_total", "gateway_usage_refused_total", "gateway_spool_damaged_total",
    "gateway_budget_differences",
)  # fmt: skip
_MODEL = "gpt-4o-mini"


def budgeted(sim: ProviderSim, usd: float, enforce: str = "hard", **changes: Any) -> dict[str, Any]:
    """Tenant `a` may spend so much a day, on a model that has a price."""
    made = configuration(sim.openai_url, **changes)
    made["models"] = [{"id": "smart", "targets": [f"sim/{_MODEL}"]}]
    made["tenants"][0]["budgets"] = [{"period": "day", "usd": usd, "enforce": enforce}]
    return made


async def rows(database: Database) -> list[dict[str, Any]]:
    async with database.admin.transaction(EVERY_TENANT) as connection:
        found = await connection.fetch("SELECT * FROM usage_log ORDER BY request_id, attempt")
        return [dict(row) for row in found]


async def balance(database: Database) -> tuple[int, int]:
    """What of the tenant's budget is posted and committed."""
    async with database.admin.transaction(EVERY_TENANT) as connection:
        row = await connection.fetchrow("SELECT posted_nusd, committed_nusd FROM budget_balances")
        return row["posted_nusd"], row["committed_nusd"]


async def posted(gateway: RunningGateway, database: Database) -> list[dict[str, Any]]:
    """The usage log once everything has been written there."""
    await settled(gateway)
    await gateway.spending.treasury.flush()
    return await rows(database)


def cost_of(reply: Reply) -> int:
    return round(float(reply.headers["x-gateway-cost-usd"]) * NANO)


@pytest.fixture
async def gateway(sim: ProviderSim, stored: Stored) -> AsyncIterator[RunningGateway]:
    async with RunningGateway(budgeted(sim, 1.0), database_dsn=stored.application) as running:
        yield running


async def test_an_answer_says_what_it_cost_and_so_do_log_and_budget(
    gateway: RunningGateway, database: Database
) -> None:
    reply = await post(gateway, chat())
    assert reply.status == 200
    (row,) = await posted(gateway, database)
    cost = cost_of(reply)
    assert 0 < cost < NANO // 1000
    assert (row["cost_nusd"], row["source"], row["tenant"], row["key"]) == (cost, "provider", "a", "web")
    assert (row["provider"], row["model"], row["attempt"]) == ("sim", _MODEL, 1)
    assert row["overflow"] is False
    assert row["request_id"] == reply.headers["x-request-id"]
    assert (await balance(database))[0] == cost
    (line,) = await gateway.log_lines(1)
    assert round(line["cost_usd"] * NANO) == cost


async def test_a_stream_is_paid_for_at_its_end(gateway: RunningGateway, database: Database) -> None:
    reply = await post(gateway, chat(stream=True))
    assert reply.status == 200 and "x-gateway-cost-usd" not in reply.headers
    (row,) = await posted(gateway, database)
    assert row["cost_nusd"] > 0 and row["output_tokens"] > 0


async def test_an_answer_that_does_not_have_its_form_is_paid_for(
    sim: ProviderSim, stored: Stored, database: Database
) -> None:
    config = budgeted(sim, 1.0)
    config["providers"][0] |= {"dialect": "anthropic", "base_url": sim.url}
    config["models"] = [{"id": "smart", "targets": ["sim/claude-haiku-4-5"]}]
    async with RunningGateway(config, database_dsn=stored.application) as gateway:
        sim.script("Of course!", usage={"input": 7, "output": 9})
        reply = await post(gateway, chat(response_format={"type": "json_object"}))
        assert reply.status == 502
        (row,) = await posted(gateway, database)
        assert (row["input_tokens"], row["output_tokens"], row["source"]) == (7, 9, "provider")
        assert row["cost_nusd"] == (await balance(database))[0] > 0


async def test_a_budget_that_is_too_small_refuses_before_anything_is_sent(
    sim: ProviderSim, stored: Stored, database: Database
) -> None:
    async with RunningGateway(budgeted(sim, 0.000001), database_dsn=stored.application) as gateway:
        reply = await post(gateway, chat())
        assert reply.status == 429
        assert reply.error()["code"] == reply.error()["type"] == "insufficient_quota"
        assert reply.headers["x-should-retry"] == "false" and "retry-after" not in reply.headers
        assert reply.headers["x-gateway-budget-reset"].endswith("T00:00:00Z")
        assert "a:day" in reply.error()["message"]
        assert sim.requests() == [] and await posted(gateway, database) == []


async def test_101_budget_no_retry(sim: ProviderSim, stored: Stored) -> None:
    """What is used up stays so: SDKs are told not to come back, and ask once."""
    async with RunningGateway(budgeted(sim, 0.000001), database_dsn=stored.application) as gateway:
        before = 1
        while (await post(gateway, chat())).error()["code"] == "budget_unavailable":
            before += 1  # until the books are open: an SDK may come back by then
        async with openai_client(gateway, max_retries=3) as client:
            with pytest.raises(openai.RateLimitError) as refused:
                await client.chat.completions.create(**chat())
        assert refused.value.code == "insufficient_quota"
        async with anthropic_client(gateway, max_retries=3) as claude:
            with pytest.raises(anthropic.EnforcedSpendLimitReachedError):
                await claude.messages.create(**chat(max_tokens=10))
        await settled(gateway)
        lines = await gateway.log_lines(before + 2)
        assert [line["code"] for line in lines[before:]] == ["insufficient_quota"] * 2
        assert sim.requests() == []


async def test_a_budget_is_never_overspent_and_used_to_the_end(
    sim: ProviderSim, stored: Stored, database: Database
) -> None:
    usd = 0.002
    async with RunningGateway(budgeted(sim, usd), database_dsn=stored.application) as gateway:
        replies = await asyncio.gather(*(post(gateway, chat(max_tokens=200)) for _ in range(60)))
        served = [reply for reply in replies if reply.status == 200]
        assert {reply.status for reply in replies} <= {200, 429, 503}
        found = await posted(gateway, database)
        assert len(found) == len(served) >= 10
        spent, committed = await balance(database)
        assert spent == sum(row["cost_nusd"] for row in found) == sum(map(cost_of, served))
        assert spent <= committed <= int(usd * NANO)


async def test_a_soft_budget_warns_and_goes_on(sim: ProviderSim, stored: Stored) -> None:
    config = budgeted(sim, 0.0000001, "soft")
    async with RunningGateway(config, database_dsn=stored.application) as gateway:
        assert (await post(gateway, chat())).status == 200
        await settled(gateway)
        again = await post(gateway, chat())
        assert again.status == 200
        assert "budget=a:day 100%" in again.headers["x-gateway-warnings"]


async def test_what_is_free_passes_a_budget_that_is_used_up(
    sim: ProviderSim, stored: Stored, database: Database
) -> None:
    config = budgeted(sim, 0.000001)
    config["providers"].append({**config["providers"][0], "id": "own", "local": True, "flavour": "vllm"})
    config["pools"].append(
        {"id": "own", "provider": "own", "secret": "env:PROVIDER_KEY_2", "limits": {"concurrency": 4}}
    )
    config["models"][0]["overflow"] = "own/small"
    async with RunningGateway(config, database_dsn=stored.application) as gateway:
        reply = await post(gateway, chat())
        assert reply.status == 200
        assert (reply.headers["x-gateway-overflow"], reply.headers["x-gateway-provider"]) == ("local", "own")
        (row,) = await posted(gateway, database)
        assert (row["cost_nusd"], row["provider"], row["overflow"]) == (0, "own", True)
        (line,) = await gateway.log_lines(1)
        assert line["overflow"] is True


async def test_a_hard_budget_is_not_passed_through_a_local_model_that_has_a_price(
    sim: ProviderSim, stored: Stored, database: Database
) -> None:
    usd = 0.002
    config = budgeted(sim, usd)
    config["providers"].append({**config["providers"][0], "id": "own", "local": True, "flavour": "vllm"})
    config["pools"] = [
        {"id": "one", "provider": "sim", "secret": "env:PROVIDER_KEY"},
        {"id": "own", "provider": "own", "secret": "env:PROVIDER_KEY_2"},
    ]
    config["models"][0] |= {"overflow": "own/small", "hint": "fast"}
    config["prices"] = [{"id": "own", "provider": "own", "model": "small", "input": 1, "output": 10}]
    async with RunningGateway(config, database_dsn=stored.application) as gateway:
        sim.fault(quota=True, credential=PROVIDER_SECRET)  # so that all of them overflow
        await asyncio.gather(*(post(gateway, chat(max_tokens=50)) for _ in range(40)))
        found = await posted(gateway, database)
        assert {row["provider"] for row in found} == {"own"}
        assert sum(row["cost_nusd"] for row in found) <= (await balance(database))[1] <= int(usd * NANO)


async def test_an_attempt_that_was_refused_costs_nothing(
    gateway: RunningGateway, database: Database, sim: ProviderSim
) -> None:
    reply = await post(gateway, chat("[[sim:status=500]]"))
    assert reply.status >= 500 and len(sim.requests()) >= 1
    assert await posted(gateway, database) == []
    assert (await balance(database))[0] == 0


async def test_metrics_tell_of_money(gateway: RunningGateway, database: Database) -> None:
    reply = await post(gateway, chat())
    await posted(gateway, database)
    page = await exchange(gateway, request(None, path="/metrics", method="GET", key=ADMIN_KEY), admin=True)
    text = page.body.decode()
    assert f'gateway_spend_nanodollars_total{{model="{_MODEL}",provider="sim"}} {cost_of(reply)}.0\n' in text
    assert 'gateway_budget_used_ratio{budget="a:day"}' in text
    assert "gateway_spool_records 0.0\n" in text
    assert 'gateway_degraded{dependency="spool",mode="damaged"} 0.0\n' in text
    for name in _WATCHED:
        assert f"{name} 0.0\n" in text


def test_all_that_money_tells_of_itself_is_counted() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry, lambda: 0)
    watched = MoneyWatch(metrics)
    metrics.also(watched.readings)
    told = watched.watch
    told.overrun("r1", 30)
    told.unknown("r2")
    told.recovered(3)
    told.refused("{}")
    told.damaged(2)
    told.kept(1)
    told.held(True)
    told.differ([Difference("b", "total", 1, 2, 2, 2)])
    assert [registry.get_sample_value(name) for name in _WATCHED] == [1, 30, 1, 3, 1, 2, 1]
    labels = {"dependency": "spool", "mode": "damaged"}
    assert registry.get_sample_value("gateway_degraded", labels) == 1
    assert registry.get_sample_value("gateway_degraded", {"dependency": "budgets", "mode": "leased"}) == 1
    told.kept(0)
    assert registry.get_sample_value("gateway_degraded", labels) == 0


async def test_a_budget_that_is_raised_serves_at_once_and_stays_raised(
    sim: ProviderSim, stored: Stored, database: Database
) -> None:
    config = budgeted(sim, 0.001)
    async with RunningGateway(config, database_dsn=stored.application) as gateway:
        statuses = []
        while 429 not in statuses:
            statuses.append((await post(gateway, chat())).status)
        config["tenants"][0]["budgets"][0]["usd"] = 1.0
        gateway.write(config)
        assert await gateway.app.reload() is None
        assert (await post(gateway, chat())).status == 200
        async with database.admin.transaction(EVERY_TENANT) as connection:
            assert await connection.fetchval("SELECT limit_nusd FROM budget_accounts") == NANO


async def test_a_budget_of_the_file_that_becomes_hard_knows_what_was_spent(
    sim: ProviderSim, stored: Stored
) -> None:
    config = budgeted(sim, 0.000001, "soft")
    async with RunningGateway(config, database_dsn=stored.application) as gateway:
        assert (await post(gateway, chat())).status == 200
        config["tenants"][0]["budgets"][0]["enforce"] = "hard"
        gateway.write(config)
        assert await gateway.app.reload() is None
        refused = await post(gateway, chat())
        assert refused.status == 429 and "budget a:day of" in refused.error()["message"]
        assert "is used up" in refused.error()["message"]


@pytest.mark.parametrize("usd", [0.5, 2.0])
async def test_a_request_of_before_a_change_does_not_bring_the_old_limit_back(
    sim: ProviderSim, stored: Stored, database: Database, usd: float
) -> None:
    """It was authenticated before, and the rest of its body comes when the change is in force."""
    config = budgeted(sim, 1.0)
    async with RunningGateway(config, database_dsn=stored.application) as gateway:
        assert (await post(gateway, chat())).status == 200
        await settled(gateway)
        async with Line(gateway) as line:
            sent = request(chat())
            line.send(sent[:-20])
            await until(lambda: gateway.app.pipeline.live)
            config["tenants"][0]["budgets"][0]["usd"] = usd
            gateway.write(config)
            assert await gateway.app.reload() is None
            line.send(sent[-20:])
            assert parsed(await line.rest()).status == 200
    async with database.admin.transaction(EVERY_TENANT) as connection:  # the books were told at the end
        assert await connection.fetchval("SELECT limit_nusd FROM budget_accounts") == usd * NANO


async def test_a_record_of_before_overflow_was_marked_is_read_and_posted(database: Database) -> None:
    said = settle(intent(1))
    begun, *rest = json.loads(encoded(said))
    old = json.dumps([begun[:-1], *rest])
    assert said_in(Kind.SETTLE, old.encode()) == said
    async with database.flushes.transaction(EVERY_TENANT) as connection:
        assert await connection.fetchval(FLUSH, [old], [], None, None, None) == 1
    (row,) = await rows(database)
    assert (row["cost_nusd"], row["overflow"]) == (said.cost, False)
