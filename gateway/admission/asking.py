"""When the ledger is asked for whoever waits in this worker, and what is known of when it will say yes. Pure.

While something waits, the ledger is asked when it said that it might grant, and at least every quarter of a second,
so that other workers know of it (rows of half a second, `waiting.py`). At once when somebody more urgent comes than
those who were refused, or when something was given back.
"""

from collections.abc import Sequence

from gateway.admission.classes import RANKS
from gateway.admission.ledger import Ask, Verdict
from gateway.charge import Charge

POLL_MS = 250
#: What rises faster than this is worth waiting for: the bucket of a second (`pace.py`) holds it meanwhile.
POLL_MS_MIN = 20
#: What it said is known for so long.
_KNOWN_MS = 2 * POLL_MS
#: Too early by a rounding is refused, and costs `POLL_MS_MIN`.
_NOT_EARLY_MS = 2
#: After a settlement others are waited for, so that one call says them all.
_FREED_MS = 10
#: Who found no lease is looked for so long: one that may go to several accounts is named at each in turn.
_WANTED_MS = 5_000
ASKS_MAX = 64
_ASKS_MIN = 8
_NOBODY = len(RANKS)


class Asking:
    """For one account of one worker. `jitter` gives numbers from 0 to 1."""

    __slots__ = (
        "_again", "_heard_at", "_missed_rank", "_paused_until", "_refused_rank", "_retry_at", "_unused", "_waits",
        "_wanted_until", "freed", "most", "too_large",
    )  # fmt: skip

    def __init__(self) -> None:
        self.most = _ASKS_MIN  # asks in one batch
        self._wanted_until = 0
        self._retry_at = 0
        self._paused_until = 0
        self._refused_rank = _NOBODY  # the most urgent who was refused last
        self._missed_rank = _NOBODY  # the most urgent who found no lease since the last call
        self.freed = False  # something was given back since the last call
        self._again = False  # and somebody waited
        self._heard_at = -_KNOWN_MS  # of who waits
        self._unused = 0  # in how many turns nobody took what was granted
        self._waits = [0] * len(RANKS)
        self.too_large: tuple[Charge, ...] = ()  # of the last asks, by the ledger's word

    def missed(self, rank: int, now: int) -> None:
        """Somebody found no lease in hand."""
        self._wanted_until = now + _WANTED_MS
        self._missed_rank = min(rank, self._missed_rank)
        if rank < self._refused_rank:
            self._retry_at = min(self._retry_at, now)
        elif self.freed:
            self.comes_back(now, waited_for=True)

    def comes_back(self, now: int, *, waited_for: bool) -> None:
        """Something that was charged, or a place in flight. Until the next call once is enough."""
        self.freed = True
        if waited_for:
            self._again = True
            self._retry_at = min(self._retry_at, now + _FREED_MS)

    def look(self, now: int) -> None:
        """Who is first has changed, by what the ledger just said. After `heard`."""
        self._retry_at = min(self._retry_at, now)

    def due(self, now: int) -> int | None:
        """When to ask; None while nobody waits."""
        return max(self._retry_at, self._paused_until) if now < self._wanted_until else None

    def may_ask(self, now: int) -> bool:
        return now >= self._paused_until

    def pause(self, until: int) -> None:
        """Nobody is asked for before."""
        self._paused_until = until

    def used(self, some: bool, now: int) -> None:
        """Whether any of what was granted for those who wait was taken. Nobody is asked for again and again."""
        self._unused = 0 if some else self._unused + 1
        if self._unused:
            self._paused_until = now + min(POLL_MS, POLL_MS_MIN << min(self._unused, 4))

    def called(self, asks: Sequence[Ask], now: int) -> None:
        """The ledger is asked for them now; for nobody is an answer too."""
        self._missed_rank = _NOBODY
        self.freed = self._again = False
        self._retry_at = now + POLL_MS
        if asks:
            self._wanted_until = max(self._wanted_until, now + _WANTED_MS)
        else:
            self._refused_rank = _NOBODY

    def heard(
        self,
        asks: Sequence[Ask],
        verdicts: Sequence[Verdict],
        before: int,
        now: int,
        jitter: float,
        turn_ms: int = 0,
        look_ms: int | None = None,
    ) -> None:
        """The answers to a call made at `before`. The first who was refused is asked for again when it is its turn.

        A place may come to be free meanwhile: look after `look_ms`.
        """
        told = list(zip(asks, verdicts, strict=True))
        self.too_large = tuple(ask.charge for ask, verdict in told if verdict.too_large)
        refused = [(ask, verdict.wait_ms) for ask, verdict in told if verdict.wait_ms]
        granted = sum(verdict.granted for verdict in verdicts)
        self._waits = [0] * len(RANKS)
        self._refused_rank = min((ask.rank for ask, _ in refused), default=_NOBODY)
        if asks:
            self._heard_at = now
        if refused:
            self.most = max(_ASKS_MIN, min(ASKS_MAX, 2 * granted))
            first, wait_ms = refused[0]
            for rank in RANKS[first.rank :]:
                self._waits[rank] = before + wait_ms
            wait_ms = max(wait_ms + _NOT_EARLY_MS, turn_ms + _NOT_EARLY_MS, POLL_MS_MIN)
            later = now + int(POLL_MS * (0.75 + 0.25 * jitter))
            self._retry_at = before + wait_ms if wait_ms <= POLL_MS else later
            if look_ms is not None and wait_ms <= POLL_MS + _NOT_EARLY_MS:
                self._retry_at = min(self._retry_at, now + look_ms)
        elif granted:  # there may be more who wait
            self.most = min(ASKS_MAX, 2 * self.most)
            self._retry_at = now
        else:
            self._retry_at = now + POLL_MS
        if self._missed_rank < self._refused_rank:
            self._retry_at = now
        elif self._again:
            self._retry_at = min(self._retry_at, now + _FREED_MS)

    def denied(self, rank: int, until: int) -> None:
        """Who does not wait in line was told when to come again. After `heard`."""
        self._waits[rank] = max(self._waits[rank], until)

    def is_too_large(self, charge: Charge) -> bool:
        """Whether the ledger said so, of this or of something that is no larger."""
        return any(all(map(int.__ge__, charge, refused)) for refused in self.too_large)

    def knows(self, now: int) -> bool:
        """Whether the ledger said lately when it may grant something: who waits is asked for all the time."""
        return now - self._heard_at < _KNOWN_MS

    def free_in(self, rank: int, now: int) -> int:
        """Until the next call, or until the ledger may grant the class something, as it said."""
        return max(0, self._waits[rank] - now, min(self._retry_at - now, POLL_MS))
