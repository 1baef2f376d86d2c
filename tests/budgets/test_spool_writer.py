"""A running worker's spool: grouped syncing, disks that fail, and when to stop taking work."""

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from budgets.spool.cursor import read_cursor
from budgets.spool.journal import Journal, SpoolError
from budgets.spool.pressure import CLASSES, SpoolBounds, SpoolState, admitted_classes
from budgets.spool.replay import Replay
from budgets.spool.segment import segments
from budgets.spool.tail import Tail
from budgets.spool.writer import SYNC_RECORDS, SpoolWriter
from tests.budgets.entries import intent, settle, void


@asynccontextmanager
async def spool(
    directory: Path,
    sync: Callable[[int], None] = os.fdatasync,
    bounds: SpoolBounds | None = None,
    segment_bytes: int = 4000,
) -> AsyncIterator[SpoolWriter]:
    writer = SpoolWriter(directory, Journal(directory, 1, segment_bytes), bounds or ROOMY, sync)
    try:
        yield writer
    finally:
        await writer.close()


#: The test machine's disk may be as full as it likes.
ROOMY = SpoolBounds(reserve_bytes=1)


async def test_records_are_there_at_once_and_durable_soon(tmp_path: Path) -> None:
    async with spool(tmp_path) as writer:
        writer.begin(intent(1))
        assert Tail(tmp_path, 1).take(9).flushed.sequence == 1  # written, synced or not
        await writer.durable()
        writer.resolve(settle(intent(1)))
        assert len(Tail(tmp_path, 1).take(9).entries) == 1


async def test_one_sync_covers_many_records(tmp_path: Path) -> None:
    gate, synced = threading.Semaphore(0), []

    def sync(file: int) -> None:
        assert gate.acquire(timeout=30)
        synced.append(file)
        os.fdatasync(file)

    async with spool(tmp_path, sync, segment_bytes=10**6) as writer:
        for number in range(10 * SYNC_RECORDS):
            writer.begin(intent(number))
        gate.release(2)  # the first at 64 records, one for all that came since
        await writer.durable()
        assert len(synced) == 2
        gate.release(99)
    assert not writer._waiters


async def test_a_disk_that_does_not_sync_stops_all_work_until_it_does(tmp_path: Path) -> None:
    broken = threading.Event()
    broken.set()

    def sync(file: int) -> None:
        if broken.is_set():
            raise OSError(errno.EIO, "input/output error")
        os.fdatasync(file)

    async with spool(tmp_path, sync) as writer:
        writer.begin(intent(1))
        with pytest.raises(SpoolError):
            await writer.durable()
        assert writer.admitted_classes() == 0
        broken.clear()
        while writer.admitted_classes() < CLASSES:
            await asyncio.sleep(0.001)
        writer.resolve(settle(intent(1)))  # into another file than the one that failed
        assert len(segments(tmp_path)) == 2
    assert [entry.source for entry in Replay(tmp_path).entries()] == ["provider"]


async def test_whoever_waits_for_the_disk_hears_of_its_end(tmp_path: Path) -> None:
    gate = threading.Semaphore(0)

    def sync(file: int) -> None:
        assert gate.acquire(timeout=30)
        os.fdatasync(file)

    writer = SpoolWriter(tmp_path, Journal(tmp_path, 1), ROOMY, sync)
    writer.begin(intent(1))
    waiting = asyncio.ensure_future(writer.durable())
    await asyncio.sleep(0)
    gate.release(9)
    await writer.close()
    await waiting

    def fail(file: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    writer = SpoolWriter(tmp_path, Journal(tmp_path, 2), ROOMY, fail)
    writer.begin(intent(2))
    waiting = asyncio.ensure_future(writer.durable())
    await asyncio.sleep(0)
    with pytest.raises(SpoolError):
        await writer.close()
    with pytest.raises(SpoolError):
        await waiting


async def test_a_settlement_that_finds_no_room_is_written_when_there_is_some(tmp_path: Path) -> None:
    class Full(Journal):
        full = False

        def _begin(self) -> None:
            if self.full:
                raise SpoolError("no space left")
            super()._begin()

    journal = Full(tmp_path, 1, 400)
    writer = SpoolWriter(tmp_path, journal, ROOMY)
    writer.begin(intent(1))
    journal.full = True
    writer.resolve(settle(intent(1)))
    with pytest.raises(SpoolError):
        writer.begin(intent(2))
    assert writer.admitted_classes() == 0
    journal.full = False
    while writer.admitted_classes() < CLASSES:  # tried again by itself
        await asyncio.sleep(0.001)
    writer.begin(intent(3))
    await writer.close()
    posted = [(entry.intent.request_id, entry.cost) for entry in Replay(tmp_path).entries()]
    assert posted == [("request-1", 500), ("request-3", 1000)]


async def test_flushed_files_are_deleted_after_what_was_carried_is_on_disk(tmp_path: Path) -> None:
    async with spool(tmp_path) as writer:
        tail, posted = Tail(tmp_path, 1), 0
        writer.begin(intent(999))
        for number in range(100):
            writer.begin(intent(number))
            writer.resolve(settle(intent(number)) if number % 4 else void(intent(number)))
            if number % 10 == 9:
                batch = await asyncio.to_thread(tail.take, 1000)
                posted += len(batch.entries)
                tail.done()
                writer.flushed(batch.flushed)
        assert posted == 75
        while len(segments(tmp_path)) > 2 or read_cursor(tmp_path) != batch.flushed:
            await asyncio.sleep(0.001)
        assert writer.state().held_bytes < 8000
    assert [entry.intent.request_id for entry in Replay(tmp_path).entries()] == ["request-999"]


async def test_the_age_of_what_is_not_flushed(tmp_path: Path) -> None:
    async with spool(tmp_path, bounds=SpoolBounds(oldest_s=1e-6, reserve_bytes=1)) as writer:
        assert writer.admitted_classes() == CLASSES
        writer.begin(intent(1))
        await writer.durable()
        while writer.admitted_classes() == CLASSES:
            await asyncio.sleep(0.001)
        assert writer.state().oldest_s > 0
        writer.flushed(Tail(tmp_path, 1).take(1).flushed)
        assert writer.state().oldest_s == 0
        assert writer.admitted_classes() == CLASSES


BOUNDS = SpoolBounds(held_bytes=1000, oldest_s=100, reserve_bytes=100)


@pytest.mark.parametrize(
    ("state", "classes"),
    [
        (SpoolState(0, 0, 10_000), 5),
        (SpoolState(499, 0, 10_000), 5),
        (SpoolState(500, 0, 10_000), 4),
        (SpoolState(0, 70, 10_000), 3),
        (SpoolState(0, 85, 10_000), 2),
        (SpoolState(999, 99, 10_000), 2),
        (SpoolState(1000, 0, 10_000), 0),
        (SpoolState(0, 100, 10_000), 0),
        (SpoolState(0, 0, 200), 4),
        (SpoolState(0, 0, 140), 3),
        (SpoolState(0, 0, 110), 2),
        (SpoolState(0, 0, 100), 0),
        (SpoolState(0, 0, 0), 0),
        (SpoolState(0, 0, 10_000, sound=False), 0),
    ],
)
def test_classes_stop_from_the_bottom_up(state: SpoolState, classes: int) -> None:
    assert admitted_classes(state, BOUNDS) == classes


async def test_a_clean_end_leaves_nothing_of_what_is_flushed(tmp_path: Path) -> None:
    async with spool(tmp_path, segment_bytes=10**6) as writer:
        writer.begin(intent(1))
        writer.resolve(settle(intent(1)))
        writer.flushed(Tail(tmp_path, 1).take(9).flushed)
    assert segments(tmp_path) == []
    assert list(Replay(tmp_path).entries()) == []


@pytest.mark.parametrize("begun", [1, 2])
async def test_an_end_keeps_what_is_not_flushed_and_what_was_begun(tmp_path: Path, begun: int) -> None:
    async with spool(tmp_path, segment_bytes=10**6) as writer:
        for number in range(begun):
            writer.begin(intent(number))
        flushed = Tail(tmp_path, 1).take(9).flushed
        writer.resolve(settle(intent(0)))  # after that
        writer.flushed(flushed if begun == 1 else Tail(tmp_path, 1).take(9).flushed)
    assert len(segments(tmp_path)) == 1
    assert len(list(Replay(tmp_path).entries())) == 1
