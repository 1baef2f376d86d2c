"""What dead workers left: their spools are posted, then their slices closed, by whoever sits in their place.

In this order, and each again if it is interrupted: until all that a worker spent is posted, what it held is nobody
else's; of a start whose spool was damaged it stays charged. This worker's own earlier starts come first, then the
spools that no living process holds. With the database away everything stays where it is, and the next round tries
again.
"""

import asyncio
import logging
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from budgets.books import Books
from budgets.flush_batch import FlushBatch, flush_batch
from budgets.flusher import FLUSH_RECORDS, Posting
from budgets.holder import Holder
from budgets.spool.claim import Claim, claim, seats
from budgets.spool.damaged import damaged_epochs, kept_files, say
from budgets.spool.record import Correct, Settle
from budgets.spool.replay import Replay
from budgets.watch import Watch
from storage.database import DatabaseAwayError, DatabaseBusyError

ROUND_S = 10.0
#: A database that is not there yet when a worker starts is nothing to tell.
_TOLD_AT = 3
_BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

log = logging.getLogger(__name__)


class Recovery:
    """`own` is the directory of the worker `holder`, below `root` as all others."""

    def __init__(
        self, root: Path, own: Path, holder: Holder, books: Books, posting: Posting, watch: Watch
    ) -> None:
        self._root = root
        self._own = own
        self._holder = holder
        self._books = books
        self._posting = posting
        self._watch = watch
        self._one_at_a_time = asyncio.Lock()
        self._before_done = False
        self._closed: set[Holder] = set()  # one for each directory, at most

    async def run(self) -> None:
        """For ever."""
        failures = 0
        while True:
            try:
                await self.round()
                failures = 0
                await asyncio.sleep(ROUND_S)
            except Exception as error:
                known = isinstance(error, DatabaseAwayError | DatabaseBusyError | OSError)
                if failures == _TOLD_AT or not known:
                    log.warning("what dead workers left waits: %s", error, exc_info=not known)
                await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
                failures += 1

    async def round(self) -> None:
        """All that there is now."""
        async with self._one_at_a_time:
            if not self._before_done:
                before = Holder(self._holder.worker, self._holder.epoch - 1)
                if before.epoch:
                    await self._recover(self._own, before, before=self._holder.epoch)
                self._before_done = True
            for path in await asyncio.to_thread(seats, self._root):
                if path != self._own:
                    await self._sibling(path)
            self._watch.kept(await asyncio.to_thread(kept_files, self._root))

    async def _sibling(self, path: Path) -> None:
        taken = await asyncio.to_thread(claim, path)
        if taken is None:
            return  # it lives
        try:
            last = await asyncio.to_thread(_last_of, taken)
            if last.epoch and last not in self._closed:
                await self._recover(path, last, before=None)
                self._closed = {one for one in self._closed if one.worker != last.worker} | {last}
        finally:
            taken.close()

    async def _recover(self, path: Path, last: Holder, before: int | None) -> None:
        replay = await asyncio.to_thread(Replay, path, before)
        entries, count = replay.entries(), 0
        while len(batch := await asyncio.to_thread(_next, entries)):
            await self._posting.post(batch)
            count += len(batch)
        await asyncio.to_thread(replay.finish)
        if replay.damage:
            say(replay.damage)
            self._watch.damaged(len(replay.damage))
        await self._books.close(last, await asyncio.to_thread(damaged_epochs, path))
        if count:
            log.warning("%d usage records of a worker that died are posted", count)
            self._watch.recovered(count)


def _last_of(taken: Claim) -> Holder:
    return Holder(taken.identity(), taken.last_epoch())


def _next(entries: Iterator[Settle | Correct]) -> FlushBatch:
    """In a thread."""
    return flush_batch(islice(entries, FLUSH_RECORDS))
