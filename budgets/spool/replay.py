"""What a dead worker left: everything it settled, and for what it had begun and not settled, what was reserved.

Done by whoever holds the directory's claim: the next to sit there, or a sibling. Nothing is written to the spool,
so a replay that is itself killed is simply done again; entries are posted once, by their keys. Segments that were
read whole are deleted at the end, those with damage are set aside for people to look at. Blocks: in a thread.
"""

from collections.abc import Iterator
from pathlib import Path

from budgets.spool.cursor import read_cursor
from budgets.spool.damaged import keep
from budgets.spool.record import Correct, Intent, Key, Settle, key_of
from budgets.spool.segment import Damage, Position, Segment, SegmentScan, said_of, scan_ended, segments

UNKNOWN = "unknown"


class Replay:
    """One pass over the epochs before `before` (all of them, when None)."""

    def __init__(self, directory: Path, before: int | None = None) -> None:
        self._directory = directory
        self._segments: list[Segment] = [
            one for one in segments(directory) if before is None or one.first.epoch < before
        ]
        self._complete = False
        #: Known when everything was read.
        self.damage: list[Damage] = []
        self.torn: list[Path] = []

    def entries(self) -> Iterator[Settle | Correct]:
        """What is to be posted; most of it once, all of it at least once."""
        flushed = read_cursor(self._directory)
        begun: dict[Key, Intent] = {}
        for segment in self._segments:
            scan = scan_ended(segment)
            for said in said_of(scan):
                position = Position(segment.first.epoch, scan.due - 1)
                if isinstance(said, Intent):
                    begun[key_of(said)] = said
                    continue
                if not isinstance(said, Correct):
                    begun.pop(key_of(said), None)
                if isinstance(said, Settle | Correct) and not flushed.covers(position):
                    yield said
            self.damage += scan.damage
            if scan.torn:
                self._torn(segment, scan)
        for intent in begun.values():
            yield unknown(intent)
        self._complete = True

    def finish(self) -> None:
        """Everything that `entries` gave is posted: nothing of it is needed any more."""
        if not self._complete:
            raise RuntimeError("not everything was read")
        keep(self.damage)
        for _, path in self._segments:
            path.unlink(missing_ok=True)

    def _torn(self, segment: Segment, scan: SegmentScan) -> None:
        """A torn end; where the file after it goes on with a later number, records were there: that is damage."""
        self.torn.append(segment.path)
        following = (one.first for one in self._segments if one.first > segment.first)
        after = next(following, None)
        if after is not None and after.epoch == segment.first.epoch and after.sequence > scan.due:
            self.damage.append(Damage(segment.path, scan.at, segment.path.stat().st_size - scan.at))


def unknown(intent: Intent) -> Settle:
    """Of an attempt that nobody saw the end of: never too little, and said to be unknown."""
    return Settle(
        intent, intent.reserved, UNKNOWN, outcome=UNKNOWN, settled_ms=intent.at_ms, price_known=False
    )
