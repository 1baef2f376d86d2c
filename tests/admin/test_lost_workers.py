"""A worker whose spool is lost: who sees what it holds, who ends it, and that nothing is freed by that."""

import time

from budgets.books import Books
from budgets.flush_batch import flush_batch
from budgets.holder import Holder
from budgets.period import span
from budgets.slice import Budget, Want
from budgets.spool.claim import claim
from budgets.spool.record import Intent, Settle
from tests.admin.conftest import Admin
from tests.admin.test_commands import Kaze, as_json
from tests.configuration.operator import Operator
from tests.drills.test_postgres_faults import in_force

DAY = Budget("tenant:a", 1000, "day", tenant="a")
ALL = Budget("all", 5000, "total")
SOFT = Budget("soft", 10, "day", hard=False)
LOST = Holder("lost", 2)


def period(budget: Budget) -> str:
    return span(budget.period, time.time()).key


def spent(request_id: str, cost: int, *budgets: Budget) -> Settle:
    accounts = tuple((budget.id, period(budget)) for budget in budgets)
    begun = Intent(request_id, 1, int(time.time() * 1000), cost, accounts, str(LOST), tenant="a")
    return Settle(begun, cost, "provider")


async def leave(admin: Admin, worker: Holder = LOST) -> Books:
    """A worker that leased of two budgets, spent a little and is not heard of any more."""
    books = Books(admin.database.flushes)
    wants = [Want(one.id, period(one), 900, 900, 0, 1, one) for one in (ALL, SOFT, DAY)]
    assert await books.exchange(worker, wants) is not None
    return books


async def silent(admin: Admin, worker: str = LOST.worker) -> None:
    await admin.rows("UPDATE workers SET seen_at = now() - interval '1 minute' WHERE name = $1", worker)


async def test_all_that_a_lost_worker_held_is_spent(admin: Admin) -> None:
    books = await leave(admin)
    await books.flush(flush_batch([spent("r1", 100, ALL, SOFT, DAY)]))
    reply = await admin.ask("POST", "/lost-workers/lost/close")
    assert reply.status_code == 409 and "lives" in reply.json()["detail"]
    assert "lost" not in {one["id"] for one in (await admin.get("/lost-workers"))["data"]}
    await silent(admin)
    (shown,) = [one for one in (await admin.get("/lost-workers"))["data"] if one["id"] == "lost"]
    held = [(one["budget"], one["epoch"], one["held_nusd"]) for one in shown["slices"]]
    assert held == [("all", 2, 800), ("tenant:a", 2, 800)]
    assert shown["last_seen"] is not None and shown["recovers_here"] is False
    reply = await admin.ask("POST", "/lost-workers/lost/close")
    assert reply.status_code == 200, reply.text
    assert reply.json()["slices"] == shown["slices"]
    rows = await admin.rows(
        "SELECT account, posted_nusd, reserved_nusd, remaining_nusd FROM budget_balances"
        " WHERE enforce = 'hard' ORDER BY 1"
    )
    assert [tuple(row.values()) for row in rows] == [("all", 900, 0, 4100), ("tenant:a", 900, 0, 100)]
    rows = await admin.rows("SELECT tenant, key, cost_nusd FROM usage_log WHERE source = 'unreconciled'")
    assert [tuple(row.values()) for row in rows] == [("a", "", 800)]  # once, though two budgets paid for it
    assert await books.reconcile() == []
    assert ("lost-workers.close", "lost-worker/lost", "done") in await admin.deeds()
    assert await books.exchange(LOST, []) is None
    assert (await admin.ask("POST", "/lost-workers/lost/close")).status_code == 404

    await books.flush(flush_batch([spent("r2", 50, ALL, DAY)]))  # the spool turns up after all
    await books.close(LOST)
    rows = await admin.rows("SELECT posted_nusd, committed_nusd FROM budget_balances WHERE account = 'all'")
    assert [tuple(row.values()) for row in rows] == [(950, 950)]
    assert await books.reconcile() == []


async def test_a_worker_whose_spool_is_here_is_left_to_recovery(admin: Admin) -> None:
    mine = claim(admin.data_dir / "spool" / "spool-0900")
    assert mine is not None
    worker = mine.identity()
    await leave(admin, Holder(worker, 1))
    await silent(admin, worker)
    reply = await admin.ask("POST", f"/lost-workers/{worker}/close")
    assert reply.status_code == 409 and "on this machine" in reply.json()["detail"]
    (shown,) = [one for one in (await admin.get("/lost-workers"))["data"] if one["id"] == worker]
    assert shown["recovers_here"] is True
    mine.close()


async def test_what_was_held_of_a_keys_budget_is_that_keys(admin: Admin) -> None:
    await admin.make(
        "/budgets", {"id": "of-web", "tenant": "a", "key": "web", "period": "day", "limit_nusd": 1000}
    )
    await in_force(admin.gateway, Operator(admin.stored.application))
    of_web = Budget("of-web", 1000, "day", tenant="a")
    wants = [Want(one.id, period(one), 300, 300, 0, 1, one) for one in (ALL, of_web, DAY)]
    books = Books(admin.database.flushes)
    assert await books.exchange(LOST, wants) is not None
    await silent(admin)
    assert (await admin.ask("POST", "/lost-workers/lost/close")).status_code == 200
    [row] = (await admin.get("/usage?group_by=tenant,key"))["data"]
    assert (row["tenant"], row["key"], row["cost_nusd"]) == ("a", "web", 300)
    rows = await admin.rows("SELECT DISTINCT posted_nusd, reserved_nusd FROM budget_balances")
    assert [tuple(one.values()) for one in rows] == [(300, 0)]
    assert await books.reconcile() == []


async def test_page_by_page(admin: Admin) -> None:
    for name in ("one", "two"):
        await Books(admin.database.flushes).exchange(
            Holder(name, 1), [Want(ALL.id, period(ALL), 100, 100, 0, 1, ALL)]
        )
        await silent(admin, name)
    page = await admin.get("/lost-workers?limit=1")
    assert [one["id"] for one in page["data"]] == ["one"] and page["next"] == "one"
    page = await admin.get("/lost-workers?limit=1&after=one")
    assert [one["id"] for one in page["data"]] == ["two"] and page["next"] is None


async def test_from_the_shell(admin: Admin, kaze: Kaze) -> None:
    await leave(admin)
    await silent(admin)
    assert "tenant:a" in (await kaze("lost-worker", "list")).stdout
    assert (await as_json(kaze, "lost-worker", "close", "lost"))["id"] == "lost"
    assert "holds anything" in (await kaze("lost-worker", "close", "lost", status=1)).stderr
