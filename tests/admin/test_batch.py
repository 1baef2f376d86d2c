"""Several changes as one: all are made or none, each has its audit row, and nobody may do more by it."""

from typing import Any

import pytest

from gateway.api.rest.operation import BODY_BYTES_MAX
from tests.admin.conftest import Admin
from tests.admin.test_resources import PROVIDER

SECRET = "J7f3Kq9sLm2Xw8Zt5Bv4Nc6R"


def part(operation: str, id_: str | None = None, body: Any = None, **more: Any) -> dict[str, Any]:
    return {"operation": operation, "id": id_, "body": body or {}, **more}


MADE = [
    part("tenants.create", None, {"id": "bee"}),
    part("keys.create", "bee", {"id": "web"}),
    part("tenants.create", None, {"id": "client-a"}),
    part(
        "budgets.create", None, {"id": "day", "tenant": "bee", "key": "web", "period": "day", "limit_nusd": 5}
    ),
    part("tenants.suspend", "bee"),
]


async def tables(admin: Admin) -> list[Any]:
    names = ("tenants", "tenant_keys", "budgets", "providers", "audit_log", "idempotent_answers")
    return [await admin.rows(f"SELECT * FROM {name}") for name in names]


async def test_all_are_made_and_each_is_written_down(admin: Admin) -> None:
    reply = await admin.ask("POST", "/batch", {"changes": MADE})
    assert reply.status_code == 200, reply.text
    data = reply.json()["data"]
    assert [one["status"] for one in data] == [201, 201, 201, 201, 200]
    assert data[1]["body"]["secret"].startswith("kz_web_")
    assert (await admin.get("/tenants/bee"))["state"] == "suspended"
    assert (await admin.get("/budgets/day"))["key"] == "web"
    # In the order of the chains, and in each in that of the batch.
    assert sorted(await admin.deeds()) == [
        ("budgets.create", "budget/day", "done"), ("keys.create", "key/web", "done"),
        ("tenants.create", "tenant/bee", "done"), ("tenants.create", "tenant/client-a", "done"),
        ("tenants.suspend", "tenant/bee", "done"),
    ]  # fmt: skip
    rows = await admin.rows("SELECT action, request_id FROM audit_log WHERE tenant = 'bee' ORDER BY seq")
    assert [row["action"] for row in rows] == [
        "tenants.create", "keys.create", "budgets.create", "tenants.suspend"
    ]  # fmt: skip
    assert {row["request_id"] for row in rows} == {reply.headers["x-request-id"]}
    assert (await admin.get("/audit/verify"))["ok"] is True


async def test_one_that_is_refused_undoes_all(admin: Admin) -> None:
    before = await tables(admin)
    taken = [
        *MADE,
        part("keys.create", "client-a", {"secret": SECRET}),
        part("keys.create", "bee", {"secret": SECRET}),
    ]
    for parts, status, said in [
        ([*MADE, part("tenants.create", None, {"id": "bee"})], 409, "There is a tenant bee already."),
        (taken, 409, "There is a key of that value already."),
        ([*MADE, part("tenants.change", "bee", {"weight": 2})], 428, "Say with If-Match"),
        (
            [*MADE, part("tenants.change", "bee", {"weight": 2}, if_match='"7"')],
            412,
            "It was changed meanwhile",
        ),
        ([*MADE, part("keys.rotate", "nobody:web")], 404, "There is no such key."),
        ([*MADE, part("tenants.create", "bee", {"id": "c"})], 422, "It takes no id."),
        ([*MADE, part("tenants.suspend")], 422, "It needs an id."),
        ([*MADE, part("tenants.suspend", "bee", {"a": 1})], 422, "It takes no body."),
        ([*MADE, part("tenants.suspend", "bee\n")], 404, "There is nothing of that name."),
    ]:
        reply = await admin.ask("POST", "/batch", {"changes": parts})
        assert reply.status_code == status, reply.text
        detail = reply.json()["detail"]
        assert detail.startswith(f"changes[{len(parts) - 1}] (") and detail.endswith(" Nothing was done.")
        assert said in detail
        assert await tables(admin) == before
    wrong = [part("tenants.create", None, {"id": "bee", "weight": -1, "what": 1})]
    reply = await admin.ask("POST", "/batch", {"changes": wrong})
    assert {one["field"] for one in reply.json()["errors"]} == {
        "changes[0].body.weight",
        "changes[0].body.what",
    }


async def test_what_not_everybody_may_do_is_no_part(admin: Admin) -> None:
    await admin.tenant()
    for one in (
        part("tenants.delete", "client-a"), part("admin-keys.create", None, {"id": "x", "role": "owner"}),
        part("config.reload"), part("tenants.list"), part("batch", None, {"changes": MADE}),
    ):  # fmt: skip
        reply = await admin.ask("POST", "/batch", {"changes": [one]})
        assert (reply.status_code, "can be part of a batch" in reply.text) == (422, True), one
    auditor = await admin.of_role("auditor")
    assert (await admin.ask("POST", "/batch", {"changes": MADE}, key=auditor)).status_code == 403
    assert ("batch", "", "denied") in await admin.deeds()


async def test_what_the_role_may_not_do_is_denied_as_a_part_too(admin: Admin) -> None:
    await admin.tenant()
    operator = await admin.of_role("operator")
    before = len(await admin.deeds())
    owned = (
        part("tenants.delete", "client-a"),
        part("admin-keys.create", None, {"id": "x", "role": "owner"}),
    )
    for one in owned:
        reply = await admin.ask("POST", "/batch", {"changes": [*MADE[:1], one]}, key=operator)
        assert reply.status_code == 403
        assert reply.json()["detail"].startswith(f"changes[1] ({one['operation']}")
    assert (await admin.deeds())[before:] == [
        ("tenants.delete", "client-a", "denied"), ("admin-keys.create", "", "denied")
    ]  # fmt: skip
    assert {row["actor"] for row in (await admin.get("/audit?outcome=denied"))["data"]} == {"of-operator"}


async def test_a_dry_run_says_what_would_be_and_leaves_nothing(admin: Admin) -> None:
    before = await tables(admin)
    headers = {"idempotency-key": "once"}
    reply = await admin.ask("POST", "/batch", {"changes": MADE, "dry_run": True}, headers=headers)
    assert reply.json()["dry_run"] is True
    assert [one["body"] for one in reply.json()["data"]] == [None] * len(MADE)
    assert await tables(admin) == before
    reply = await admin.ask(
        "POST", "/batch", {"changes": [*MADE, part("tenants.resume", "c")], "dry_run": True}
    )
    assert reply.status_code == 404
    assert await tables(admin) == before
    assert (await admin.ask("POST", "/batch", {"changes": MADE}, headers=headers)).status_code == 200


async def test_repeated_it_is_done_once_and_tells_of_nobody(admin: Admin) -> None:
    headers = {"idempotency-key": "once"}
    first = await admin.ask("POST", "/batch", {"changes": MADE}, headers=headers)
    again = await admin.ask("POST", "/batch", {"changes": MADE}, headers=headers)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert [one["status"] for one in again.json()["data"]] == [one["status"] for one in first.json()["data"]]
    [kept] = await admin.rows("SELECT body FROM idempotent_answers")
    secret = first.json()["data"][1]["body"]["secret"]
    assert secret.encode() not in kept["body"] and b"client-a" not in kept["body"]


async def test_what_is_done_after_the_commit_is_done_for_each(admin: Admin) -> None:
    await admin.make("/providers", PROVIDER)
    pool = {"id": "p1", "provider": PROVIDER["id"], "secret": "env:KAZE_PROVIDER_KEY"}
    parts = [part("pools.create", None, pool), part("pools.disable", "p1")]
    assert (await admin.ask("POST", "/batch", {"changes": parts})).status_code == 200
    assert (await admin.get("/pools/p1"))["state"] == "disabled"


async def test_a_batch_may_be_larger_than_a_single_change(admin: Admin) -> None:
    filler = "x" * (BODY_BYTES_MAX // 150)
    parts = [
        part("tenants.create", None, {"id": f"t{number}", "name": filler[:190]}) for number in range(1100)
    ]
    assert len(str(parts)) > BODY_BYTES_MAX
    reply = await admin.ask("POST", "/batch", {"changes": parts, "dry_run": True})
    assert reply.status_code == 200, reply.text[:200]
    reply = await admin.ask("POST", "/tenants", {"id": "x", "name": "x" * BODY_BYTES_MAX})
    assert reply.status_code == 413


@pytest.mark.parametrize("body", [{}, {"changes": []}, {"changes": [{}]}, {"changes": MADE, "more": 1}])
async def test_what_is_no_batch_is_refused(admin: Admin, body: Any) -> None:
    assert (await admin.ask("POST", "/batch", body)).status_code == 422
