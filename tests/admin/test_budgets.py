"""Budgets in the admin API: how far each is used, and whose spending it counts."""

from tests.admin.conftest import Admin


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
