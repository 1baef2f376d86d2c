"""Rows that are written behind whoever leaves them: many in one transaction, the oldest first, within bounds.

With the database away they wait for it, as many as fit; then the oldest are given up, and their owner is told.
"""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from storage.connection import Connection
from storage.database import EVERY_TENANT, REFUSED, Database, DatabaseAwayError, DatabaseBusyError

_RETRY_S = 1.0
_CLOSE_S = 2.0
_BATCH = 64
_BATCH_BYTES = 16 * 1024 * 1024

log = logging.getLogger("gateway")


class Sized(Protocol):
    @property
    def size(self) -> int:
        """In bytes."""
        ...


Key = TypeVar("Key", bound=Hashable)
Row = TypeVar("Row", bound=Sized)


class WriteBehind(Generic[Key, Row]):
    """`what` names the rows in the log. `write` runs in a transaction that may write rows of every tenant.

    `tried` is called with the rows of each attempt, whatever came of it, and `given_up` with each row that fits no
    longer. Who changes the same rows in another transaction holds `writing`: the two could wait for each other.
    """

    def __init__(
        self,
        database: Database,
        what: str,
        write: Callable[[Connection, Sequence[Row]], Awaitable[None]],
        *,
        count_max: int,
        bytes_max: int,
        given_up: Callable[[Row], None],
        tried: Callable[[Sequence[Row]], None] | None = None,
    ) -> None:
        self._database = database
        self._what = what
        self._write = write
        self._count_max = count_max
        self._bytes_max = bytes_max
        self._given_up = given_up
        self._tried = tried
        self._waiting: dict[Key, Row] = {}  # oldest first
        self._wake = asyncio.Event()
        self.bytes = 0  # of what waits
        self.writing = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._waiting)

    def get(self, key: Key) -> Row | None:
        """What waits under that key."""
        return self._waiting.get(key)

    def add(self, key: Key, row: Row) -> None:
        """In place of what waits under that key."""
        self.drop(key)
        self._waiting[key] = row
        self.bytes += row.size
        while len(self._waiting) > self._count_max or self.bytes > self._bytes_max:
            oldest, given_up = next(iter(self._waiting.items()))
            self.drop(oldest)
            self._given_up(given_up)
        self._wake.set()

    def drop(self, key: Key) -> None:
        """It need not be written any more, or is."""
        row = self._waiting.pop(key, None)
        if row is not None:
            self.bytes -= row.size

    async def run(self) -> None:
        """Writes on, until it is cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                if not await self.write():
                    await asyncio.sleep(_RETRY_S)

    async def close(self) -> None:
        """When `run` has ended: what can be written in a moment still is."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                while self._waiting and await self.write():
                    pass

    async def write(self) -> bool:
        """The oldest that wait, in one transaction; False: later."""
        async with self.writing:
            batch = self._batch()
            rows = [row for _, row in batch]
            try:
                async with self._database.flushes.transaction(EVERY_TENANT) as connection:
                    await self._write(connection, rows)
            except (DatabaseAwayError, DatabaseBusyError) as error:
                log.debug("%s are stored later: %s", self._what, error)
                return False
            except REFUSED:
                log.exception("%s cannot be stored", self._what)
            finally:
                if self._tried is not None:
                    self._tried(rows)
            for key, row in batch:
                if self._waiting.get(key) is row:
                    self.drop(key)
            return True

    def _batch(self) -> list[tuple[Key, Row]]:
        batch: list[tuple[Key, Row]] = []
        size = 0
        for key, row in itertools.islice(self._waiting.items(), _BATCH):
            size += row.size
            if batch and size > _BATCH_BYTES:
                break
            batch.append((key, row))
        return batch
