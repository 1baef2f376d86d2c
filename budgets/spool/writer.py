"""The spool of a running worker: records are written at once, synced in groups, in a thread.

`kill -9` loses nothing that was written when `begin` or `resolve` returned; a power cut nothing that `durable`
waited for, which is at most `SYNC_S` or `SYNC_RECORDS` records behind. A disk that fails makes
`admitted_classes` say that nothing more may be admitted, until it works again; settlements that could not be
written are kept and tried again.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from budgets.spool.claim import sync_directory
from budgets.spool.cursor import write_cursor
from budgets.spool.journal import Journal, SpoolError
from budgets.spool.pressure import CLASSES, SpoolBounds, SpoolState, admitted_classes
from budgets.spool.record import Correct, Intent, Settle, Void
from budgets.spool.segment import Position

#: A sync costs a switch to its thread and back, so as seldom as is allowed (reference: every 5 to 20 ms).
SYNC_S = 0.02
SYNC_RECORDS = 256
#: How often it is looked how full the disk is; what asks does so four times a second.
_FREE_S = 0.25
#: How finely the age of what is not flushed is known, and how many marks that takes at most.
_MARK_S = 1.0
_MARKS_MAX = 4096
#: Settlements that wait for a disk that fails; a worker has fewer attempts under way.
_WAITING_MAX = 65_536
_NEVER = 1 << 62


class SpoolWriter:
    """Used on one event loop."""

    def __init__(
        self,
        directory: Path,
        journal: Journal,
        bounds: SpoolBounds | None = None,
        sync: Callable[[int], None] = os.fdatasync,
    ) -> None:
        self._directory = directory
        self._journal = journal
        self._bounds = bounds or SpoolBounds()
        self._sync = sync
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "spool-sync")
        self._timer: asyncio.TimerHandle | None = None
        self._syncing = False
        self._begun = 0  # the last record that a sync was begun for
        self._look_at = 1  # the record after which something is to be done about the next
        self._synced = journal.last
        self._sound = True
        self._deletions: list[Path] = []
        self._cursor: Position | None = None
        self._waiters: deque[tuple[Position, asyncio.Future[None]]] = deque()
        self._waiting: deque[Settle | Correct | Void] = deque()
        self._marks: deque[tuple[Position, float]] = deque()
        self._flushed = journal.last
        self._free_bytes = _free_bytes(directory)
        self._free_due = 0.0
        self._closed = False
        #: Called when a sync begins: there are more records than there were.
        self.on_growth: Callable[[], None] = _nobody

    def begin(self, intent: Intent) -> None:
        """Before anything is sent. SpoolError: it is not written, and nothing may be sent."""
        try:
            if self._waiting:
                self._retry()
            self._journal.begin(intent)
        except SpoolError:
            self._failed()
            raise
        if self._journal.sequence >= self._look_at:
            self._sync_later()

    def resolve(self, said: Settle | Void | Correct) -> None:
        """What came of it. When the disk fails, it is kept and tried again."""
        try:
            if self._waiting:
                self._retry()
            self._journal.resolve(said)
        except SpoolError:
            self._failed()
            if len(self._waiting) < _WAITING_MAX:
                self._waiting.append(said)
            return
        if self._journal.sequence >= self._look_at:
            self._sync_later()

    async def durable(self) -> None:
        """Until a power cut would lose nothing that was written; callers limit how long they wait."""
        position = self._journal.last
        if position > self._synced:
            waiter = self._loop.create_future()
            self._waiters.append((position, waiter))
            await waiter

    def flushed(self, position: Position) -> None:
        """Everything up to `position` is committed: what only held that may go."""
        self._flushed = max(self._flushed, position)
        while self._marks and self._marks[0][0] <= self._flushed:
            self._marks.popleft()
        self._deletions += self._journal.release(self._flushed)
        self._cursor = self._flushed
        self._arm()

    def admitted_classes(self) -> int:
        """How many priority classes may be admitted, from the most urgent."""
        classes = admitted_classes(self.state(), self._bounds)
        if classes < CLASSES:
            self._arm()  # nothing may be written any more, and yet it must be seen when the disk has room again
        return classes

    def state(self) -> SpoolState:
        oldest = self._loop.time() - self._marks[0][1] if self._marks else 0.0
        sound = self._sound and not self._waiting
        return SpoolState(self._journal.bytes, oldest, self._free_bytes, sound)

    @property
    def _unsynced(self) -> int:
        """Records that no sync was begun for."""
        return self._journal.sequence - self._begun

    @property
    def unflushed(self) -> int:
        """Records that are not flushed yet."""
        return max(0, self._journal.last.sequence - self._flushed.sequence)

    async def close(self) -> None:
        """Everything written is on disk; SpoolError when it is not."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        with suppress(SpoolError):
            self._retry()
        self._journal.close()
        if not (self._journal.open_count or self._waiting):  # of others what is flushed too may be needed
            self._deletions += self._journal.release(self._flushed)
        closing, deletions = self._take_closing(), self._deletions
        try:
            await self._loop.run_in_executor(
                self._thread, self._work, [], closing, deletions, self._cursor, False
            )
        except OSError as error:
            self._tell(self._journal.last, SpoolError(str(error)))
            raise SpoolError(str(error)) from error
        finally:
            self._thread.shutdown(wait=False)
        self._tell(self._journal.last, None)

    def _sync_later(self) -> None:
        """There is a first record since the last sync was begun, or as many as may be."""
        if self._unsynced < SYNC_RECORDS:
            self._arm()
            self._look_at = self._begun + SYNC_RECORDS
        else:
            self._look_at = _NEVER  # if one is under way: it begins the next
            self._begin_sync()

    def _failed(self) -> None:
        self._sound = False
        self._arm()

    def _retry(self) -> None:
        """Write what could not be written, in its order."""
        while self._waiting:
            self._journal.resolve(self._waiting[0])
            self._waiting.popleft()

    def _arm(self) -> None:
        if self._timer is None and not self._closed:
            self._timer = self._loop.call_later(SYNC_S, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._waiting:
            with suppress(SpoolError):
                self._retry()
        self._begin_sync()

    def _begin_sync(self) -> None:
        if self._syncing or self._closed:
            return  # the one under way begins the next when it ends
        self._mark()
        self._syncing = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        position, closing = self._journal.last, self._take_closing()
        self._begun, self._look_at = position.sequence, position.sequence + 1
        self.on_growth()
        current = [self._journal.file] if self._journal.file >= 0 else []  # closed by nobody but this thread
        deletions, self._deletions = self._deletions, []
        cursor, self._cursor = self._cursor, None
        now = self._loop.time()
        looks = now >= self._free_due
        if looks:
            self._free_due = now + _FREE_S
        work = self._loop.run_in_executor(
            self._thread, self._work, current, closing, deletions, cursor, looks
        )
        work.add_done_callback(lambda done: self._ended(position, deletions, done))

    def _take_closing(self) -> list[int]:
        closing = list(self._journal.closing)
        self._journal.closing.clear()
        return closing

    def _work(
        self,
        current: list[int],
        closing: list[int],
        deletions: list[Path],
        cursor: Position | None,
        looks: bool,
    ) -> int:
        """In the thread: sync, then close and delete. The free bytes of the disk, or as they were."""
        try:
            for file in (*closing, *current):
                self._sync(file)
        finally:
            for file in closing:
                os.close(file)
        if closing or deletions:
            sync_directory(self._directory)
        if cursor is not None:
            write_cursor(self._directory, cursor)
        for path in deletions:
            path.unlink(missing_ok=True)
        return _free_bytes(self._directory) if looks else self._free_bytes

    def _ended(self, position: Position, deletions: list[Path], done: asyncio.Future[int]) -> None:
        self._syncing = False
        error = done.exception()
        if (
            error is not None
        ):  # a file whose sync failed may have lost what was written: nothing more goes there
            self._deletions = deletions + self._deletions
            self._journal.rotate()
            self._failed()
            self._tell(position, SpoolError(str(error)))
            return
        self._sound = not self._waiting
        self._free_bytes = done.result()
        self._synced = max(self._synced, position)
        self._tell(position, None)
        if self._unsynced >= SYNC_RECORDS:
            self._begin_sync()
        elif self._unsynced or self._deletions or self._waiting:
            self._arm()

    def _tell(self, position: Position, error: SpoolError | None) -> None:
        """Those who wait for records up to `position`."""
        later = deque[tuple[Position, asyncio.Future[None]]]()
        for awaited, waiter in self._waiters:
            if awaited > position:
                later.append((awaited, waiter))
            elif waiter.done():
                continue
            elif error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)
        self._waiters = later

    def _mark(self) -> None:
        """Remember when the records up to now were written."""
        now, last = self._loop.time(), self._journal.last
        if last > self._flushed and (not self._marks or now - self._marks[-1][1] >= _MARK_S):
            self._marks.append((last, now))
            if len(self._marks) > _MARKS_MAX:
                self._marks = deque(list(self._marks)[::2])


def _nobody() -> None:
    pass


def _free_bytes(directory: Path) -> int:
    seen = os.statvfs(directory)
    return seen.f_bavail * seen.f_frsize
