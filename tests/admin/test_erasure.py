"""What is written while its tenant is deleted tells of nobody afterwards either."""

import asyncio

from msgspec.structs import replace

from budgets.books import FLUSH, Books
from budgets.flush_batch import flush_batch
from storage import stored_responses
from storage.database import EVERY_TENANT, connected
from storage.stored_responses import Stored
from tests.admin.conftest import TENANT, Admin
from tests.budgets.entries import intent, settle

#: Whoever waits for a lock on the usage log.
WAITING = "SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'usage_log'::regclass"


async def deleted(admin: Admin) -> None:
    """Its deletion is committed; what is erased after that may be yet to come."""
    while not await admin.rows("SELECT 1 FROM tenants WHERE id = $1 AND state = 'deleted'", TENANT):
        await asyncio.sleep(0.01)


async def attributed(admin: Admin) -> set[tuple[str, str, int]]:
    rows = await admin.rows("SELECT agent, task, cost_nusd FROM usage_log")
    return {(row["agent"], row["task"], row["cost_nusd"]) for row in rows}


async def test_a_flush_that_does_not_know_of_the_deletion_yet_is_waited_for(admin: Admin) -> None:
    await admin.tenant()
    of_it = replace(intent(1), tenant=TENANT, agent="ada", task="letter")
    batch = flush_batch([settle(of_it, 40)])
    async with admin.database.flushes.transaction(EVERY_TENANT) as flushing:
        await flushing.fetchval(FLUSH, batch.settled, batch.corrected, None, None, None)
        deleting = asyncio.create_task(admin.ask("DELETE", f"/tenants/{TENANT}"))
        await deleted(admin)
        # One that begins now comes after those who wait.
        while not deleting.done() and not await admin.rows(WAITING):
            await asyncio.sleep(0.01)
        later = replace(of_it, request_id="later")
        after = asyncio.create_task(Books(admin.database.flushes).flush(flush_batch([settle(later, 50)])))
        assert not deleting.done()
    assert (await deleting).status_code == 204
    assert await after == 1
    assert await attributed(admin) == {("", "", 40), ("", "", 50)}
    assert await Books(admin.database.flushes).reconcile() == []


async def test_what_cannot_be_waited_for_is_erased_when_it_is_deleted_again(admin: Admin) -> None:
    """A flush that holds the log for longer than the server lets anybody wait."""
    await admin.tenant()
    of_it = replace(intent(1), tenant=TENANT, agent="ada", task="letter")
    batch = flush_batch([settle(of_it, 40)])
    async with admin.database.flushes.transaction(EVERY_TENANT) as flushing:
        await flushing.fetchval(FLUSH, batch.settled, batch.corrected, None, None, None)
        deleting = asyncio.create_task(admin.ask("DELETE", f"/tenants/{TENANT}"))
        async with connected(admin.stored.superuser) as watching:
            while not await watching.fetch(f"SELECT pg_cancel_backend(pid) FROM ({WAITING}) AS waiting"):
                await asyncio.sleep(0.01)
        refused = await deleting
        assert refused.status_code == 503 and "delete it again" in refused.json()["detail"]
    assert (await admin.ask("DELETE", f"/tenants/{TENANT}")).status_code == 204
    assert await attributed(admin) == {("", "", 40)}


async def test_kept_responses_go_with_their_tenant(admin: Admin) -> None:
    await admin.tenant()
    async with admin.database.flushes.transaction(EVERY_TENANT) as connection:
        both = [Stored(tenant, "resp_1", None, b"[]", b"[]", b"{}") for tenant in (TENANT, "another")]
        await stored_responses.keep(connection, both, 60.0)
    assert (await admin.ask("DELETE", f"/tenants/{TENANT}")).status_code == 204
    assert [row["tenant"] for row in await admin.rows("SELECT tenant FROM stored_responses")] == ["another"]
