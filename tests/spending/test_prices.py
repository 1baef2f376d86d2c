"""What is charged, end to end: by whose price, for every kind of token, in the tier that was answered."""

import json
from typing import Any

import pytest

from budgets.money import REQUEST_MAX
from storage.database import EVERY_TENANT, Database
from tests.gateway.wire import chat, chunk, exchange, post, request, settled, sse, whole_json
from tests.postgres import Stored
from tests.running import ADMIN_KEY, OTHER_KEY, TENANT_KEY, ProviderSim, RunningGateway, configuration
from tests.spending.test_spending import budgeted, cost_of, posted

#: US dollars for a million: so many nano-dollars are a thousandth of it for one.
OWN = {
    "id": "own", "input": 1, "output": 2, "cache_read": 0.5, "cache_write_5m": 1.25, "cache_write_1h": 3,
    "audio_in": 10, "image_in": 5, "reasoning": 2.5, "audio_out": 20, "image_out": 40, "per_search": 0.01,
    "above": [{"tokens": 10_000, "input": 2, "output": 4}], "multipliers": {"flex": 0.5, "priority": 2},
}  # fmt: skip
_CHOICE = {"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}
ANSWER = {"id": "c", "object": "chat.completion", "model": "m", "choices": [_CHOICE]}
#: What is asked, what is answered, and what the row then says.
ANSWERS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "/v1/chat/completions",
        {
            "usage": {
                "prompt_tokens": 100,
                "completion_tokens": 60,
                "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 10, "audio_tokens": 20},
                "completion_tokens_details": {"reasoning_tokens": 5, "audio_tokens": 30},
            }
        },
        {
            "input_tokens": 100,
            "output_tokens": 60,
            "cache_read_tokens": 40,
            "cache_write_5m_tokens": 10,
            "audio_input_tokens": 20,
            "reasoning_tokens": 5,
            "audio_output_tokens": 30,
            "tier": "",
            "cost_nusd": 30 * 1000 + 40 * 500 + 10 * 1250 + 20 * 10_000 + 25 * 2000 + 5 * 2500 + 30 * 20_000,
        },
    ),
    (
        "/v1/chat/completions",
        {"service_tier": "flex", "usage": {"prompt_tokens": 100, "completion_tokens": 60}},
        {"tier": "flex", "cost_nusd": (100 * 1000 + 60 * 2000) // 2},
    ),
    (  # a tier that was asked for and not given costs as what was given
        "/v1/chat/completions",
        {"service_tier": "default", "usage": {"prompt_tokens": 100, "completion_tokens": 60}},
        {"tier": "", "cost_nusd": 100 * 1000 + 60 * 2000},
    ),
    (
        "/v1/chat/completions",
        {"usage": {"prompt_tokens": 10_001, "completion_tokens": 1}},
        {"cost_nusd": 10_001 * 2000 + 4000},
    ),
    (
        "/v1/responses",
        {
            "object": "response",
            "output": [
                {"type": "web_search_call", "action": {"type": "search"}},
                {"type": "web_search_call"},
            ],
            "usage": {"input_tokens": 50, "output_tokens": 10},
            "service_tier": "priority",
        },
        {"searches": 2, "tier": "priority", "cost_nusd": 2 * (50 * 1000 + 10 * 2000) + 2 * 10_000_000},
    ),
    (
        "/v1/images/generations",
        {
            "data": [],
            "usage": {
                "input_tokens": 30,
                "output_tokens": 200,
                "input_tokens_details": {"text_tokens": 10, "image_tokens": 20},
            },
        },
        {
            "image_input_tokens": 20,
            "image_output_tokens": 200,
            "cost_nusd": 10 * 1000 + 20 * 5000 + 200 * 40_000,
        },
    ),
]


def asked(path: str) -> dict[str, Any]:
    if path == "/v1/responses":
        return {"model": "smart", "input": "Hi.", "tools": [{"type": "web_search"}]}
    return {"model": "smart", "prompt": "A lighthouse."} if "images" in path else chat(service_tier="flex")


@pytest.mark.parametrize(("path", "answer", "says"), ANSWERS)
async def test_every_kind_has_its_price(
    sim: ProviderSim,
    stored: Stored,
    database: Database,
    path: str,
    answer: dict[str, Any],
    says: dict[str, Any],
) -> None:
    async with RunningGateway(budgeted(sim, 10, prices=[OWN]), database_dsn=stored.application) as gateway:
        sim.script(raw=whole_json(json.dumps({**ANSWER, **answer}).encode()), path="*")
        reply = await exchange(gateway, request(asked(path), path=path))
        assert reply.status == 200
        (row,) = await posted(gateway, database)
        assert {name: row[name] for name in says} == says
        assert cost_of(reply) == row["cost_nusd"]
        assert (
            row["cost_nusd"] <= row["reserved_nusd"] or "responses" not in path
        )  # searches are reserved for
        assert row["source"] == "provider" and row["price_version"].startswith("own own ")


async def test_a_stream_costs_what_its_last_word_says(
    sim: ProviderSim, stored: Stored, database: Database
) -> None:
    usages = [{"prompt_tokens": 9, "completion_tokens": written} for written in (1, 2, 3)]
    events = [chunk("a", usage=usage, service_tier="priority") for usage in usages]
    events = [chunk("a", usage=None), *events, chunk(finish_reason="stop", usage=None)]
    async with RunningGateway(budgeted(sim, 10, prices=[OWN]), database_dsn=stored.application) as gateway:
        sim.script(raw=sse(*events), path="*")
        assert (await post(gateway, chat(stream=True))).status == 200
        (row,) = await posted(gateway, database)
        assert (row["tier"], row["cost_nusd"]) == ("priority", 2 * (9 * 1000 + 3 * 2000))


async def test_the_most_particular_price_holds_and_a_changed_one_at_once(
    sim: ProviderSim, stored: Stored, database: Database
) -> None:
    prices = [
        {"id": "house", "input": 1, "output": 1},
        {"id": "theirs", "tenant": "b", "model": "gpt-4o*", "input": 3, "output": 3},
        {
            "id": "to-come",
            "tenant": "b",
            "since": "2999-01-01",
            "model": "gpt-4o-mini",
            "input": 9,
            "output": 9,
        },
    ]
    config = configuration(sim.openai_url, prices=prices)
    config["models"] = [{"id": "smart", "targets": ["sim/gpt-4o-mini"]}]
    async with RunningGateway(config, database_dsn=stored.application) as gateway:
        for key in (TENANT_KEY, OTHER_KEY):
            assert (await post(gateway, chat(), key=key)).status == 200
        prices[0]["input"] = prices[0]["output"] = 2
        gateway.write(config)
        assert await gateway.app.reload() is None
        await post(gateway, chat())
        found = await posted(gateway, database)
        tokens = [row["input_tokens"] + row["output_tokens"] for row in found]
        by_time = sorted(zip(found, tokens, strict=True), key=lambda pair: pair[0]["started_at"])
        assert [row["cost_nusd"] / count for row, count in by_time] == [1000, 3000, 2000]
        versions = [row["price_version"] for row, _ in by_time]
        assert [version.split()[1] for version in versions] == ["house", "theirs", "house"]
        assert versions[0] != versions[2]  # what the first was charged stays explicable


async def test_a_price_of_the_list_is_recorded_with_the_version_of_the_list(
    sim: ProviderSim, stored: Stored, database: Database
) -> None:
    async with RunningGateway(budgeted(sim, 1), database_dsn=stored.application) as gateway:
        await post(gateway, chat())
        (row,) = await posted(gateway, database)
        assert row["price_version"].startswith("genai-prices ") and "gpt-4o-mini" in row["price_version"]
        assert row["price_known"]


async def test_an_unknown_price_is_the_worst_and_said_so(
    sim: ProviderSim, stored: Stored, database: Database
) -> None:
    config = budgeted(sim, 1_000)
    config["models"] = [{"id": "smart", "targets": ["sim/nobody-knows-me"]}]
    async with RunningGateway(config, database_dsn=stored.application) as gateway:
        await post(gateway, chat(max_tokens=5))
        (row,) = await posted(gateway, database)
        assert (
            row["price_version"].startswith("unknown: ") and not row["price_known"] and row["cost_nusd"] > 0
        )


async def test_a_soft_budget_warns_at_eighty_and_at_a_hundred_percent(
    sim: ProviderSim, stored: Stored
) -> None:
    each = [{"id": "each", "input": 0, "output": 0, "per_request": 0.4}]
    config = budgeted(sim, 1, "soft", prices=each)
    async with RunningGateway(config, database_dsn=stored.application) as gateway:
        warned, used = [], []
        for streams in (False, True, False):
            reply = await post(gateway, chat(stream=streams))
            assert reply.status == 200
            warned.append(reply.headers.get("x-gateway-warnings"))
            await settled(gateway)
            page = await exchange(
                gateway, request(None, path="/metrics", method="GET", key=ADMIN_KEY), admin=True
            )
            (line,) = [
                one for one in page.body.decode().splitlines() if one.startswith("gateway_budget_used_ratio{")
            ]
            used.append(line)
        assert warned == [None, "budget=a:day 80%", "budget=a:day 100%"]
        name = 'gateway_budget_used_ratio{budget="a:day"}'
        assert used == [f"{name} 0.4", f"{name} 0.8", f"{name} 1.2"]


_DEAR = {"id": "dear", "input": 1_000_000, "output": 1_000_000, "multipliers": {"priority": 1000}}


@pytest.mark.parametrize("enforce", ["hard", "soft"])
async def test_what_could_cost_more_than_can_be_charged_is_not_sent(
    sim: ProviderSim, stored: Stored, database: Database, enforce: str
) -> None:
    config = budgeted(sim, 1e9, enforce, prices=[{**_DEAR, "per_request": 100_000}])
    async with RunningGateway(config, database_dsn=stored.application) as gateway:
        reply = await post(gateway, chat(max_tokens=1_000_000_000, n=12))
        assert (reply.status, reply.error()["code"]) == (400, "invalid_value")
        assert "more than the $10,000,000.00 that a request may" in reply.error()["message"]
        assert sim.requests() == [] and await posted(gateway, database) == []
        assert (await post(gateway, chat(max_tokens=20))).status == 200
        assert len(await posted(gateway, database)) == 1


async def test_a_report_of_more_than_a_request_may_cost_is_charged_as_that(
    sim: ProviderSim, stored: Stored, database: Database
) -> None:
    usage = {"prompt_tokens": 10**9, "completion_tokens": 10**9}
    answer = {**ANSWER, "usage": usage, "service_tier": "priority"}
    config = budgeted(sim, 1e9, "soft", prices=[_DEAR])
    async with RunningGateway(config, database_dsn=stored.application) as gateway:
        sim.script(raw=whole_json(json.dumps(answer).encode()), path="*")
        assert (await post(gateway, chat(max_tokens=20))).status == 200
        (row,) = await posted(gateway, database)
        async with database.admin.transaction(EVERY_TENANT) as connection:
            charged = await connection.fetchval("SELECT posted_nusd FROM budget_posted")
        assert row["cost_nusd"] == charged == REQUEST_MAX
