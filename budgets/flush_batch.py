"""What one flush posts: settlements and corrections as their records are in the spool, text that goes as it is.

PostgreSQL takes them apart (`flush.sql`) and adds up only the rows that it inserts, so a batch that is flushed
again, or that holds a record twice, changes nothing. Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

from budgets.spool.record import Correct, Kind, Settle, encoded

#: The one character that no text in PostgreSQL can hold, as JSON writes it.
_NUL, _NO_NUL = b"\\u0000", b"\\ufffd"

_CORRECT = int(Kind.CORRECT)


@dataclass(slots=True)
class FlushBatch:
    settled: list[str] = field(default_factory=list)
    corrected: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, records: Sequence[tuple[int, bytes]]) -> Self:
        """Of records as (kind, payload)."""
        return cls(
            _texts([payload for kind, payload in records if kind != _CORRECT]),
            _texts([payload for kind, payload in records if kind == _CORRECT]),
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
    return FlushBatch.of(
        [(Kind.CORRECT if isinstance(one, Correct) else Kind.SETTLE, encoded(one)) for one in entries]
    )


def _texts(payloads: list[bytes]) -> list[str]:
    """All at once: JSON that was written on one line holds no line feed."""
    if not payloads:
        return []
    return b"\n".join(payloads).replace(_NUL, _NO_NUL).decode().split("\n")
