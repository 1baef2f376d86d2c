"""What the configuration file names stands beside what the database holds: shown, and changed in the file alone."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx2
import pytest

from gateway.api.admin import Administered, admin_app
from gateway.api.resources.configured import Configured
from gateway.settings.schema import ConfigFile
from storage.reads import ReadRouter
from tests.admin.conftest import Admin
from tests.clock import LoopClock, until
from tests.gateway.wire import chat, post
from tests.running import ProviderSim, RunningGateway, configuration

BUDGETS = [{"period": "month", "usd": 5}, {"period": "month", "usd": 1, "enforce": "soft"}]


@pytest.fixture
async def beside(admin: Admin, sim: ProviderSim) -> AsyncIterator[Admin]:
    """The same gateway, asked by an application that knows what the file says."""
    config = configuration(sim.openai_url)
    config["tenants"][0]["budgets"] = BUDGETS
    file = ConfigFile.model_validate(json.loads(json.dumps(config)))
    clock, snapshot = LoopClock(), admin.gateway.settings.snapshot
    administered = Administered(ReadRouter(admin.database, [], clock.monotonic), admin.data_dir)
    app = admin_app(
        admin.gateway.settings.admin_key,
        admin.gateway.app.running,
        lambda: Configured(snapshot, file),
        clock,
        lambda: False,
        administered,
    )
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://admin") as client:
        yield replace(admin, client=client)


async def test_both_are_listed(beside: Admin) -> None:
    await beside.tenant("aa")
    listed = (await beside.get("/tenants"))["data"]
    assert [(row["id"], row["source"], row["version"]) for row in listed] == [
        ("a", "file", None), ("aa", "database", 1), ("b", "file", None)
    ]  # fmt: skip
    first = await beside.get("/tenants?limit=2")
    assert [row["id"] for row in first["data"]] == ["a", "aa"]
    assert [row["id"] for row in (await beside.get(f"/tenants?after={first['next']}"))["data"]] == ["b"]
    assert [row["source"] for row in (await beside.get("/models"))["data"]] == ["file", "file"]
    assert [row["id"] for row in (await beside.get("/tenants/a/keys"))["data"]] == ["web"]
    pools = (await beside.get("/pools"))["data"]
    assert [(row["id"], row["tenants"], row["live"]["in_flight"]) for row in pools] == [
        ("one", ["*"], 0), ("two", ["a"], 0)
    ]  # fmt: skip
    budgets = (await beside.get("/budgets"))["data"]
    assert [(row["id"], row["limit_nusd"], row["scope"]) for row in budgets] == [
        ("a:month", 5_000_000_000, "tenant"), ("a:month:soft", 1_000_000_000, "tenant")
    ]  # fmt: skip
    assert (await beside.get("/providers/sim"))["source"] == "file"
    assert (await beside.get("/keys/a:web"))["priority_max"] == "conversation"


async def test_what_the_file_says_is_changed_there(beside: Admin) -> None:
    anything = {"if-match": "*"}
    for method, path, body in (
        ("PATCH", "/tenants/a", {"weight": 2.0}), ("DELETE", "/tenants/a", None), ("POST", "/tenants", {"id": "a"}),
        ("PATCH", "/pools/one", {"weight": 2.0}), ("DELETE", "/providers/sim", None),
        ("POST", "/pools/one/rotate", {"secret": "env:KAZE_PROVIDER_X"}), ("DELETE", "/models/smart", None),
        ("POST", "/tenants/a/keys", {"id": "web"}), ("POST", "/keys/a:web/rotate", {}),
        ("DELETE", "/keys/a:web", None), ("POST", "/models", {"id": "smart", "targets": ["sim/chat"]}),
    ):  # fmt: skip
        reply = await beside.ask(method, path, body, headers=anything)
        # The same things are there without a file, so it says what to do then, too.
        said = "change it in its configuration file, and if it has none" in reply.json()["detail"]
        assert (reply.status_code, said) == (409, True), path
    assert await beside.deeds() == []


async def test_its_state_is_the_databases(beside: Admin) -> None:
    assert (await beside.ask("POST", "/tenants/a/suspend")).json()["state"] == "suspended"
    assert (await beside.get("/tenants/a"))["state"] == "suspended"
    suspended = {row["id"]: row["state"] for row in (await beside.get("/tenants"))["data"]}
    assert suspended == {"a": "suspended", "b": "active"}
    drained = (await beside.ask("POST", "/pools/two/drain")).json()
    assert (drained["state"], drained["tenants"], drained["source"]) == ("draining", ["a"], "file")
    assert (await beside.ask("POST", "/pools/two/enable")).json()["state"] == "enabled"
    assert {row["state"] for row in await beside.rows("SELECT state FROM pools")} == {"enabled"}


async def test_a_cancellation_is_written_down(admin: Admin, sim: ProviderSim) -> None:
    config = configuration(sim.openai_url)
    config["pools"] = [{**config["pools"][0], "limits": {"concurrency": 1}}]
    async with (
        RunningGateway(config, database_dsn=admin.stored.application) as gateway,
        httpx2.AsyncClient(base_url=gateway.admin_url, trust_env=False, timeout=60.0) as client,
    ):
        here = replace(admin, client=client, gateway=gateway)
        first = asyncio.create_task(post(gateway, chat("[[sim:hang]]")))
        await until(lambda: gateway.app.live == 1)
        second = asyncio.create_task(post(gateway, chat()))
        found: list[str] = []
        while not found:
            found = [row["request_id"] for row in (await here.get("/queue"))["data"]]
        assert (await here.ask("DELETE", f"/queue/{found[0]}")).status_code == 204
        assert (await second).error()["code"] == "cancelled"
        told = [("queue.cancel", found[0], "begun"), ("queue.cancel", found[0], "done")]
        assert await here.deeds() == told
        assert (await here.ask("DELETE", f"/queue/{found[0]}")).status_code == 404
        assert await here.deeds() == told
        gateway.app.end_streams()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
