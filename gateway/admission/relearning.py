"""What a ledger that lost its state must still count: what workers tell it, and what those had who do not. Pure.

Each worker tells what it sent in its last minute, and how the lost state stood by its last answer: what was used in
all, by how many live workers, and how much of that is its own. Of the latest such word, less what all have told for
their own, nobody has given account: dead workers sent it, or nobody. It is charged as one lump where it can last
have been sent, leaves with the window, and shrinks when somebody comes later and tells.

Proven: no window is over its ceiling, whoever is dead. Whoever was granted anything after that last answer was
live then, or has told. Who was not live then holds no lease (`LEASE_MS_MAX`), so all it sent is in the total, and
earlier. When one who was live does not come in time, it may have been granted the rest of the ceiling meanwhile:
then all of the ceiling counts as used, where the last lease ends. So at worst what leaves the window is granted.

Who is new asks for nothing while the state is younger than a round (`holding.py`), for it cannot tell what was
lost from what never was.

Left open, each for a heartbeat at most: somebody who had not used the account for a minute and comes before all
who knew is let in; a worker that had been silent for seconds, was granted something after the last answer to
anyone else, and is lost with the state; what a server that came back with an older state grants before one comes
who knew more. (A replica that takes its master's place is known to be another: `redis_ledger.py`.) And two
ledgers that serve at once, and a state that is lost with all who knew it.
"""

from gateway.admission.ledger import Recall, Seen
from gateway.admission.window import LEASE_MS_MAX
from gateway.charge import Charge

#: A worker that was not heard of for so long holds no lease, and takes no share of the stock.
LIVE_MS = 3_000
#: Whoever lives has come by then: they call once a second at least.
ROUND_MS = 1_100
#: For one who was live and does not come no more is waited than this.
MISSING_MS = 3_000

NOTHING = Charge()

# The time of an answer, as told, may be early by as long as its call took, at most a second (`redis_ledger.py`).
assert LEASE_MS_MAX + 1_000 <= LIVE_MS
assert LEASE_MS_MAX <= MISSING_MS


class Relearning:
    """From the first who came back; `now` is this ledger's clock."""

    __slots__ = ("_at", "_began", "_charged", "_charged_at", "_lost", "_own", "_told")

    def __init__(self, now: int) -> None:
        self._began = now
        self._lost: Recall | None = None  # the latest word
        self._at = 0  # of it
        self._told: list[int] = []  # when those who told were last answered, by the lost ledger's clock
        self._own = NOTHING  # of all who told
        self._charged = NOTHING  # the lump
        self._charged_at = 0

    def age(self, now: int) -> int:
        return now - self._began

    def is_before(self, seen: Seen, now: int) -> bool:
        """Whether a worker knew a state that came after the one that was relearned."""
        lost = self._lost
        return lost is not None and self.age(now) >= MISSING_MS and self._is_newer(seen, now)

    def tell(self, recall: Recall, now: int) -> None:
        """What a worker knew of the lost state."""
        lost = self._lost
        if lost is None or self._is_newer(recall, now):
            # What was told of a state before is not known to be part of this one.
            self._told, self._own = [], NOTHING
        elif recall.epoch != lost.epoch:
            return
        if lost is None or not self._told or recall.version > lost.version:
            self._lost, self._at = recall, now - recall.elapsed_ms
        self._told.append(recall.now)
        self._own = Charge(*(one + more for one, more in zip(self._own, recall.own, strict=True)))

    def missing(self) -> int:
        """Workers that were live and have not told."""
        if self._lost is None:
            return 0
        since = self._lost.now - LIVE_MS
        return max(0, self._lost.live - sum(at >= since for at in self._told))

    def goes_on(self, now: int, untold: int) -> bool:
        """Whether nothing may be granted yet; `untold` have come and not told."""
        age = self.age(now)
        if age < ROUND_MS:
            return True
        return age < MISSING_MS and (self._lost is None or untold > 0 or self.missing() > 0)

    def lump(self, limits: Charge) -> tuple[Charge, int]:
        """What was used, or may have been, and nobody has told; and the latest at which it can have been sent."""
        used, at = NOTHING if self._lost is None else self._lost.used, self._at
        if self._lost is None or self.missing():
            used, at = Charge(*map(max, used, limits)), self._began + LEASE_MS_MAX
        return Charge(*(max(0, all_ - own) for all_, own in zip(used, self._own, strict=True))), at

    def charged(self, lump: Charge, at: int) -> tuple[Charge, int]:
        """The lump is charged there now; what was charged before, and where."""
        before = self._charged, self._charged_at
        self._charged, self._charged_at = lump, at
        return before

    def _is_newer(self, word: Seen | Recall, now: int) -> bool:
        """Of another state than the latest word so far, and later."""
        lost = self._lost
        return lost is not None and word.epoch != lost.epoch and now - word.elapsed_ms > self._at
