"""Segment files of a spool: their names, and reading what is sound in them.

A file is named by the epoch (one start of a worker) and by its first sequence number, so files sort as they were
written and every record's number can be told from the one before. What is not sound at the end of a file is a torn
tail: nobody was told that it was written. In the middle it is damage: reported, and reading goes on at the next
number that can be found; bytes that are no record are never guessed at. Reading blocks: off the loop.
"""

import re
import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from budgets.spool.record import HEAD, Said, read_frame, said_in

#: Of a file: epoch, first number.
NAME = re.compile(r"(\d{10})-(\d{20})\.wal")
_SEQUENCE = struct.Struct("<Q")
#: Numbers that are looked for after damage, one pass over the file each; so many records may be lost at once.
_LOST_MAX = 256
#: Where in a record its number stands.
_SEQUENCE_AT = 8
_HEAD_BYTES = HEAD.size


class Position(NamedTuple):
    """A record, among all that a spool ever held: worker start, number."""

    epoch: int
    sequence: int

    def covers(self, other: "Position") -> bool:
        """Whether `other` is flushed when this one is; of another start, flushed by itself, nothing is said."""
        return self.epoch == other.epoch and self.sequence >= other.sequence


class Segment(NamedTuple):
    """A file that begins with record `first`."""

    first: Position
    path: Path


class Damage(NamedTuple):
    """Bytes that are no record though records follow, or a record that this version cannot read."""

    path: Path
    at: int
    length: int


def segment_path(directory: Path, first: Position) -> Path:
    return directory / f"{first.epoch:010d}-{first.sequence:020d}.wal"


def segments(directory: Path) -> list[Segment]:
    """Those of a directory, as they were written."""
    found = []
    for path in directory.iterdir():
        match = NAME.fullmatch(path.name)
        if match is not None:
            found.append(Segment(Position(int(match[1]), int(match[2])), path))
    return sorted(found)


class SegmentScan:
    """The sound records in `data` as (kind, payload); it begins at `start` in the segment, with record `due`.

    While the segment is still being written (`ended` false), what is not whole at the end is not there yet. A
    sound record further on proves that what is before it will never be whole. `at` is how far reading has come and
    `due` the number after the record that was given last; at the end `damage` and `torn` are what was not read.
    Records of the kinds in `passed_over` are read and not given.
    """

    def __init__(
        self,
        segment: Segment,
        data: bytes,
        start: int,
        due: int,
        ended: bool,
        passed_over: Collection[int] = (),
    ) -> None:
        self.segment = segment
        self.at = start
        self.due = due
        self.damage: list[Damage] = []
        self.torn = False
        self._data = data
        self._start = start
        self._ended = ended
        self._passed_over = passed_over

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        data, start, passed_over = self._data, self._start, self._passed_over
        at, size = self.at - start, len(self._data)
        while at < size:
            sound = read_frame(data, at)
            if sound is None or sound[0] < self.due:
                if not self._resume():
                    self.torn = self._ended
                    return
                at = self.at - start
                continue
            sequence, kind, end = sound
            self.at, self.due = start + end, sequence + 1
            if kind not in passed_over:
                yield kind, data[at + _HEAD_BYTES : end]
            at = end

    def _resume(self) -> bool:
        """Go on at the next record that is sound, if there is one."""
        data, start = self._data, self._start
        for sequence in range(self.due, self.due + _LOST_MAX):
            needle, at = _SEQUENCE.pack(sequence), self.at - start
            while (at := data.find(needle, at + 1)) >= 0:
                record = at - _SEQUENCE_AT
                sound = read_frame(data, record) if record > self.at - start else None
                if sound is not None and sound[0] == sequence:
                    self.damage.append(Damage(self.segment.path, self.at, record + start - self.at))
                    self.at, self.due = record + start, sequence
                    return True
        return False


def said_of(scan: SegmentScan) -> Iterator[Said]:
    """What the records say; those that this version cannot read are damage."""
    for kind, payload in scan:
        said = said_in(kind, payload)
        if said is None:
            length = _HEAD_BYTES + len(payload)
            scan.damage.append(Damage(scan.segment.path, scan.at - length, length))
        else:
            yield said


def scan_ended(segment: Segment) -> SegmentScan:
    """All of a file that nobody writes to any more."""
    return SegmentScan(segment, segment.path.read_bytes(), 0, segment.first.sequence, True)
