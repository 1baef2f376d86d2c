"""What waits at the workers of one account, and how much of the room that keeps from less urgent work. Pure.

Every batch replaces its worker's rows. Rows older than half a second count for nothing, so that a worker that
died holds nobody up.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from gateway.admission.classes import RANKS, is_below_floor, top_has_share
from gateway.admission.ledger import Ask, Batch, Demand, Queued
from gateway.charge import Charge

ROW_MS = 500
#: Tag of a head that nobody knows: after all that is asked for.
LAST_TAG = 1 << 52
_AXES = range(5)

#: How far a tenant's service has come in a class, as it stands now (`tenant_tags.py`).
TagOf = Callable[[int, str], int]


class Row(NamedTuple):
    """One class at one worker: amounts by axis, concurrency last."""

    rank: int
    requests: int
    total: tuple[int, ...]
    head: tuple[int, ...]
    tenant: str | None  # the head's, whose tag moves while this stands; None: nobody knows
    order: int


class Waiting:
    """Rows by worker."""

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: dict[str, tuple[int, tuple[Row, ...], tuple[Queued, ...]]] = {}

    def put(self, batch: Batch, refused: list[Ask], now: int) -> None:
        """What waits at the batch's worker now: the asks that were refused, and what it had besides."""
        rows = tuple(row for rank in RANKS if (row := _row(rank, refused, batch.demand)) is not None)
        if rows:
            self._rows[batch.worker] = (now, rows, batch.queued)
        else:
            self._rows.pop(batch.worker, None)

    def elsewhere(self, worker: str, now: int) -> tuple[list[Row], tuple[Queued, ...]]:
        """Rows of the other workers that still count, and what those told besides; the others' are dropped."""
        for name in [name for name, (at, _, _) in self._rows.items() if at < now - ROW_MS]:
            del self._rows[name]
        others = [(rows, queued) for name, (_, rows, queued) in self._rows.items() if name != worker]
        told = sorted(one for _, queued in others for one in queued)
        return [row for rows, _ in others for row in rows], tuple(told)


def hold(rows: list[Row], ask: Ask, tag_of: TagOf, served: Sequence[int], *, turn: bool = False) -> list[int]:
    """What others get before `ask`, by axis: all of more urgent classes, the heads of its own that go first.

    The order between classes is that of `classes.in_order`; `served` is what each took lately, in thousandths of
    the ceiling. For when it is its `turn`, those that go first for their floor alone count with their heads: then
    they mostly have it.
    """
    own, place = _urgency(ask.rank, served), (tag_of(ask.rank, ask.tenant), ask.order)
    held = [0] * len(_AXES)
    for row in rows:
        if row.rank == ask.rank:
            amounts = row.head if (_tag(row, tag_of), row.order) < place else ()
        else:
            amounts = row.total if _urgency(row.rank, served) < own else ()
            if turn and amounts and row.rank > ask.rank:
                amounts = row.head
        for axis, amount in enumerate(amounts):
            held[axis] += amount
    return held


def _urgency(rank: int, served: Sequence[int]) -> int:
    if rank == 0:
        return len(RANKS) if top_has_share(served) else 0
    return rank if is_below_floor(rank, served) else rank + len(RANKS)


def _tag(row: Row, tag_of: TagOf) -> int:
    return LAST_TAG if row.tenant is None else tag_of(row.rank, row.tenant)


def _row(rank: int, asks: list[Ask], demand: tuple[Demand, ...]) -> Row | None:
    count, total, head = 0, [0] * len(_AXES), None
    place: tuple[str | None, int] = None, 0
    for ask in asks:
        if ask.rank == rank:
            count += 1
            head, place = head or by_axis(ask.charge, 1), place if head else (ask.tenant, ask.order)
            total = [sum(pair) for pair in zip(total, by_axis(ask.charge, 1), strict=True)]
    for one in demand:
        if one.rank == rank and one.requests > 0:
            count += one.requests
            head, place = head or by_axis(one.head, 1), place if head else (one.tenant or None, one.order)
            total = [sum(pair) for pair in zip(total, by_axis(one.total, one.requests), strict=True)]
    return None if head is None else Row(rank, count, tuple(total), head, *place)


def by_axis(charge: Charge, count: int) -> tuple[int, ...]:
    """A charge and places in flight: what `hold` counts in."""
    return (*charge, count)
