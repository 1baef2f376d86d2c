"""Resources from being made to being gone: shapes, rules, versions, and what stands in the way of what."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from keys.tenant_key import key_id_of
from tests.admin.conftest import Admin
from tests.clock import until

PROVIDER = {"id": "anthropic", "dialect": "anthropic", "base_url": "https://api.anthropic.com"}
#: A model server of ours.
OWN = {"id": "own", "dialect": "ollama", "base_url": "http://127.0.0.1:1", "local": True}
#: What rows may refer to.
FOR_ROWS = "env:KAZE_PROVIDER_X"
PROXY = {"egress_proxy": "http://127.0.0.1:3128"}
POOL = {
    "id": "speedrun-1",
    "provider": "anthropic",
    "secret": "vault:kv/llm/anthropic#key1",
    "limits": {"rpm": 4000, "itpm": 400_000},
    "windows": {"burst_s": 10.0},
    "models": ["claude-*"],
}
MODEL = {"id": "org/m:y", "targets": ["anthropic/claude-sonnet-5-5", "sim/chat"], "hint": "fast"}


async def faults(admin: Admin, path: str, body: Any) -> dict[str, str]:
    """By field, what a creation is refused for."""
    reply = await admin.ask("POST", path, body)
    assert reply.status_code == 422, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    return {fault["field"]: fault["detail"] for fault in reply.json().get("errors", ())}


async def test_a_thing_lives_from_creation_to_deletion(admin: Admin) -> None:
    for path, body, patch in (
        ("/providers", PROVIDER, {"echo_model": True}),
        ("/pools", POOL, {"limits": {"rpm": 5}, "weight": 2.5}),
        ("/models", MODEL, {"hint": "embed"}),
        ("/tenants", {"id": "client-a", "name": "A", "models": {"smart": ["sim/chat"]}}, {"weight": 3.0}),
        ("/budgets", {"id": "b", "period": "month", "limit_nusd": 5}, {"limit_nusd": 7, "enforce": "soft"}),
    ):
        made = await admin.ask("POST", path, body)
        assert made.status_code == 201, made.text
        assert made.headers["location"] == f"/admin/v1{path}/{body['id']}"
        assert made.headers["etag"] == '"1"'
        assert {name: made.json()[name] for name in body} == body
        again = await admin.ask("POST", path, body)
        assert again.status_code == 409
        one = f"{path}/{body['id']}"
        read = await admin.get(one)
        changed = await admin.change(one, patch)
        assert changed.status_code == 200, changed.text
        assert changed.headers["etag"] == '"2"'
        after = await admin.get(one)
        assert {name: after[name] for name in patch} == patch
        kept = read.keys() - patch.keys() - {"version", "updated_at", "remaining_nusd"}
        assert {name: after[name] for name in kept} == {name: read[name] for name in kept}
        assert [row["id"] for row in (await admin.get(path))["data"] if row["version"]] == [body["id"]]
    for one in ("/models/org/m:y", "/pools/speedrun-1", "/providers/anthropic", "/budgets/b"):
        assert (await admin.ask("DELETE", one)).status_code == 204
        assert (await admin.ask("GET", one)).status_code == 404
        assert (await admin.ask("DELETE", one)).status_code == 404


async def test_null_in_a_change_is_the_default_again(admin: Admin) -> None:
    await admin.make("/providers", PROVIDER)
    await admin.make("/pools", POOL)
    changed = (await admin.change("/pools/speedrun-1", {"limits": None, "models": None})).json()
    assert (changed["limits"], changed["models"]) == ({}, ["*"])
    refused = await admin.change("/pools/speedrun-1", {"secret": None})
    assert refused.status_code == 422
    assert "secret" in refused.json()["errors"][0]["field"]


async def test_a_provider_stays_local_while_routes_overflow_to_it(admin: Admin) -> None:
    await admin.make("/providers", OWN)
    await admin.make("/models", {"id": "fast", "targets": ["sim/chat"], "overflow": "own/small"})
    refused = await admin.change("/providers/own", {"local": False, "base_url": "https://own.example"})
    assert refused.status_code == 422
    [fault] = refused.json()["errors"]
    assert (fault["field"], fault["detail"]) == ("local", "must stay true while fast overflow to it")
    assert (await admin.change("/models/fast", {"overflow": None})).status_code == 200
    changed = await admin.change("/providers/own", {"local": False, "base_url": "https://own.example"})
    assert changed.status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/tenants", {"id": "Not An Id"}, "id"),
        ("/tenants", {}, "id"),
        ("/tenants", {"id": "a1", "wieght": 2.0}, "wieght"),
        ("/tenants", {"id": "a1", "weight": 0.0}, "weight"),
        ("/tenants", {"id": "a1", "models": {"none": ["sim/chat"]}}, "models.none"),
        ("/tenants", {"id": "a1", "models": {"smart": ["nowhere/chat"]}}, "models.smart[0]"),
        ("/tenants", {"id": "a1", "state": "active"}, "state"),
        ("/providers", {**PROVIDER, "base_url": "http://far.example"}, "base_url"),
        ("/providers", {**PROVIDER, "base_url": "https://user:password@far.example"}, "base_url"),
        ("/providers", {**PROVIDER, "api_version": "1"}, "api_version"),
        ("/providers", {**PROVIDER, "egress_proxy_auth": "sk-literal"}, "egress_proxy_auth"),
        ("/providers", {**PROVIDER, "ca_file": "relative.pem"}, "ca_file"),
        ("/pools", {**POOL, "secret": "sk-literal-secret-1234567890"}, "secret"),
        (
            "/pools",
            {"id": "p1", "provider": "sim", "tenants": ["*", "a"], "secret": FOR_ROWS},
            "tenants[0]",
        ),
        (
            "/pools",
            {"id": "p1", "provider": "sim", "tenants": ["nobody"], "secret": FOR_ROWS},
            "tenants[0]",
        ),
        ("/pools", {**POOL, "secret": "env:KAZE_ADMIN_KEY"}, "secret"),
        ("/pools", {**POOL, "secret": "file:/proc/self/environ"}, "secret"),
        ("/pools", {**POOL, "secret": "file:/tmp/../proc/1/environ"}, "secret"),
        (
            "/providers",
            {**PROVIDER, **PROXY, "egress_proxy_auth": "env:KAZE_KEY_PEPPER"},
            "egress_proxy_auth",
        ),
        ("/providers", {**PROVIDER, **PROXY, "egress_proxy_auth": "file:/dev/fd/0"}, "egress_proxy_auth"),
        ("/pools", {"id": "p1", "provider": "none", "secret": FOR_ROWS}, "provider"),
        (
            "/pools",
            {"id": "p1", "provider": "sim", "limits": {"rpm": -1}, "secret": FOR_ROWS},
            "limits.rpm",
        ),
        ("/models", {"id": "m1", "targets": []}, "targets"),
        ("/models", {"id": "m1", "targets": ["sim/a", "sim/a"]}, "targets[1]"),
        ("/models", {"id": "m1", "targets": ["sim/a"], "overflow": "none/b"}, "overflow"),
        ("/models", {"id": "m1", "targets": ["sim/a"], "overflow": "sim/b"}, "overflow"),
        ("/budgets", {"period": "month", "limit_nusd": -1}, "limit_nusd"),
        ("/budgets", {"period": "month", "limit_nusd": 1.5}, "limit_nusd"),
        ("/budgets", {"period": "week", "limit_nusd": 1, "anchor_day": 8}, "anchor_day"),
        ("/budgets", {"period": "day", "limit_nusd": 1, "key": "web"}, "key"),
        ("/budgets", {"period": "day", "limit_nusd": 1, "tenant": "a", "key": "none"}, "key"),
        ("/budgets", {"period": "day", "limit_nusd": 1, "tenant": "nobody"}, "tenant"),
        ("/admin-keys", {"id": "x1", "role": "god"}, "role"),
        ("/admin-keys", {"id": "x1", "role": "auditor", "expires_at": "2030-01-01T00:00:00"}, "expires_at"),
    ],
)
async def test_what_is_wrong_is_named_field_by_field(
    admin: Admin, path: str, body: dict[str, Any], field: str
) -> None:
    found = await faults(admin, path, body)
    assert field in found
    assert "sk-literal" not in str(found)
    # Nothing was done, so nothing is written down as done.
    assert await admin.deeds() == []


async def test_the_rule_that_refuses_a_place_is_named(admin: Admin) -> None:
    allowed = "(secrets.rows_may_read): vault:*, env:KAZE_PROVIDER_*"
    for place in ("env:HOME", "env:PROVIDER_KEY", "file:/etc/hostname", "file:/run/secrets/../../etc/shadow"):
        found = await faults(admin, "/pools", {"id": "p1", "provider": "sim", "secret": place})
        assert found == {"secret": f"is not among the places that rows may refer to {allowed}"}
    proxied = {**PROVIDER, **PROXY, "egress_proxy_auth": "env:HOME"}
    assert allowed in (await faults(admin, "/providers", proxied))["egress_proxy_auth"]
    await admin.make("/providers", PROVIDER)
    await admin.make("/pools", POOL)
    moved = await admin.ask("POST", "/pools/speedrun-1/rotate", {"secret": "env:HOME"})
    assert (moved.status_code, allowed in moved.text) == (422, True)


async def test_what_is_wrong_with_a_key_is_named(admin: Admin) -> None:
    await admin.tenant()
    for body, field in (
        ({"priority": "supervised", "priority_max": "scheduled"}, "priority"),
        ({"endpoints": ["chatter"]}, "endpoints[0]"),
        ({"addresses": ["10.0.0.1/8"]}, "addresses[0]"),
        ({"secret": "changeme-changeme-changeme"}, "secret"),
        ({"secret": "short"}, "secret"),
        ({"digest": "00"}, "digest"),
    ):
        assert field in await faults(admin, "/tenants/client-a/keys", body), body


async def test_what_is_needed_stays(admin: Admin) -> None:
    await admin.make("/providers", PROVIDER)
    await admin.make("/pools", POOL)
    await admin.make("/models", {"id": "pro", "targets": ["anthropic/x"]})
    refused = await admin.ask("DELETE", "/providers/anthropic")
    assert (refused.status_code, "pool speedrun-1" in refused.json()["detail"]) == (409, True)
    assert (await admin.ask("DELETE", "/pools/speedrun-1")).status_code == 204
    refused = await admin.ask("DELETE", "/providers/anthropic")
    assert (refused.status_code, "model pro" in refused.json()["detail"]) == (409, True)
    await admin.make("/tenants", {"id": "client-a", "models": {"pro": ["anthropic/y"]}})
    refused = await admin.ask("DELETE", "/models/pro")
    assert (refused.status_code, "client-a" in refused.json()["detail"]) == (409, True)


async def test_versions_keep_changes_from_being_lost(admin: Admin) -> None:
    await admin.tenant()
    path = "/tenants/client-a"
    assert (await admin.ask("PATCH", path, {"weight": 2.0})).status_code == 428
    stale = {"if-match": '"7"'}
    assert (await admin.ask("PATCH", path, {"weight": 2.0}, headers=stale)).status_code == 412
    assert (await admin.ask("DELETE", path, headers=stale)).status_code == 412
    assert (await admin.ask("POST", f"{path}/suspend", headers=stale)).status_code == 412
    assert (await admin.ask("PATCH", path, {"weight": 2.0}, headers={"if-match": "1"})).status_code == 400
    weak = {"if-match": 'W/"1"'}
    assert (await admin.ask("PATCH", path, {"weight": 2.0}, headers=weak)).status_code == 412
    assert (await admin.get(path))["weight"] == 1.0
    anything = {"if-match": "*"}
    assert (await admin.ask("PATCH", path, {"weight": 2.0}, headers=anything)).status_code == 200


async def test_of_changes_of_one_version_one_wins(admin: Admin) -> None:
    await admin.tenant()
    tag = {"if-match": '"1"'}
    replies = await asyncio.gather(
        *(
            admin.ask("PATCH", "/tenants/client-a", {"weight": float(weight)}, headers=tag)
            for weight in range(2, 10)
        )
    )
    statuses = sorted(reply.status_code for reply in replies)
    assert statuses == [200] + [412] * 7
    [won] = [reply.json() for reply in replies if reply.status_code == 200]
    assert (await admin.get("/tenants/client-a"))["weight"] == won["weight"]
    assert [action for action, *_ in await admin.deeds()].count("tenants.change") == 1


async def test_what_stays_cannot_be_changed(admin: Admin) -> None:
    await admin.tenant()
    for patch in ({"id": "other"}, {"state": "deleted"}, {"version": 9}, {"created_at": None}):
        assert (await admin.change("/tenants/client-a", patch)).status_code == 422, patch
    await admin.make("/budgets", {"id": "b", "tenant": "client-a", "period": "day", "limit_nusd": 1})
    assert (await admin.change("/budgets/b", {"tenant": "*"})).status_code == 422


async def test_a_tenant_is_suspended_and_resumed(admin: Admin) -> None:
    await admin.tenant()
    assert (await admin.ask("POST", "/tenants/client-a/suspend")).json()["state"] == "suspended"
    assert (await admin.ask("POST", "/tenants/client-a/resume")).json()["state"] == "active"
    assert (await admin.ask("POST", "/tenants/none/resume")).status_code == 404


async def test_a_key_is_shown_once(admin: Admin) -> None:
    await admin.tenant()
    made = await admin.make("/tenants/client-a/keys", {"id": "web", "limits": {"rpm": 60}})
    assert key_id_of(made["secret"]) == "web"
    assert made["tail"] == made["secret"][-4:]
    for path in ("/keys/client-a:web", "/keys/web"):
        read = await admin.get(path)
        assert (read["tenant"], read["limits"]["rpm"], "secret" in read) == ("client-a", 60, False)
    rotated = (await admin.ask("POST", "/keys/web/rotate", {"overlap_s": 60})).json()
    assert rotated["secret"] not in (None, made["secret"])
    assert rotated["old_until"] is not None
    at_once = (await admin.ask("POST", "/keys/web/rotate", {"overlap_s": 0})).json()
    assert datetime.fromisoformat(at_once["old_until"]) <= datetime.now(UTC)
    assert (await admin.change("/keys/web", {"models": ["smart"]})).json()["models"] == ["smart"]
    revoked = await admin.ask("DELETE", "/keys/web")
    assert revoked.json()["revoked_at"] is not None
    assert (await admin.ask("POST", "/keys/web/revoke")).json()["revoked_at"] == revoked.json()["revoked_at"]
    assert (await admin.ask("POST", "/keys/web/rotate", {})).status_code == 409
    assert (await admin.change("/keys/web", {"models": ["*"]})).status_code == 409
    everything = str(await admin.rows("SELECT * FROM audit_log LEFT JOIN audit_details USING (tenant, seq)"))
    for table in ("tenant_keys", "former_key_values"):
        everything += str(await admin.rows(f"SELECT * FROM {table}"))
    for secret in (made["secret"], rotated["secret"], at_once["secret"]):
        assert secret[8:-4] not in everything


async def test_a_key_of_the_callers_own_value(admin: Admin) -> None:
    await admin.tenant()
    value = "J7f3Kq9sLm2Xw8Zt5Bv4Nc6R"
    made = await admin.make("/tenants/client-a/keys", {"id": "web", "secret": value})
    assert (made["secret"], made["secret_is_new"], made["tail"]) == (None, False, "Nc6R")
    assert made["secret_shown"] == "never"
    twin = await admin.ask("POST", "/tenants/client-a/keys", {"id": "other", "secret": value})
    assert twin.status_code == 409
    same = await admin.ask("POST", "/keys/web/rotate", {"secret": value})
    assert same.status_code == 422


async def test_keys_of_one_id_are_told_apart_by_their_tenant(admin: Admin) -> None:
    for tenant in ("x", "y"):
        await admin.tenant(tenant)
        await admin.make(f"/tenants/{tenant}/keys", {"id": "web"})
    assert (await admin.ask("GET", "/keys/web")).status_code == 409
    assert (await admin.get("/keys/y:web"))["tenant"] == "y"
    assert (await admin.ask("GET", "/keys/x:none")).status_code == 404


async def test_a_key_for_a_tenant_of_the_file(admin: Admin) -> None:
    assert (await admin.make("/tenants/a/keys", {}))["tenant"] == "a"
    assert (await admin.ask("POST", "/tenants/nobody/keys", {})).status_code == 404


async def test_a_pool_is_put_out_of_service_and_back(admin: Admin) -> None:
    await admin.make("/providers", PROVIDER)
    await admin.make("/pools", POOL)
    for verb, state in (("drain", "draining"), ("disable", "disabled"), ("enable", "enabled")):
        assert (await admin.ask("POST", f"/pools/speedrun-1/{verb}")).json()["state"] == state
    elsewhere = await admin.ask("POST", "/pools/speedrun-1/rotate", {"secret": "env:KAZE_PROVIDER_OTHER"})
    assert (elsewhere.json()["secret"], elsewhere.json()["version"]) == ("env:KAZE_PROVIDER_OTHER", 5)


async def test_pools_in_service_stand_beside_those_of_the_database(admin: Admin) -> None:
    await admin.make("/providers", PROVIDER)
    await admin.make("/pools", {**POOL, "id": "one-more"})
    await until(lambda: admin.gateway.app.following.refused)  # there is no Vault, which the pool then shows
    listed = (await admin.get("/pools"))["data"]
    assert [(row["id"], row["version"], row["live"] is not None) for row in listed] == [
        ("one", None, True), ("one-more", 1, False), ("two", None, True)
    ]  # fmt: skip
    first = await admin.get("/pools?limit=2")
    second = await admin.get(f"/pools?limit=2&after={first['next']}")
    assert first["data"] + second["data"] == listed
    assert second["next"] is None
    verified = (await admin.ask("POST", "/pools/one/verify")).json()
    assert (verified["accepted"], verified["status"]) == (True, 200)
    assert (await admin.ask("POST", "/pools/one-more/verify")).status_code == 404


async def test_a_deleted_tenant_leaves_a_tombstone(admin: Admin) -> None:
    said, once = {"id": "client-a", "name": "Ada Lovelace"}, {"idempotency-key": "made"}
    assert (await admin.ask("POST", "/tenants", said, headers=once)).status_code == 201
    other, twice = {"id": "client-b"}, {"idempotency-key": "another"}
    assert (await admin.ask("POST", "/tenants", other, headers=twice)).status_code == 201
    await admin.make("/tenants/client-a/keys", {"id": "web"})
    await admin.make("/budgets", {"tenant": "client-a", "period": "total", "limit_nusd": 100})
    await admin.make("/providers", PROVIDER)
    await admin.make("/pools", {**POOL, "tenants": ["client-a"]})
    await admin.rows(
        "INSERT INTO usage_log (month, day, request_id, attempt, holder, tenant, key, agent, task, model,"
        " provider, pool, cost_nusd, price_version, source, started_at) VALUES ('2026-11-01', '2026-11-02', 'r', 1,"
        " 'w/1', 'client-a', 'web', 'ada', 'letter', 'm', 'p', 'k', 7, '1', 'provider', now()) RETURNING 1"
    )
    refused = await admin.ask("DELETE", "/tenants/client-a")
    assert (refused.status_code, "speedrun-1" in refused.json()["detail"]) == (409, True)
    await admin.change("/pools/speedrun-1", {"tenants": ["client-a", "b"]})
    assert (await admin.ask("DELETE", "/tenants/client-a")).status_code == 204
    stone = await admin.get("/tenants/client-a")
    assert (stone["state"], stone["name"]) == ("deleted", "")
    assert (await admin.get("/keys/client-a:web"))["revoked_at"] is not None
    assert (await admin.get("/pools/speedrun-1"))["tenants"] == ["b"]
    [used] = await admin.rows("SELECT agent, task, cost_nusd FROM usage_log")
    assert used == {"agent": "", "task": "", "cost_nusd": 7}
    everything = str(await admin.rows("SELECT * FROM audit_log LEFT JOIN audit_details USING (tenant, seq)"))
    assert "Lovelace" not in everything
    assert (await admin.get("/audit/verify"))["ok"] is True
    assert (await admin.ask("DELETE", "/tenants/client-a")).status_code == 204
    assert (await admin.ask("POST", "/tenants", {"id": "client-a"})).status_code == 409
    assert (await admin.ask("POST", "/tenants", said, headers=once)).status_code == 409
    assert (await admin.ask("POST", "/tenants", other, headers=twice)).status_code == 201
    assert (await admin.ask("POST", "/tenants/client-a/keys", {})).status_code == 409
    assert (await admin.ask("POST", "/tenants/client-a/resume")).status_code == 409


async def test_lists_go_on_where_they_stopped(admin: Admin) -> None:
    made = [f"t{number:02}" for number in range(7)]
    for name in made:
        await admin.tenant(name)
    names = ["a", "b", *made]  # the file's among them
    for limit in (1, 2, 3, 9, 50):
        seen: list[str] = []
        after: str | None = ""
        while after is not None:
            page = await admin.get(f"/tenants?limit={limit}&after={after}")
            assert len(page["data"]) <= limit
            seen += [row["id"] for row in page["data"]]
            after = page["next"]
        assert seen == names
    for wrong in ("limit=0", "limit=201", "limit=x", "limit=1&limit=2", "colour=red", "after=%00"):
        assert (await admin.ask("GET", f"/tenants?{wrong}")).status_code == 400, wrong
