"""What the memory ledger knows, kept in the data directory for the next start: ceilings hold over a restart.

Written whole by a thread, and put in the place of the one before (mode 0600), once a second when something changed
and at an orderly stop. So a process that is killed forgets what it sent in its last second, and as much as the
writing takes. Read once, at the start. A file that is damaged, of another format or larger than any that is written
is warned of and does not count; neither it nor a full disk keeps the gateway from serving.
"""

import asyncio
import contextlib
import logging
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from gateway.admission.checkpoint import Checkpoint, taken_over
from gateway.admission.memory_ledger import LedgerTime, MemoryLedger
from gateway.clock import Clock
from gateway.record import Reader, Record, to_bytes

FILE = "ledger-memory"
_EVERY_S = 1.0
#: So many accounts are looked at in one go, a few microseconds each: requests come in between.
_AT_ONCE = 32
#: Far more than a worker can fill: a slot of an eighth of a second is a few bytes, and an account has 500.
_BYTES_MAX = 64 << 20

log = logging.getLogger("gateway")


class LedgerRecord(Record, frozen=True, array_like=True, tag="kaze-ledger-1"):
    """All of it. `written` is read off the ledger's clock, `wall` off the wall's, both at once, in milliseconds."""

    written: int
    wall: int
    accounts: Sequence[Checkpoint]


class LedgerFile:
    """`start` before the first request, `close` when none is under way any more."""

    def __init__(self, ledger: MemoryLedger, time: LedgerTime, data_dir: Path, clock: Clock) -> None:
        self._ledger = ledger
        self._time = time
        self._clock = clock
        self._path = data_dir / FILE
        self._kept: list[Checkpoint] = []  # as the file has them
        self._warned = False
        self._closing = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take over what was left, then write on."""
        record = await asyncio.to_thread(_read, self._path)
        if record is not None:
            self._take_over(record)
        self._writer = asyncio.create_task(self._write_on(), name="ledger-file")

    async def close(self) -> None:
        """Returns when the last of it is written."""
        self._closing.set()
        if self._writer is not None:
            await self._writer

    def _take_over(self, record: LedgerRecord) -> None:
        now, elapsed_ms = self._time.now(), self._wall() - record.wall
        if elapsed_ms < 0:
            log.warning(
                "%s was written %.0f s from now: the clock was set back; it counts as written now",
                FILE, -elapsed_ms / 1000,
            )  # fmt: skip
        for kept in record.accounts:
            self._ledger.take_over(taken_over(kept, record.written, elapsed_ms, now), now)

    async def _write_on(self) -> None:
        last = False
        while not last:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_EVERY_S):
                    await self._closing.wait()
            last = (
                self._closing.is_set()
            )  # before it writes: what is used while it does has to be written, too
            await self._write()

    async def _write(self) -> None:
        accounts: list[Checkpoint] = []
        for number, account in enumerate(self._ledger.accounts(), 1):
            kept = self._ledger.checkpoint(account, self._time.now())
            if kept is not None:
                accounts.append(kept)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        if accounts == self._kept:
            return
        record = LedgerRecord(self._time.now(), self._wall(), accounts)
        try:
            await asyncio.to_thread(_write, self._path, record)
        except OSError as error:
            if not self._warned:
                log.warning("%s cannot be written, a restart would forget what was used: %s", FILE, error)
            self._warned = True
            return
        self._kept, self._warned = accounts, False

    def _wall(self) -> int:
        return int(self._clock.unix() * 1000)


def _read(path: Path) -> LedgerRecord | None:
    """None where there is none that counts."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ValueError("it is not a regular file")
            content = stream.read(_BYTES_MAX + 1)
        if len(content) > _BYTES_MAX:
            raise ValueError("it is too large")
        return Reader(LedgerRecord).decode(content)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        log.warning("%s in the data directory does not count, windows and days begin empty: %s", FILE, error)
        return None


def _write(path: Path, record: LedgerRecord) -> None:
    """Whole or not at all. Nobody else writes there: a data directory has one gateway."""
    content = to_bytes(record)
    if len(content) > _BYTES_MAX:
        raise OSError(f"it would have {len(content)} bytes")
    draft = path.with_name(f".{path.name}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
