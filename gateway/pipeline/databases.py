"""The database of one worker and its replica, if there are such: opened together, closed together.

Opening waits for nothing; while one is away its own users know what to do.
"""

from collections.abc import Callable, Iterator

from gateway.metrics import Metrics, Reading
from gateway.settings.server import DatabaseStore
from storage.database import Database
from storage.reads import ReadRouter, Replica


class Databases:
    """`primary` and `reads` are None where there is no database; `reads` says which one a read goes to."""

    def __init__(self, store: DatabaseStore, dsn: str | None, monotonic: Callable[[], float]) -> None:
        self.dsn = dsn
        self.primary: Database | None = None
        self.reads: ReadRouter | None = None
        self._replica: Database | None = None
        if dsn is None:
            return
        self.primary = Database(dsn, prepared_statements=store.prepared_statements)
        if store.replica is not None:
            self._replica = Database(store.replica.reveal(), prepared_statements=store.prepared_statements)
        replicas = [] if self._replica is None else [Replica("replica", self._replica)]
        self.reads = ReadRouter(self.primary, replicas, monotonic)

    async def start(self) -> None:
        for database in (self.primary, self._replica):
            if database is not None:
                await database.start()
        if self.reads is not None:
            self.reads.start()

    async def close(self) -> None:
        if self.reads is not None:
            await self.reads.close()
        for database in (self._replica, self.primary):
            if database is not None:
                await database.close()

    def readings(self, metrics: Metrics) -> Iterator[Reading]:
        """No numbers of its own: it is known at a scrape whether they are away."""
        if self.primary is not None:
            metrics.degraded("database", "snapshot", self.primary.degraded is not None)
        if self._replica is not None:
            metrics.degraded("replica", "primary", self._replica.degraded is not None)
        return iter(())
