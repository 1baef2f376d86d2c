"""Which workers a ledger serves, and whether it knows what they sent (reference §2.8). Pure; milliseconds.

A ledger that lost its state must not grant what is still in the provider's window. It knows by its epoch: a
worker that comes with another epoch, or with a version that is ahead, knew a state that is gone. Such workers
teach it their own last minute; until as many have as were known before, or a window has passed, it grants
nothing (LEARNING). Ages are durations on the worker's clock, so that a clock that was set does no harm. One
hole is known and left: somebody new who comes before all who knew is let in; heartbeats of a second keep it
small.
"""

from gateway.admission.concurrency import OWNER_DEAD_MS
from gateway.admission.dimension import WINDOW_MS
from gateway.admission.ledger import Batch
from gateway.admission.window import LEASE_MS_MAX, jitter_ms

#: A worker that was not heard of for so long takes no share of the stock.
LIVE_MS = 3_000
#: After this nothing that was granted before still counts.
FORGOTTEN_MS = WINDOW_MS + jitter_ms(WINDOW_MS) + LEASE_MS_MAX
#: How far the ledger's clock may be ahead of the worker's reckoning before it must have been set.
CLOCK_JUMP_MS = 2_000
#: How far it may step back: time stands still meanwhile.
CLOCK_BACK_MS = 1_000

assert OWNER_DEAD_MS < FORGOTTEN_MS


class Member:
    """One worker as this ledger knows it."""

    __slots__ = ("applied", "beat", "joined")

    def __init__(self) -> None:
        self.beat = 0
        self.applied = 0  # the last batch that was booked
        self.joined = False  # it has taught us its last minute, or had nothing to teach


class Membership:
    """Epoch, version and members of one account."""

    __slots__ = ("_born", "_expected", "_learned", "epoch", "members", "version")

    def __init__(self, epoch: int, now: int, expected: int = 0) -> None:
        self.epoch = epoch
        self.version = 0
        self.members: dict[str, Member] = {}
        self._born = now
        self._expected = expected  # workers that knew the state before this one
        self._learned = 0  # of these, how many have told

    def contradicted(self, batch: Batch, now: int) -> bool:
        """Whether what the worker saw cannot be this state: a replica that lagged, or a clock that was set."""
        seen = batch.seen
        if seen is None or seen.epoch != self.epoch:
            return False
        if seen.version > self.version:
            return True
        return seen.elapsed_ms < FORGOTTEN_MS and now - seen.now - seen.elapsed_ms > CLOCK_JUMP_MS

    def meet(self, batch: Batch, now: int) -> Member:
        """The worker of `batch`, with its beat; those not heard of while anything counts are forgotten."""
        for name in [name for name, one in self.members.items() if one.beat < now - FORGOTTEN_MS]:
            del self.members[name]
        member = self.members.setdefault(batch.worker, Member())
        member.beat = now
        self.version += 1
        if not member.joined:
            self._welcome(member, batch, now)
        return member

    def learning(self, now: int) -> bool:
        return self._learned < self._expected and now < self._born + FORGOTTEN_MS

    def known(self, now: int) -> int:
        """Workers whose charges may still be in the window, those included that have not come back yet."""
        missing = max(0, self._expected - self._learned) if now < self._born + FORGOTTEN_MS else 0
        return missing + sum(one.joined for one in self.members.values())

    def live(self, now: int) -> int:
        return sum(one.beat >= now - LIVE_MS for one in self.members.values())

    def _welcome(self, member: Member, batch: Batch, now: int) -> None:
        seen = batch.seen
        if seen is None or seen.elapsed_ms >= FORGOTTEN_MS:
            member.joined = True  # it has sent nothing that still counts
        elif seen.epoch != self.epoch:
            self._expected = max(self._expected, seen.known)
            self._born = (
                now  # who is missing is waited for from here on, wherever the clock was set meanwhile
            )
        if batch.sent is not None and not member.joined:
            member.joined = True
            self._learned += 1
