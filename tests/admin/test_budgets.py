"""Budgets in the admin API: how far each is used, and whose spending it counts."""

import asyncio

import pytest

from tests.admin.conftest import TENANT, Admin
from tests.admin.test_resources import faults

MONTHLY = {"period": "month", "limit_nusd": 100}
_UNKNOWN = "counts what was spent here before, by which key is not known any more: take another"


async def test_budgets_show_what_is_left(admin: Admin) -> None:
    await admin.tenant()
    made = await admin.make("/budgets", {"tenant": "client-a", "period": "total", "limit_nusd": 100})
    assert (made["scope"], made["remaining_nusd"], made["resets_at"]) == ("tenant", 100, None)
    await admin.rows(
        "INSERT INTO budget_accounts (account, period, tenant, limit_nusd, enforce, committed_nusd)"
        " VALUES ($1, $2, 'client-a', 100, 'hard', 70) RETURNING 1",
        made["id"], made["current_period"],
    )  # fmt: skip
    await admin.rows(
        "INSERT INTO budget_posted (account, period, worker, posted_nusd) VALUES ($1, $2, 'w', 30) RETURNING 1",
        made["id"], made["current_period"],
    )  # fmt: skip
    for found in (await admin.get(f"/budgets/{made['id']}"), (await admin.get("/budgets"))["data"][0]):
        spent = (found["posted_nusd"], found["reserved_nusd"], found["remaining_nusd"])
        assert spent == (30, 40, 30)
    changed = (await admin.change(f"/budgets/{made['id']}", {"limit_nusd": 60})).json()
    assert (changed["limit_nusd"], changed["remaining_nusd"]) == (60, 0)


async def test_nobody_inherits_what_another_spent(admin: Admin) -> None:
    await admin.tenant()
    await admin.make("/tenants", {"id": "client-b"})
    budget = {"id": "b1", "period": "total", "limit_nusd": 100}
    await admin.make("/budgets", {**budget, "tenant": "client-a"})
    await admin.rows(
        "INSERT INTO budget_accounts (account, period, tenant, limit_nusd, enforce)"
        " VALUES ('b1', 'total', 'client-a', 100, 'hard') RETURNING 1"
    )
    assert (await admin.ask("DELETE", "/budgets/b1")).status_code == 204
    refused = await admin.ask("POST", "/budgets", {**budget, "tenant": "client-b"})
    assert refused.status_code == 422 and "take another" in refused.text
    await admin.make("/budgets", {**budget, "tenant": "client-a"})  # whose it was goes on


async def test_no_key_inherits_what_another_or_its_whole_tenant_spent(admin: Admin) -> None:
    await admin.tenant()
    for name in ("web", "app"):
        await admin.make("/tenants/client-a/keys", {"id": name})
    scopes = ("web", "app", None)
    for key in scopes:
        budget = {**MONTHLY, "id": f"of-{key or 'all'}", "tenant": TENANT}
        made = await admin.make("/budgets", {**budget, "key": key})
        await admin.rows(
            "INSERT INTO budget_accounts (account, period, tenant, limit_nusd, enforce)"
            " VALUES ($1, $2, 'client-a', 100, 'hard') RETURNING 1", made["id"], made["current_period"],
        )  # fmt: skip
        assert (await admin.ask("DELETE", f"/budgets/{made['id']}")).status_code == 204
        for other in scopes:
            if other != key:
                refused = await faults(admin, "/budgets", {**budget, "key": other})
                assert refused == {"id": "counts what somebody else spent: take another"}
        await admin.make("/budgets", {**budget, "key": key})
        assert (await admin.change(f"/budgets/{made['id']}", {"limit_nusd": 200})).status_code == 200


async def test_of_whom_a_budget_was_that_nobody_remembers_its_tenant_may_have_it_and_no_key(
    admin: Admin,
) -> None:
    """It was deleted before scopes were remembered."""
    await admin.tenant()
    await admin.make("/tenants", {"id": "client-b"})
    await admin.make("/tenants/client-a/keys", {"id": "web"})
    for name, tenant in (("b1", TENANT), ("b2", "*")):
        await admin.rows(
            "INSERT INTO budget_accounts (account, period, tenant, limit_nusd, enforce)"
            " VALUES ($1, 'total', $2, 100, 'hard') RETURNING 1", name, tenant,
        )  # fmt: skip
    refused = await faults(admin, "/budgets", {**MONTHLY, "id": "b1", "tenant": TENANT, "key": "web"})
    assert refused == {"id": _UNKNOWN}
    for name, tenant in (("b1", "client-b"), ("b1", "*"), ("b2", TENANT)):
        refused = await faults(admin, "/budgets", {**MONTHLY, "id": name, "tenant": tenant})
        assert refused == {"id": "counts what somebody else spent: take another"}
    await admin.make("/budgets", {**MONTHLY, "id": "b1", "tenant": TENANT})
    await admin.make("/budgets", {**MONTHLY, "id": "b2", "tenant": "*"})
    assert (await admin.ask("DELETE", "/budgets/b1")).status_code == 204
    refused = await faults(admin, "/budgets", {**MONTHLY, "id": "b1", "tenant": TENANT, "key": "web"})
    assert refused == {"id": "counts what somebody else spent: take another"}  # now it is remembered


async def test_a_budget_that_nobody_spent_of_may_be_another_keys(admin: Admin) -> None:
    await admin.tenant()
    await admin.make("/tenants/client-a/keys", {"id": "web"})
    for key in ("web", None, "web"):
        await admin.make("/budgets", {**MONTHLY, "id": "b1", "tenant": TENANT, "key": key})
        assert (await admin.ask("DELETE", "/budgets/b1")).status_code == 204


async def test_a_budget_that_becomes_hard_knows_what_was_spent(admin: Admin) -> None:
    await admin.tenant()
    made = await admin.make(
        "/budgets", {"tenant": "client-a", "period": "total", "limit_nusd": 100, "enforce": "soft"}
    )
    account = made["id"], made["current_period"]
    await admin.rows(
        "INSERT INTO budget_accounts (account, period, tenant, limit_nusd, enforce)"
        " VALUES ($1, $2, 'client-a', 100, 'soft') RETURNING 1", *account,
    )  # fmt: skip
    await admin.rows(
        "INSERT INTO budget_posted (account, period, worker, posted_nusd) VALUES ($1, $2, 'w', 30) RETURNING 1",
        *account,
    )
    await admin.rows(
        "INSERT INTO budget_slices (account, period, worker, epoch, spent_nusd)"
        " VALUES ($1, $2, 'w', 1, 30) RETURNING 1", *account,
    )  # fmt: skip
    hard = (await admin.change(f"/budgets/{made['id']}", {"enforce": "hard"})).json()
    assert (hard["posted_nusd"], hard["reserved_nusd"], hard["remaining_nusd"]) == (30, 0, 70)


async def test_who_is_gone_has_no_budget(admin: Admin) -> None:
    await admin.tenant()
    for name in ("web", "former"):
        await admin.make("/tenants/client-a/keys", {"id": name})
    await admin.make("/budgets", {**MONTHLY, "id": "b1", "tenant": TENANT, "key": "former"})
    assert (await admin.ask("POST", "/keys/client-a:former/revoke")).status_code == 200
    of_former = {**MONTHLY, "tenant": TENANT, "key": "former"}
    assert await faults(admin, "/budgets", of_former) == {"key": "is revoked"}
    assert (await admin.change("/budgets/b1", {"limit_nusd": 200})).status_code == 422
    assert (await admin.ask("DELETE", f"/tenants/{TENANT}")).status_code == 204
    for key in (None, "web"):
        refused = await faults(admin, "/budgets", {**MONTHLY, "tenant": TENANT, "key": key})
        assert refused["tenant"].startswith("no such tenant")
    assert not await admin.rows("SELECT 1 FROM budgets")


@pytest.mark.parametrize("key", [None, "web"])
async def test_a_budget_made_while_its_tenant_is_deleted_is_refused(admin: Admin, key: str | None) -> None:
    await admin.tenant()
    await admin.make("/tenants/client-a/keys", {"id": "web"})
    async with admin.writing(TENANT):
        deleting = asyncio.create_task(admin.ask("DELETE", f"/tenants/{TENANT}"))
        await admin.waiting()
        making = asyncio.create_task(admin.ask("POST", "/budgets", {**MONTHLY, "tenant": TENANT, "key": key}))
        await asyncio.wait([making], timeout=0.5)
    assert ((await deleting).status_code, (await making).status_code) == (204, 422)
    assert not await admin.rows("SELECT 1 FROM budgets")


async def test_budgets_left_of_a_deleted_tenant_go_when_it_is_deleted_again(admin: Admin) -> None:
    await admin.tenant()
    assert (await admin.ask("DELETE", f"/tenants/{TENANT}")).status_code == 204
    await admin.rows(
        "INSERT INTO budgets (id, tenant, period, limit_nusd) VALUES ('left', $1, 'day', 1) RETURNING 1",
        TENANT,
    )
    assert (await admin.ask("DELETE", f"/tenants/{TENANT}")).status_code == 204
    assert not await admin.rows("SELECT 1 FROM budgets")


async def test_a_budget_made_again_has_the_new_limit_at_once(admin: Admin) -> None:
    await admin.tenant()
    budget = {**MONTHLY, "id": "b1", "tenant": TENANT}
    made = await admin.make("/budgets", {**budget, "limit_nusd": 30, "enforce": "soft"})
    account = made["id"], made["current_period"]
    await admin.rows(
        "INSERT INTO budget_accounts (account, period, tenant, limit_nusd, enforce)"
        " VALUES ($1, $2, 'client-a', 30, 'soft') RETURNING 1", *account,
    )  # fmt: skip
    await admin.rows(
        "INSERT INTO budget_posted (account, period, worker, posted_nusd) VALUES ($1, $2, 'w', 30) RETURNING 1",
        *account,
    )
    assert (await admin.ask("DELETE", "/budgets/b1")).status_code == 204
    again = await admin.make("/budgets", {**budget, "limit_nusd": 100})
    assert (again["posted_nusd"], again["reserved_nusd"], again["remaining_nusd"]) == (30, 0, 70)
    assert (await admin.get("/budgets/b1"))["remaining_nusd"] == 70
