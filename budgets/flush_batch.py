"""What one flush posts: settlements and corrections as their records are in the spool, text that goes as it is.

PostgreSQL takes them apart (`flush.sql`) and adds up only the rows that it inserts, so a batch that is flushed
again, or that holds a record twice, changes nothing. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from budgets.spool.record import Correct, Kind, Settle, encoded

#: The one character that no text in PostgreSQL can hold, as JSON writes it.
_NUL, _NO_NUL = b"\\u0000", b"\\ufffd"


@dataclass(slots=True)
class FlushBatch:
    settled: list[str] = field(default_factory=list)
    corrected: list[str] = field(default_factory=list)

    def add(self, kind: int, payload: bytes) -> None:
        (self.corrected if kind == Kind.CORRECT else self.settled).append(
            payload.replace(_NUL, _NO_NUL).decode()
        )

    def halves(self) -> "tuple[FlushBatch, FlushBatch]":
        """Neither empty, of two records or more."""
        if self.settled and self.corrected:
            return FlushBatch(self.settled), FlushBatch(corrected=self.corrected)
        half = len(self) // 2
        return (
            FlushBatch(self.settled[:half], self.corrected[:half]),
            FlushBatch(self.settled[half:], self.corrected[half:]),
        )

    def __len__(self) -> int:
        return len(self.settled) + len(self.corrected)


def flush_batch(entries: Iterable[Settle | Correct]) -> FlushBatch:
    """The same of records that were read already."""
    batch = FlushBatch()
    for entry in entries:
        batch.add(Kind.CORRECT if isinstance(entry, Correct) else Kind.SETTLE, encoded(entry))
    return batch
