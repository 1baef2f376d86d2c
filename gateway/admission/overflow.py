"""Whether a request goes to its route's local model instead of waiting. Design §6 "Overflow".

Two questions. Is the wait bad enough: the line for its accounts is deeper than `overflow_depth`, or it is expected
to wait for longer than it may. And may this request be answered by a lesser model: its route's hint says so
(`fast`, `embed`), or its class does (consolidation, evaluation). Local models have concurrency and no rates; what
comes while all places are taken waits in a line of their own, which is bounded: one that is full is no way out.
"""

from typing import NamedTuple

from gateway.admission.item import Item

DEPTH, DEADLINE = "depth", "deadline"

_HINTS = frozenset({"fast", "embed"})
_FROM_RANK = 3  # consolidation


class LocalModel(NamedTuple):
    """The route's local target as it is now."""

    running: int
    concurrency: int
    waiting: int
    waiting_max: int

    @property
    def has_room(self) -> bool:
        """For one more, running or waiting."""
        return self.running < self.concurrency or self.waiting < self.waiting_max


def may_overflow(item: Item) -> bool:
    """Whether a lesser model may answer it at all."""
    return item.hint in _HINTS or item.rank >= _FROM_RANK


def overflows(
    item: Item, depth: int, wait_s: float, overflow_depth: int, local: LocalModel, now: float
) -> str | None:
    """Why it goes to the local model: a value of `overflow_total{reason}`; None when it does not.

    `depth` is that of the line for its accounts and `wait_s` what is expected of it there. It may wait until its
    deadline or the end of its class's patience: who outstays that is refused, which helps nobody.
    """
    if not may_overflow(item) or not local.has_room:
        return None
    if depth > overflow_depth:
        return DEPTH
    until = item.arrived + item.ttl if item.deadline is None else min(item.deadline, item.arrived + item.ttl)
    return DEADLINE if now + wait_s > until else None
