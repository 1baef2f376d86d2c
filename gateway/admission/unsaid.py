"""What the ledger does not know yet of one account: what was sent, is returned, was settled, was observed. Pure.

Said with the next batch, added up: sends of one slot from one lot are one report, settlements of one slot one
settlement. So a batch is small however many requests it is about, and this is bounded by the lots there were and
the requests under way.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gateway.admission.dimension import AccountTerms
from gateway.admission.ledger import Observation, Report, Return, Settle
from gateway.admission.lots import Lot
from gateway.admission.sends import Sends
from gateway.admission.window import slot_ms
from gateway.charge import Charge

#: Of each kind in one batch; the rest goes with the next.
ROWS_MAX = 128
_MINUTE_MS = 60_000


class News(NamedTuple):
    """What is booked once for a number."""

    reports: tuple[Report, ...]
    returns: tuple[Return, ...]
    settles: tuple[Settle, ...]
    observations: tuple[Observation, ...]


class Unsaid:
    """Collected between two batches."""

    __slots__ = ("_folded", "_grain", "_noted", "_observations", "_reports", "_returns", "_settles")

    def __init__(self, terms: AccountTerms) -> None:
        # The finest slot in which the ledger counts: within one, times make no difference.
        self._grain = min(
            [slot_ms(one.burst_ms) for one in terms.dimensions if one.burst_ms] + [slot_ms(_MINUTE_MS)]
        )
        self._noted: list[Sends] = []
        self._folded: list[Sends] = []  # not told yet where they were sent
        self._reports: dict[tuple[int, int], list[int]] = {}
        self._returns: dict[tuple[int, int], list[int]] = {}
        self._settles: dict[tuple[int, int], list[int]] = {}
        self._observations: dict[str, Observation] = {}

    def __bool__(self) -> bool:
        return bool(
            self._noted
            or self._folded
            or self._reports
            or self._returns
            or self._settles
            or self._observations
        )

    def sends(self, lot: Lot, rank: int, at: int, charge: Charge) -> Sends:
        """Those that a lease of `charge` that is sent at `at` is counted with, from now on."""
        made = Sends(lot, rank, at, (at // self._grain + 1) * self._grain, charge)
        lot.sends[rank] = made
        self._noted.append(made)
        return made

    def note(self, sends: Sends) -> None:
        """There is more to be said of them."""
        sends.noted = True
        self._noted.append(sends)

    def returned(self, returns: Iterable[Return]) -> None:
        for at, charge, rank in returns:
            _add(self._returns, (at, rank), at, charge)

    def settled(self, at: int, delta: Iterable[int], rank: int) -> None:
        """`at` is where the grant is charged, once all that is said before has been booked."""
        _add(self._settles, (at // self._grain, rank), at, delta)

    def observed(self, said: Observation) -> None:
        """The latest word on a dimension stands; blocks and surprises before it do too."""
        before = self._observations.pop(said.dimension, None)
        if before is not None:
            said = said._replace(
                limit=before.limit if said.limit is None else said.limit,
                remaining=before.remaining if said.remaining is None else said.remaining,
                blocked_ms=max(said.blocked_ms, before.blocked_ms),
                unexpected=said.unexpected or before.unexpected,
            )
        self._observations[said.dimension] = said

    def same_slot(self, one: int, other: int) -> bool:
        return one // self._grain == other // self._grain

    @property
    def many(self) -> bool:
        """More than should wait for company."""
        return len(self._settles) + len(self._noted) >= ROWS_MAX

    def fold(self, axes: Sequence[int]) -> list[tuple[Sends, Charge | None]]:
        """What there is to be said of since the last time, closed, with how much more it is charged: by any of
        `axes`, those on which there is a ceiling.
        """
        noted, self._noted = self._noted, []
        folded = []
        for sends in noted:
            sends.noted = False
            if sends.lot.sends[sends.rank] is sends:
                sends.lot.sends[sends.rank] = None
            if not sends.kept:
                self._folded.append(sends)
            more = sends.owed(axes)
            folded.append((sends, more))
            if more is not None:
                self.settled(sends.at, more, sends.rank)
        return folded

    def more(self) -> Charge:
        """By how much settlements that were not said are more than was granted."""
        return more_of(row[1:] for row in self._settles.values())

    def say(self) -> News:
        """What the next batch says. After `fold`."""
        for sends in self._folded:
            self._report(sends)
        self._folded.clear()
        reports = [Report(at, row[0], Charge(*row[1:])) for (at, _), row in _first(self._reports)]
        returns = [Return(at, Charge(*row[1:]), rank) for (at, rank), row in _first(self._returns)]
        settles: list[Settle] = []
        if not self._reports:  # what is settled must have been moved to where it was sent
            rows = _first(self._settles)
            settles = [Settle(row[0], Charge(*row[1:]), rank) for (_, rank), row in rows if any(row[1:])]
        observations = tuple(self._observations.values())
        self._observations.clear()
        return News(tuple(reports), tuple(returns), tuple(settles), observations)

    def forget(self) -> None:
        """The ledger's state is another one: what is about grants of the former means nothing to it."""
        self._noted.clear()
        self._folded.clear()
        self._reports.clear()
        self._returns.clear()
        self._settles.clear()

    def _report(self, sends: Sends) -> None:
        sends.told = True
        lot, granted = sends.lot, sends.granted()
        if not any(granted):
            return
        _add(self._reports, (lot.at, sends.at // self._grain), sends.at, granted)
        if lot.rank != sends.rank:  # from stock, which is charged to one class: to the class that took it
            self.settled(sends.at, [-units for units in granted], lot.rank)
            self.settled(sends.at, granted, sends.rank)


def more_of(deltas: Iterable[Iterable[int]]) -> Charge:
    """What is positive of each, added up."""
    total = [0, 0, 0, 0]
    for delta in deltas:
        total = [all_ + max(0, units) for all_, units in zip(total, delta, strict=True)]
    return Charge(*total)


def _add(
    rows: dict[tuple[int, int], list[int]], key: tuple[int, int], at: int, charge: Iterable[int]
) -> None:
    row = rows.get(key)
    if row is None:
        rows[key] = [at, *charge]
        return
    if at > row[0]:  # never as sent earlier than it was
        row[0] = at
    for axis, units in enumerate(charge, 1):
        row[axis] += units


def _first(rows: dict[tuple[int, int], list[int]]) -> list[tuple[tuple[int, int], list[int]]]:
    keys = list(rows)[:ROWS_MAX]
    return [(key, rows.pop(key)) for key in keys]
