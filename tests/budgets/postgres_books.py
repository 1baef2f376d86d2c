"""The real books behind the interface of the model, for tests of both; each call waits for its answer."""

from collections import defaultdict
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar

from budgets.books import Books as StoredBooks
from budgets.books import Difference
from budgets.flush_batch import flush_batch
from budgets.holder import Holder
from budgets.slice import Budget, Grant, Want
from budgets.spool.record import Correct, Settle
from storage.database import EVERY_TENANT, Database
from tests.budgets.books import Account, Lease
from tests.postgres import Stored
from tests.storage.servers import LoopThread

_T = TypeVar("_T")
TABLES = ("usage_log", "budget_accounts", "budget_posted", "budget_slices", "workers", "spool_cursors")


class PostgresBooks:
    """`workers` is not told here: it is who was seen."""

    def __init__(self, stored: Stored, budgets: Iterable[Budget]) -> None:
        self.budgets = {budget.id: budget for budget in budgets}
        self._thread = LoopThread()
        self._database, self._owner = Database(stored.application), Database(stored.owner)
        self._wait(self._open())
        self._books = StoredBooks(self._database.flushes)

    async def _open(self) -> None:
        for database in (self._database, self._owner):
            await database.start()
            await database.answering()

    def _wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        return self._thread.run(work)

    def end(self) -> None:
        for database in (self._database, self._owner):
            self._wait(database.close())
        self._thread.end()

    def exchange(self, holder: str, wants: Sequence[Want]) -> list[Grant]:
        return self._wait(self._books.exchange(Holder.of(holder), wants)) or []

    def flush(self, entries: Iterable[Settle | Correct]) -> None:
        self._wait(self._books.flush(flush_batch(entries)))

    def close(self, holder: str) -> None:
        self._wait(self._books.close(Holder.of(holder)))

    def differences(self, since: date | None = None) -> list[Difference]:
        return self._wait(self._books.reconcile(since))

    def fetch(self, query: str) -> list[Mapping[Any, Any]]:
        async def read() -> list[Mapping[Any, Any]]:
            async with self._database.reads.transaction(EVERY_TENANT) as connection:
                return await connection.fetch(query)

        return self._wait(read())

    @property
    def posted(self) -> Mapping[Account, int]:
        rows = self.fetch(
            "SELECT account, period, sum(posted_nusd)::bigint AS n FROM budget_posted GROUP BY 1, 2"
        )
        return defaultdict(int, {(row["account"], row["period"]): row["n"] for row in rows})

    @property
    def leases(self) -> Mapping[Account, Mapping[str, Lease]]:
        found: defaultdict[Account, defaultdict[str, Lease]] = defaultdict(lambda: defaultdict(Lease))
        for row in self.fetch("SELECT * FROM budget_slices"):
            lease = Lease(row["granted_nusd"], row["returned_nusd"], row["spent_nusd"])
            found[row["account"], row["period"]][f"{row['worker']}/{row['epoch']}"] = lease
        return found

    @property
    def usage(self) -> Mapping[tuple[str, int, int], int]:
        rows = self.fetch("SELECT request_id, attempt, number, cost_nusd FROM usage_log")
        return {(row["request_id"], row["attempt"], row["number"]): row["cost_nusd"] for row in rows}

    def leased(self, account: Account) -> int:
        return sum(lease.held for lease in self.leases[account].values())

    def empty(self) -> None:
        """As if nothing had ever been in them."""
        for table in TABLES:
            self.meddle(f"DELETE FROM {table}")

    def meddle(self, statement: str) -> None:
        """What only the owner may do."""

        async def done() -> None:
            async with self._owner.admin.transaction(EVERY_TENANT) as connection:
                await connection.execute(statement)

        self._wait(done())
