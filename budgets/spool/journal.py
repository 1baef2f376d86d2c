"""Appending to the spool: one write(2) a record, at once; what is open; which segments are done with.

A record whose write returned survives `kill -9`. A record that could not be written whole is taken back and
`SpoolError` raised: after an INTENT that failed nothing may be sent; a SETTLE that failed leaves its INTENT open,
whose reserved amount is posted if nothing better follows. Nothing here waits for the disk but write(2) itself and,
once a segment, the making of a file; syncing, closing and deleting are the caller's, in a thread.
"""

import os
from collections import deque
from pathlib import Path
from typing import NamedTuple

from budgets.spool.record import Correct, Intent, Key, Said, Settle, Void, frame
from budgets.spool.segment import Position, Segment, segment_path

SEGMENT_BYTES = 8 * 1024 * 1024


class SpoolError(Exception):
    """A record was not written."""


class Retired(NamedTuple):
    """A segment that is written to no more."""

    segment: Segment
    length: int


class Journal:
    """Written to by one thread."""

    def __init__(self, directory: Path, epoch: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._epoch = epoch
        self.sequence = 0  # of the last record
        self._file = -1
        self._length = 0
        self._first = Position(epoch, 0)
        self._open: dict[Key, tuple[Intent, Position]] = {}  # and the segment it was last written to
        self._kept: deque[Retired] = deque()  # still on disk, oldest first
        self._kept_bytes = 0
        #: Files to be synced and then closed, by whoever syncs.
        self.closing: list[int] = []

    @property
    def last(self) -> Position:
        """The last record written."""
        return Position(self._epoch, self.sequence)

    @property
    def bytes(self) -> int:
        """On disk, of this epoch."""
        return self._kept_bytes + self._length

    @property
    def open_count(self) -> int:
        """Attempts of which it is not known what came of them."""
        return len(self._open)

    @property
    def file(self) -> int:
        """The file that is written to; negative when there is none yet."""
        return self._file

    def begin(self, intent: Intent) -> None:
        """Write that an attempt is sent now. SpoolError when that failed; ValueError when it was before."""
        key = intent.request_id, intent.attempt
        if key in self._open:
            raise ValueError("opened twice")
        self._write(intent)
        self._open[key] = intent, self._first

    def resolve(self, said: Settle | Void | Correct) -> None:
        """Write what came of an attempt. SpoolError when that failed; ValueError when it is not open."""
        if isinstance(said, Correct):  # of one that was settled before
            self._write(said)
            return
        about = said if isinstance(said, Void) else said.intent
        key = about.request_id, about.attempt
        if key not in self._open:
            raise ValueError("not open")
        self._write(said)
        del self._open[key]

    def rotate(self) -> None:
        """Begin a new file with the next record."""
        if self._file < 0:
            return
        self.closing.append(self._file)
        if self._length:  # an empty one's name is the next one's
            segment = Segment(self._first, segment_path(self._directory, self._first))
            self._kept.append(Retired(segment, self._length))
            self._kept_bytes += self._length
        self._file, self._length = -1, 0

    def release(self, flushed: Position) -> list[Path]:
        """The segments of which all is flushed, for deletion once what this wrote is on disk.

        Their open intents are written again before, so that they go with nothing that is needed.
        """
        done: list[Retired] = []
        while self._kept:
            after = self._kept[1].segment.first if len(self._kept) > 1 else self._after_kept()
            if after.sequence > flushed.sequence + 1:
                break
            done.append(self._kept.popleft())
        firsts = {retired.segment.first for retired in done}
        carried = [(key, intent) for key, (intent, segment) in self._open.items() if segment in firsts]
        try:
            for key, intent in carried:
                self._write(intent)
                self._open[key] = intent, self._first
        except SpoolError:
            self._kept.extendleft(reversed(done))
            return []
        self._kept_bytes -= sum(retired.length for retired in done)
        return [retired.segment.path for retired in done]

    def close(self) -> None:
        """Write no more; the file is left in `closing`."""
        self.rotate()

    def _after_kept(self) -> Position:
        """The first record after the retired segments."""
        return self._first if self._file >= 0 else Position(self._epoch, self.sequence + 1)

    def _write(self, said: Said) -> None:
        sequence = self.sequence + 1
        try:
            data = frame(sequence, said)
            size = len(data)
            if self._file < 0 or self._length + size > self._segment_bytes:
                self._begin()
            written = os.write(self._file, data)
        except (OSError, ValueError) as error:
            raise SpoolError(str(error)) from error
        if written != size:
            self._take_back()
            raise SpoolError("no room for a record")
        self._length += size
        self.sequence = sequence

    def _begin(self) -> None:
        self.rotate()
        first = Position(self._epoch, self.sequence + 1)
        path = segment_path(self._directory, first)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_TRUNC
        self._file = os.open(path, flags, 0o600)
        self._first = first

    def _take_back(self) -> None:
        """Half a record must not stand in the way of the next: back to where it began, or to a new file."""
        try:
            os.ftruncate(self._file, self._length)
        except OSError:
            self.rotate()
