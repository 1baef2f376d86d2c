"""Who goes on an account that has room: the first by rank, then by virtual service there, whom it fits.

`hold` decides whether what does not fit may be passed. Only signatures that contain the account are looked at, so
what waits for another one is in nobody's way; and each signature has its own number of tries, so that a crowd which
does not fit hides nobody of another signature.
"""

from collections.abc import Callable, Sequence

from gateway.admission.classes import RANKS
from gateway.admission.hold import HOLDS_ALL, PASSES, hold
from gateway.admission.item import Item
from gateway.admission.lanes import Bucket, Entry
from gateway.admission.outlook import Outlook
from gateway.admission.signatures import Signature

#: Of each signature and class, how many that do not fit are passed.
LOOK_PAST = 4


class Search:
    """One search on one account."""

    __slots__ = ("_account", "_now", "_outlook", "_passed", "_signatures", "_try_take")

    def __init__(
        self,
        account: str,
        signatures: Sequence[Signature],
        try_take: Callable[[Item], bool],
        outlook: Outlook,
        now: float,
    ) -> None:
        self._account = account
        self._signatures = signatures
        self._try_take = try_take
        self._outlook = outlook
        self._now = now
        self._passed: list[tuple[Bucket, int, Entry]] = []

    def run(self, ranks: Sequence[int]) -> Item | None:
        """Who goes on the account; it has left its bucket."""
        bar = len(RANKS)
        tried = 0
        try:
            for rank in ranks:
                if rank >= bar or tried >> rank & 1:
                    continue
                tried |= 1 << rank
                found, held = self._in_class(rank)
                if found is not None or held == HOLDS_ALL:
                    return found
                if held != PASSES:
                    bar = rank
        finally:
            for bucket, at, entry in self._passed:
                bucket.set_back(at, entry)
        return None

    def _in_class(self, rank: int) -> tuple[Item | None, int]:
        """The same within one class, or how the one who should go stands in the way of others."""
        tries = {}
        for signature in self._signatures:
            bucket = signature.buckets[rank]
            if bucket.lanes:
                tries[bucket, signature.position[self._account]] = LOOK_PAST
        while tries:
            best: tuple[Entry, tuple[Bucket, int]] | None = None
            for where in tries:
                entry = where[0].first(where[1])
                if entry is not None and (best is None or entry < best[0]):
                    best = entry, where
            if best is None:
                break
            (_, _, lane), where = best
            item = lane.head()
            if self._try_take(item):
                where[0].serve(where[1], self._outlook.share(self._account, item))
                return item, PASSES
            held = hold(item, self._account, self._outlook, self._now)
            if held != PASSES:
                return None, held
            self._passed.append((*where, where[0].set_aside(where[1])))
            tries[where] -= 1
            if not tries[where]:
                del tries[where]
        return None, PASSES
