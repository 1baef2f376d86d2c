"""Reading a spool behind its writer, to flush it: in batches, each from where the one before ended.

The files are the queue: it survives what the worker does not, it takes no memory while Postgres is away, and a
batch that failed is read again. Blocks: in a thread. What cannot be read now raises OSError, and is read next time.
"""

from itertools import islice
from pathlib import Path
from typing import NamedTuple

from budgets.spool.record import Correct, Kind, Settle, said_in
from budgets.spool.segment import Damage, Position, Segment, SegmentScan, segments

_READ_BYTES = 1024 * 1024
_NOT_POSTED = frozenset({int(Kind.INTENT), int(Kind.VOID)})


class Batch(NamedTuple):
    """What is to be posted, and how far the spool is flushed once it is."""

    records: list[tuple[int, bytes]]  # kind, payload: nothing here needs to know what they say
    flushed: Position
    damage: list[Damage]

    @property
    def entries(self) -> list[Settle | Correct]:
        """The records as what they say; those of a form that this version does not know are left out."""
        said = (said_in(kind, payload) for kind, payload in self.records)
        return [one for one in said if isinstance(one, Settle | Correct)]


class Tail:
    """Used by one flush at a time: `take`, commit, `done`."""

    def __init__(self, directory: Path, epoch: int) -> None:
        self._directory = directory
        self._epoch = epoch
        self._segment: Segment | None = None
        self._at = 0
        self._due = 1
        self._next: tuple[Segment | None, int, int] = (None, 0, 1)

    def take(self, limit: int) -> Batch:
        """Up to `limit` records; none when everything written is flushed. The same again until `done`."""
        records: list[tuple[int, bytes]] = []
        damage: list[Damage] = []
        segment, at, due = self._segment, self._at, self._due
        files = [one for one in segments(self._directory) if one.first.epoch == self._epoch]
        while len(records) < limit:
            if segment is None:
                segment = next((one for one in files if one.first.sequence >= due), None)
                if segment is None:
                    break
                at, due = 0, segment.first.sequence
            ended = segment.first < files[-1].first if files else True
            scan = SegmentScan(segment, _read(segment.path, at, ended), at, due, ended, _NOT_POSTED)
            records += islice(scan, limit - len(records))
            moved, at, due = scan.at > at, scan.at, scan.due
            damage += scan.damage
            if not moved:
                if not ended:
                    break
                segment = None
        self._next = (segment, at, due)
        return Batch(records, Position(self._epoch, due - 1), damage)

    def done(self) -> None:
        """What was taken is flushed."""
        self._segment, self._at, self._due = self._next


def _read(path: Path, at: int, ended: bool) -> bytes:
    """From `at` on: all that is left of a finished file, which is bounded; of another the next piece."""
    try:
        with path.open("rb") as file:
            file.seek(at)
            return file.read() if ended else file.read(_READ_BYTES)
    except FileNotFoundError:
        return b""  # read to its end before, and deleted since
