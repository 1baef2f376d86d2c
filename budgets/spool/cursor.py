"""How far the spool of one start is flushed, kept in a file beside it.

It says nothing of an earlier start, whose records may still wait to be replayed while the next one flushes its own.
Only a convenience: what is flushed twice is inserted once. It is written after the commit and never synced, so it
may lag and never leads; unreadable or missing, everything still there is flushed again. Blocks, shortly.
"""

from contextlib import suppress
from pathlib import Path

from budgets.spool.segment import Position

NOTHING_FLUSHED = Position(0, 0)


def read_cursor(directory: Path) -> Position:
    with suppress(OSError, ValueError):
        epoch, sequence = (directory / "cursor").read_text().split()
        return Position(int(epoch), int(sequence))
    return NOTHING_FLUSHED


def write_cursor(directory: Path, flushed: Position) -> None:
    with suppress(OSError):
        new = directory / "cursor.new"
        new.write_text(f"{flushed.epoch} {flushed.sequence}\n")
        new.replace(directory / "cursor")
