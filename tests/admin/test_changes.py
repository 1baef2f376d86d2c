"""Changes and the audit trail: one row each, in the same transaction; asked twice, done once."""

import asyncio
import json
from typing import Any

import pytest

from storage.database import EVERY_TENANT, connected
from tests.admin.conftest import Admin
from tests.admin.test_authorisation import MAY, READS, SCRAPES, operations
from tests.admin.test_resources import MODEL, POOL, PROVIDER

#: Every change there is: method, path and body, in an order in which they can be done, by the operation's name.
#: `If-Match: *` is sent with each. The document of operations says when one is missing here.
CHANGES: list[tuple[str, str, str, Any, str]] = [
    ("providers.create", "POST", "/providers", PROVIDER, "provider/anthropic"),
    ("providers.change", "PATCH", "/providers/anthropic", {"echo_model": True}, "provider/anthropic"),
    ("pools.create", "POST", "/pools", POOL, "pool/speedrun-1"),
    ("pools.change", "PATCH", "/pools/speedrun-1", {"weight": 2.0}, "pool/speedrun-1"),
    ("pools.disable", "POST", "/pools/speedrun-1/disable", None, "pool/speedrun-1"),
    ("pools.drain", "POST", "/pools/speedrun-1/drain", None, "pool/speedrun-1"),
    ("pools.enable", "POST", "/pools/speedrun-1/enable", None, "pool/speedrun-1"),
    (
        "pools.rotate",
        "POST",
        "/pools/speedrun-1/rotate",
        {"secret": "env:KAZE_PROVIDER_NEW"},
        "pool/speedrun-1",
    ),
    ("pools.verify", "POST", "/pools/one/verify", None, "one"),
    ("pools.refresh", "POST", "/pools/one/refresh", None, "one"),
    ("models.create", "POST", "/models", MODEL, "model/org/m:y"),
    ("models.change", "PATCH", "/models/org/m:y", {"hint": "smart"}, "model/org/m:y"),
    ("tenants.create", "POST", "/tenants", {"id": "t"}, "tenant/t"),
    ("tenants.change", "PATCH", "/tenants/t", {"name": "T"}, "tenant/t"),
    ("tenants.suspend", "POST", "/tenants/t/suspend", None, "tenant/t"),
    ("tenants.resume", "POST", "/tenants/t/resume", None, "tenant/t"),
    ("keys.create", "POST", "/tenants/t/keys", {"id": "k"}, "key/k"),
    ("keys.change", "PATCH", "/keys/t:k", {"models": ["smart"]}, "key/k"),
    ("keys.rotate", "POST", "/keys/t:k/rotate", {}, "key/k"),
    ("keys.revoke", "POST", "/keys/t:k/revoke", None, "key/k"),
    ("keys.delete", "DELETE", "/keys/t:k", None, "key/k"),
    ("budgets.create", "POST", "/budgets", {"id": "b", "period": "day", "limit_nusd": 1}, "budget/b"),
    ("budgets.change", "PATCH", "/budgets/b", {"limit_nusd": 2}, "budget/b"),
    ("budgets.delete", "DELETE", "/budgets/b", None, "budget/b"),
    ("admin-keys.create", "POST", "/admin-keys", {"id": "ada", "role": "owner"}, "admin-key/ada"),
    ("admin-keys.revoke", "DELETE", "/admin-keys/ada", None, "admin-key/ada"),
    ("models.delete", "DELETE", "/models/org/m:y", None, "model/org/m:y"),
    ("pools.delete", "DELETE", "/pools/speedrun-1", None, "pool/speedrun-1"),
    ("providers.delete", "DELETE", "/providers/anthropic", None, "provider/anthropic"),
    ("tenants.delete", "DELETE", "/tenants/t", None, "tenant/t"),
    ("config.reload", "POST", "/config/reload", None, ""),
]
#: What is not done in the database is written down when it begins, too.
ELSEWHERE = {"pools.verify", "pools.refresh", "config.reload"}


async def test_every_change_writes_its_audit_row(admin: Admin) -> None:
    known = {name for name, *_ in await operations(admin)}
    changing = {name for name in known if MAY[name] not in (READS, SCRAPES)}
    reading = {"admin-keys.list", "admin-keys.read"}
    elsewhere = {"queue.cancel", "lost-workers.close", "batch"}
    assert {name for name, *_ in CHANGES} == changing - reading - elsewhere
    for name, method, path, body, on in CHANGES:
        before = len(await admin.deeds())
        reply = await admin.ask(method, path, body, headers={"if-match": "*"})
        assert reply.is_success, (name, reply.text)
        begun = [(name, on, "begun")] if name in ELSEWHERE else []
        assert (await admin.deeds())[before:] == [*begun, (name, on, "done")]
        [row] = (await admin.get("/audit?limit=1"))["data"]
        assert (row["actor"], row["actor_kind"], row["action"]) == ("root", "human", name)
        assert row["request_id"] == reply.headers["x-request-id"]
        assert row["source"] == "127.0.0.1"
    found = await admin.get("/audit/verify")
    assert (found["ok"], {chain["tenant"] for chain in found["chains"]}) == (True, {"*", "t"})
    lines = (admin.data_dir / "audit-anchors").read_text().splitlines()
    assert len(lines) == len(CHANGES) + len(ELSEWHERE)
    assert (admin.data_dir / "audit-anchors").stat().st_mode & 0o777 == 0o600


async def test_a_row_says_what_it_was_and_what_it_is(admin: Admin) -> None:
    await admin.tenant()
    await admin.change("/tenants/client-a", {"name": "A"})
    [row] = (await admin.get("/audit?action=tenants.change"))["data"]
    assert (row["details"]["before"]["name"], row["details"]["after"]["name"]) == ("", "A")
    assert (row["tenant"], row["object"], row["outcome"]) == ("client-a", "tenant/client-a", "done")


async def test_the_trail_is_listed_newest_first_and_by_what_is_looked_for(admin: Admin) -> None:
    for name in ("x", "y", "z"):
        await admin.tenant(name)
        await admin.make(f"/tenants/{name}/keys", {"id": "web"})
    objects = []
    after: str | None = ""
    while after is not None:
        page = await admin.get(f"/audit?limit=4&after={after}")
        objects += [row["object"] for row in page["data"]]
        after = page["next"]
    assert objects == ["key/web", "tenant/z", "key/web", "tenant/y", "key/web", "tenant/x"]
    assert len((await admin.get("/audit?tenant=y"))["data"]) == 2
    assert len((await admin.get("/audit?action=keys.create"))["data"]) == 3
    assert (await admin.ask("GET", "/audit?after=nonsense")).status_code == 400


async def test_what_cannot_be_written_down_is_not_done(admin: Admin) -> None:
    async with connected(admin.stored.superuser) as owner:
        await owner.execute(
            "CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;"
            "CREATE TRIGGER fails BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION fails()"
        )
    reply = await admin.ask("POST", "/tenants", {"id": "t"})
    assert (reply.status_code, "retry-after" in reply.headers) == (503, True)
    assert (await admin.ask("GET", "/tenants/t")).status_code == 404
    assert (await admin.ask("POST", "/pools/one/verify")).status_code == 503


async def tampered(admin: Admin, statement: str) -> list[tuple[str, int]]:
    """What is found after somebody with all rights did that."""
    async with connected(admin.stored.superuser) as owner:
        await owner.execute(
            "SET session_replication_role = replica; SELECT set_config('app.tenant', '*', false);"
        )
        await owner.execute(statement)
    found = await admin.get("/audit/verify")
    assert found["ok"] is (not any(chain["findings"] for chain in found["chains"]))
    return [(one["kind"], one["seq"]) for chain in found["chains"] for one in chain["findings"]]


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("UPDATE audit_log SET body = replace(body, 'root', 'mary') WHERE seq = 2", ("altered", 2)),
        ("UPDATE audit_details SET details = '{}' WHERE seq = 2", ("altered", 2)),
        ("DELETE FROM audit_details WHERE seq = 3; DELETE FROM audit_log WHERE seq = 3", ("missing", 3)),
        ("DELETE FROM audit_details WHERE seq = 5; DELETE FROM audit_log WHERE seq = 5", ("truncated", 5)),
        ("TRUNCATE audit_log, audit_details", ("truncated", 5)),
        ("DROP TABLE audit_log CASCADE", ("dropped", 5)),
        ("DROP TABLE audit_details", ("dropped", 5)),
    ],
)
async def test_tampering_is_found(admin: Admin, statement: str, finding: tuple[str, int]) -> None:
    for number in range(5):
        await admin.make("/models", {"id": f"m{number}", "targets": ["sim/chat"]})
    assert (await admin.get("/audit/verify"))["ok"] is True
    assert finding in await tampered(admin, statement)


async def test_chains_without_anchors_are_not_whole(admin: Admin) -> None:
    await admin.make("/models", {"id": "m", "targets": ["sim/chat"]})
    await admin.tenant()
    (admin.data_dir / "audit-anchors").rename(admin.data_dir / "moved-away")
    found = await admin.get("/audit/verify")
    assert found["ok"] is False
    assert {(chain["tenant"], chain["ok"], chain["findings"][0]["kind"]) for chain in found["chains"]} == {
        ("*", False, "unanchored"), ("client-a", False, "unanchored")
    }  # fmt: skip
    (admin.data_dir / "moved-away").rename(admin.data_dir / "audit-anchors")
    assert (await admin.get("/audit/verify?tenant=client-a"))["ok"] is True
    assert (await admin.ask("GET", "/audit/verify?tenant=nosuch")).status_code == 404


async def test_rows_that_changed_places_are_found(admin: Admin) -> None:
    for number in range(3):
        await admin.make("/models", {"id": f"m{number}", "targets": ["sim/chat"]})
    swap = (
        "DELETE FROM audit_details;"
        "UPDATE audit_log SET body = replace(body, '\"seq\":1', '\"seq\":9') WHERE seq = 1;"
        "UPDATE audit_log SET body = replace(body, '\"seq\":2', '\"seq\":1') WHERE seq = 2;"
        "UPDATE audit_log SET body = replace(body, '\"seq\":9', '\"seq\":2') WHERE seq = 9"
    )
    assert {kind for kind, _ in await tampered(admin, swap)} >= {"altered", "rewritten"}


async def test_asked_twice_it_is_done_once(admin: Admin) -> None:
    await admin.tenant()
    once = {"idempotency-key": "abc"}
    first = await admin.ask("POST", "/tenants/client-a/keys", {"priority": "scheduled"}, headers=once)
    again = await admin.ask("POST", "/tenants/client-a/keys", {"priority": "scheduled"}, headers=once)
    assert (first.status_code, again.status_code) == (201, 201)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    secret = first.json()["secret"]
    assert (first.json()["secret_is_new"], first.json()["secret_shown"]) == (True, "now")
    assert again.json() == {**first.json(), "secret": None, "secret_shown": "already"}
    owner = {"id": "ci", "role": "auditor"}
    made = [await admin.ask("POST", "/admin-keys", owner, headers={"idempotency-key": "ci"}) for _ in "12"]
    assert [one.json()["secret_shown"] for one in made] == ["now", "already"]
    assert [one.json()["secret"] is None for one in made] == [False, True]
    assert secret[8:] not in json.dumps(await admin.rows("SELECT * FROM idempotent_answers"), default=str)
    assert len((await admin.get("/tenants/client-a/keys"))["data"]) == 1
    other = await admin.ask("POST", "/tenants/client-a/keys", {}, headers=once)
    assert other.status_code == 422
    elsewhere = await admin.ask("POST", "/tenants", {"id": "x"}, headers=once)
    assert elsewhere.status_code == 422
    key = await admin.of_role("owner")
    somebody_else = await admin.ask(
        "POST", "/tenants/client-a/keys", {"priority": "scheduled"}, key=key, headers=once
    )
    assert somebody_else.json()["id"] != first.json()["id"]


async def test_a_failure_is_not_kept(admin: Admin) -> None:
    once = {"idempotency-key": "abc"}
    assert (await admin.ask("POST", "/tenants", {"id": "!"}, headers=once)).status_code == 422
    assert (await admin.ask("POST", "/tenants", {"id": "t"}, headers=once)).status_code == 201
    for wrong in ("", "x" * 256):
        reply = await admin.ask("POST", "/tenants", {"id": "u"}, headers={"idempotency-key": wrong})
        assert reply.status_code == 400


async def test_twins_at_the_same_time_are_one(admin: Admin) -> None:
    once = {"idempotency-key": "abc"}
    replies = await asyncio.gather(
        *(admin.ask("POST", "/budgets", {"period": "day", "limit_nusd": 1}, headers=once) for _ in range(6))
    )
    assert {reply.status_code for reply in replies} == {201}
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert len((await admin.get("/budgets"))["data"]) == 1


async def test_an_expired_answer_counts_for_nothing(admin: Admin) -> None:
    once = {"idempotency-key": "abc"}
    await admin.ask("POST", "/tenants", {"id": "t"}, headers=once)
    async with admin.database.admin.transaction(EVERY_TENANT) as connection:
        await connection.execute("UPDATE idempotent_answers SET expires_at = now() - interval '1 s'")
    assert (await admin.ask("POST", "/tenants", {"id": "u"}, headers=once)).status_code == 201
