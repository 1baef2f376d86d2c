"""Whether a request goes to its route's local model instead of waiting. Design §6 "Overflow".

Two questions. Is the wait bad enough: the line for its accounts is deeper than `overflow_depth`, it is expected to
wait for longer than it may, or no key is in service for as long as that. And may a lesser model answer it: its
route's hint says so (`fast`, `embed`), or its class does (consolidation, evaluation). Local models have concurrency
and no rates; what comes while all places are taken waits for one, and those who do are bounded: a local model that
has as many, or that fails, is no way out.
"""

from typing import NamedTuple

from gateway.admission.item import Item

#: Values of `overflow_total{reason}`.
DEPTH, DEADLINE, NO_KEY, NO_MONEY = "depth", "deadline", "no_key", "no_money"

_HINTS = frozenset({"fast", "embed"})
_FROM_RANK = 3  # consolidation
#: Who has only this part left of the time that it may wait is not left to a forecast any more.
_LAST_PART = 0.1


class LocalModel(NamedTuple):
    """The route's local target as it is now: of its keys those that serve."""

    running: int
    concurrency: int
    waiting: int
    waiting_max: int

    @property
    def has_room(self) -> bool:
        """For one more, running or waiting."""
        return self.running < self.concurrency or (self.concurrency > 0 and self.waiting < self.waiting_max)


def may_overflow(rank: int, hint: str | None) -> bool:
    """Whether a lesser model may answer it at all."""
    return hint in _HINTS or rank >= _FROM_RANK


def overflows(
    item: Item, depth: int, wait_s: float, overflow_depth: int, local: LocalModel, now: float
) -> str | None:
    """Why it goes to the local model: a value of `overflow_total{reason}`; None when it does not.

    `depth` is that of the line for its accounts and `wait_s` what is expected of it there.
    """
    if not may_overflow(item.rank, item.hint) or not local.has_room:
        return None
    if depth > overflow_depth:
        return DEPTH
    return DEADLINE if now > late_from(item, wait_s) else None


def late_from(item: Item, wait_s: float) -> float:
    """The moment from which on a wait of `wait_s` is too long: worst off is whose moment is the earliest.

    It may wait until its deadline or the end of its class's patience: who outstays that is refused, which helps
    nobody.
    """
    return item.expires_at - max(wait_s, _LAST_PART * (item.expires_at - item.arrived))
