"""What a worker grants by itself: while the shared ledger is away, by `ledger_loss.py`'s terms; and always where an
account has no ceilings. A ledger of its own, kept through all losses.

What is sent so is in this worker's record of its last minute, and so is taught to a ledger that forgot. A ledger
that comes back with all it knew is not told of a provider key's safe share, which it never grants; it is told of
what an open account sent, and of what a tenant key used, whose share is part of what the ledger grants (`untold`).

A safe share begins when every lease that anybody has is over: a call that went astray is no loss. In slices
(`burst_s`) nothing is set aside, for that would be less than a request: while others still reach the ledger, who
does not may send in a slice that they have filled. There the provider's refusal is the backstop.
"""

from collections.abc import Iterable

from gateway.admission.dimension import CONCURRENCY, AccountTerms
from gateway.admission.grantor import Grant
from gateway.admission.holding import Holding
from gateway.admission.ledger import Observation
from gateway.admission.ledger_loss import terms_without_ledger
from gateway.admission.memory_ledger import LedgerTime, MemoryLedger
from gateway.admission.untold import Untold
from gateway.admission.window import LEASE_MS_MAX
from gateway.charge import Charge
from gateway.record import replace

#: When to look again where nobody knows.
_LOOK_AGAIN_MS = 250
_NOTHING = Charge()


class Alone:
    """`workers` is how many are configured: the least that shares are reckoned with."""

    __slots__ = ("_away", "_begun", "_blocked", "_ledger", "_mode", "_places", "_untold", "_workers")

    def __init__(self, mode: str, time: LedgerTime, workers: int) -> None:
        self._mode = mode
        self._workers = workers
        self._ledger = MemoryLedger(time)
        self._away = False  # the ledger
        self._begun = 0  # the loss
        self._blocked: dict[str, int] = {}  # by account, until when by the provider's word
        #: By account, how many may be in flight while this loss lasts; None: nothing is granted.
        self._places: dict[str, int | None] = {}
        self._untold: dict[str, Untold] = {}

    def begin(self, now: int) -> None:
        """A loss begins: how many workers share is looked at anew."""
        self._away, self._begun = True, now
        self._places.clear()

    def end(self, holdings: Iterable[Holding], now: int) -> None:
        """The ledger is back: it is told what it must know."""
        self._away = False
        for holding in holdings:
            untold = self._untold.get(holding.terms.id)
            if untold is None:
                continue
            untold.tell(holding, now)
            if not holding.in_flight:
                del self._untold[holding.terms.id]

    def take(self, holding: Holding, charge: Charge, rank: int, now: int) -> Grant | None:
        id_ = holding.terms.id
        if now < self._blocked.get(id_, 0) or not self._may_send(holding, now):
            return None
        grant = self._ledger.take(id_, charge, rank, now)
        if grant is not None:
            holding.in_flight += 1
            self._record(holding, charge, grant.at, now)
        return grant

    def give_back(self, holding: Holding, grant: Grant, now: int) -> None:
        holding.in_flight -= 1
        self.settle(holding, grant, _NOTHING, now)

    def sent(self, holding: Holding, grant: Grant, now: int) -> None:
        at = grant.at
        self._ledger.sent(grant, now)
        if grant.at > at:
            self._record(holding, _NOTHING - grant.charge, at, now)
            self._record(holding, grant.charge, grant.at, now)

    def produced(self, holding: Holding, grant: Grant, output: int, now: int) -> None:
        held, late = grant.charge.output, grant.late
        self._ledger.produced(grant, output, now)
        later = grant.late - late
        if later > 0:
            room = later - (grant.charge.output - held)
            self._record(holding, Charge(output=-room), grant.at, now)
            self._record(holding, Charge(output=later), now, now)

    def settle(self, holding: Holding, grant: Grant, charged: Charge, now: int) -> None:
        if holding.counts_output:
            self.produced(holding, grant, charged.output, now)
        # What of its output is charged elsewhere is not to be given back here.
        kept = replace(charged, output=max(charged.output, grant.late))
        self._record(holding, kept - grant.charge, grant.at, now)
        self._ledger.settle(grant, charged, now)

    def observe(self, holding: Holding, said: Observation, now: int) -> None:
        if said.blocked_ms > 0:  # what is open has no ceiling of its own to be blocked
            self._blocked[holding.terms.id] = now + said.blocked_ms
        if self._may_send(holding, now):
            self._ledger.observe(holding.terms.id, said, now)

    def next_free_in(self, holding: Holding, charge: Charge, rank: int, now: int) -> int:
        """While `take` says no."""
        if not self._may_send(holding, now):
            return _LOOK_AGAIN_MS
        blocked_ms = self._blocked.get(holding.terms.id, 0) - now
        if blocked_ms > 0:
            return blocked_ms
        wait_ms = self._ledger.next_free_in(holding.terms.id, charge, rank, now)
        return wait_ms or _LOOK_AGAIN_MS

    def is_shut(self, holding: Holding, now: int) -> bool:
        """Whether nothing is granted while this loss lasts."""
        return not self._may_send(holding, now) and self._places.get(holding.terms.id, 0) is None

    def holds_back(self, holding: Holding, now: int) -> bool:
        """Whether what is not granted may be for want of the ledger, and not by the provider's word."""
        return self._mode != "open" and now >= self._blocked.get(holding.terms.id, 0)

    def levels(self, holding: Holding, now: int) -> list[tuple[int, int]]:
        """(used, limit) of what it may send by itself in this loss; empty where nothing is counted."""
        terms = holding.terms
        places = self._places.get(terms.id)
        if places is None or self._mode == "open":
            return []
        found = self._ledger.levels(terms.id, now)
        if any(one.axis == CONCURRENCY for one in terms.dimensions):
            found.append((holding.in_flight, places))
        return found

    def _may_send(self, holding: Holding, now: int) -> bool:
        terms = holding.terms
        id_ = terms.id
        shares = self._mode == "safe_share" and terms.paced and terms.dimensions
        if shares and now < self._begun + LEASE_MS_MAX:
            return False
        if id_ not in self._places:
            self._open(terms, holding.last.workers, now)
        places = self._places[id_]
        return places is not None and holding.in_flight < places

    def _open(self, whole: AccountTerms, workers: int, now: int) -> None:
        terms = (
            terms_without_ledger(self._mode, whole, max(workers, self._workers))
            if whole.dimensions
            else whole
        )
        if terms is None:
            self._places[whole.id] = None
            return
        # Requests at once are counted with those that were sent before.
        at_once = [one.limit for one in terms.dimensions if one.axis == CONCURRENCY]
        rates = tuple(one for one in terms.dimensions if one.axis != CONCURRENCY)
        self._ledger.open_account(terms._replace(dimensions=rates), now)
        self._places[whole.id] = min(at_once, default=1 << 53)

    def _record(self, holding: Holding, charge: Charge, at: int, now: int) -> None:
        """So much was sent then; where negative, less than was thought."""
        if not any(charge):
            return
        holding.appetite.last = now
        holding.record.without_ledger(charge, at, now)
        if holding.terms.dimensions and (self._mode == "open" or not holding.terms.paced):
            untold = self._untold.setdefault(holding.terms.id, Untold())
            untold.add(charge, at, holding, now, away=self._away)
