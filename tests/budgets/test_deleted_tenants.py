"""What is settled after its tenant was deleted: counted and paid, and attributed to nobody."""

from msgspec.structs import replace

from budgets.books import Books
from budgets.flush_batch import flush_batch
from budgets.spool.record import Correct
from storage.database import EVERY_TENANT, Database
from tests.budgets.entries import intent, settle


async def test_it_is_written_without_agent_and_task(database: Database) -> None:
    async with database.admin.transaction(EVERY_TENANT) as connection:
        await connection.execute(
            "INSERT INTO tenants (id, state) VALUES ('a', 'deleted'), ('b', 'suspended')"
        )
    of_a = replace(intent(1), agent="ada", task="letter")
    others = [replace(of_a, request_id=f"of-{tenant}", tenant=tenant) for tenant in ("b", "in-the-file")]
    entries = [settle(of_a, 40), Correct(of_a, 1, -20, "bill"), *(settle(one, 40) for one in others)]
    await Books(database.flushes).flush(flush_batch(entries))
    async with database.reads.transaction(EVERY_TENANT) as connection:
        rows = await connection.fetch(
            "SELECT tenant, number, agent, task, cost_nusd FROM usage_log ORDER BY tenant, number"
        )
    assert [tuple(row.values()) for row in rows] == [
        ("a", 0, "", "", 40),
        ("a", 1, "", "", -20),
        ("b", 0, "ada", "letter", 40),
        ("in-the-file", 0, "ada", "letter", 40),
    ]
