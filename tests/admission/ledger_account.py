"""One provider key with a ceiling on requests: a memory ledger, as the line and a simulation see it."""

from collections.abc import Sequence
from math import inf

from gateway.admission.classes import in_order
from gateway.admission.dimension import SET_ASIDE_PERMILLE, AccountTerms, Dimension
from gateway.admission.item import Item
from gateway.admission.ledger import Queued
from gateway.admission.memory_ledger import LedgerTime, MemoryLedger
from tests.admission.manual_clock import ManualClock

_ACCOUNT = "key"


class LedgerAccount:
    """`limit` requests a minute; an `Outlook`, and the order of the classes as the dispatcher makes it."""

    def __init__(self, limit: int, clock: ManualClock) -> None:
        self._clock = clock
        self._time = LedgerTime(clock)
        self._ledger = MemoryLedger(self._time)
        self._rate = limit / 60
        terms = AccountTerms(_ACCOUNT, (Dimension("rpm", limit),), set_aside_permille=SET_ASIDE_PERMILLE)
        self._ledger.open_account(terms, self._time.now())

    def order(self) -> tuple[int, ...]:
        """As dispatching tries them: a rank named twice is tried once."""
        return in_order(self._ledger.served(_ACCOUNT, self._time.now()))

    def try_take(self, item: Item) -> bool:
        return self._ledger.take(_ACCOUNT, item.charge, item.rank, self._time.now()) is not None

    def free_in(self, _account: str, item: Item) -> float:
        wait_ms = self._ledger.next_free_in(_ACCOUNT, item.charge, item.rank, self._time.now())
        return inf if wait_ms is None else wait_ms / 1000

    def sure_in(self, account: str, item: Item) -> float:
        return self.free_in(account, item)

    def opens_in(self, _account: str, _item: Item) -> float:
        return 0.0

    def share(self, _account: str, item: Item) -> float:
        return item.share

    def rates(self, _account: str) -> Sequence[float]:
        return (self._rate, inf, inf, inf)

    def served(self, _account: str) -> Sequence[float]:
        return [part / 1000 for part in self._ledger.served(_ACCOUNT, self._time.now())]

    def elsewhere(self, _account: str) -> Sequence[Queued]:
        return self._ledger.elsewhere(_ACCOUNT, self._time.now())
