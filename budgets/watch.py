"""What is told of the money's workings, to whoever measures and logs it. Called on the loop, and to be quick."""

from collections.abc import Callable
from dataclasses import dataclass

from budgets.books import Difference


def _nothing(*_: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Watch:
    flushed: Callable[[float, int], None] = _nothing  # seconds that a flush took, records
    asked: Callable[[float], None] = _nothing  # seconds that the books took to answer
    held: Callable[[bool], None] = _nothing  # whether hard budgets are held to what was leased before
    overrun: Callable[[str, int], None] = _nothing  # a request that cost so much more than was reserved
    unknown: Callable[[str], None] = _nothing  # a request of which it will not be known what it cost
    recovered: Callable[[int], None] = _nothing  # records that a dead worker had left
    refused: Callable[[str], None] = _nothing  # a record that the database does not take, set aside
    damaged: Callable[[int], None] = _nothing  # places of a spool that cannot be read
    kept: Callable[[int], None] = _nothing  # damaged files that are there to be looked at, each time
    differ: Callable[[list[Difference]], None] = _nothing  # what the reconciliation found, each time
