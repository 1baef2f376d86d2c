"""Carries the spool to the books: a transaction for each thousand records, at the latest every few seconds.

The files are the queue, so nothing is lost and no memory taken while the database is away: it is tried again with
back-off, and what was taken is taken again. A record that the database refuses for what it is must not hold up all
others: it is set aside in a file, for people to look at, and told.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from budgets.books import Books
from budgets.flush_batch import FlushBatch
from budgets.holder import Holder
from budgets.spool.damaged import keep, say
from budgets.spool.segment import Damage, Position
from budgets.spool.tail import Tail
from budgets.spool.writer import SpoolWriter
from budgets.watch import Watch
from storage.database import DatabaseAwayError, DatabaseBusyError

FLUSH_S = 1.0
FLUSH_RECORDS = 1000
#: Records in the spool that are reason not to wait until it is time: of each two one is posted.
_MANY = 2 * FLUSH_RECORDS
#: Classes of PostgreSQL's error codes that are about what is said, not about how things are: data, integrity.
_REFUSALS = ("22", "23")
_BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

log = logging.getLogger(__name__)


class Posting:
    """Batches into the books; also of spools that are not this worker's."""

    def __init__(self, books: Books, refused: Path, watch: Watch, monotonic: Callable[[], float]) -> None:
        self._books = books
        self._refused = refused
        self._watch = watch
        self._monotonic = monotonic

    async def post(self, batch: FlushBatch, cursor: tuple[Holder, int] | None = None) -> None:
        """DatabaseAwayError and DatabaseBusyError: to be posted again."""
        began = self._monotonic()
        try:
            await self._books.flush(batch, cursor)
        except Exception as error:
            if getattr(error, "sqlstate", "")[:2] not in _REFUSALS:
                raise
            if len(batch) > 1:
                for part in batch.halves():
                    await self.post(part)
                return
            log.exception("a usage record is not taken by the database and set aside in %s", self._refused)
            await asyncio.to_thread(_set_aside, self._refused, batch)
            self._watch.refused((batch.settled + batch.corrected)[0])
            return
        self._watch.flushed(self._monotonic() - began, len(batch))


class Flusher:
    """Of one worker's own spool."""

    def __init__(
        self,
        tail: Tail,
        writer: SpoolWriter,
        posting: Posting,
        holder: Holder,
        watch: Watch,
        every_s: float = FLUSH_S,
    ) -> None:
        self._every_s = every_s
        self._tail = tail
        self._writer = writer
        self._posting = posting
        self._holder = holder
        self._watch = watch
        self._flushed = Position(holder.epoch, 0)
        self._many = asyncio.Event()
        writer.on_growth = self._grown

    def _grown(self) -> None:
        if self._writer.unflushed >= _MANY:
            self._many.set()

    async def run(self) -> None:
        """For ever."""
        failures = 0
        while True:
            if not failures:
                await self._until_due()
            try:
                await self.flush()
                failures = 0
            except Exception as error:
                known = isinstance(error, DatabaseAwayError | DatabaseBusyError | OSError)
                if not failures or not known:
                    log.warning("usage records wait in the spool: %s", error, exc_info=not known)
                await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
                failures += 1

    async def flush(self) -> None:
        """All that is in the spool now."""
        while await self._flush_some() >= FLUSH_RECORDS:
            pass

    async def _until_due(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._every_s):
                await self._many.wait()

    async def _flush_some(self) -> int:
        self._many.clear()
        batch, flushed, damage = await asyncio.to_thread(self._read)
        if len(batch):
            await self._posting.post(batch, (self._holder, flushed.sequence))
        self._tail.done()
        if damage:
            say(damage)
            self._watch.damaged(len(damage))
        if flushed > self._flushed:
            self._flushed = flushed
            self._writer.flushed(flushed)
        return len(batch)

    def _read(self) -> tuple[FlushBatch, Position, list[Damage]]:
        """In a thread."""
        taken = self._tail.take(FLUSH_RECORDS)
        keep(taken.damage)
        return FlushBatch.of(taken.records), taken.flushed, taken.damage


def _set_aside(path: Path, batch: FlushBatch) -> None:
    with path.open("a") as file:
        file.writelines(f"{one}\n" for one in batch.settled + batch.corrected)
        file.flush()
        os.fsync(file.fileno())
