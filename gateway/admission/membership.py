"""Which workers a ledger serves, and whether it knows what they sent (reference §2.8). Pure; milliseconds.

A ledger that lost its state must not grant what is still in the provider's window. It knows by its epoch: a
worker that comes with another epoch, or with a version that is ahead, knew a state that is gone. Such workers
teach it what they know; until all who live have, it grants nothing (LEARNING), for some seconds at most: see
`relearning`. Ages are durations on the worker's clock, so that a clock that was set does no harm.
"""

from gateway.admission.account_model import AccountModel
from gateway.admission.concurrency import OWNER_DEAD_MS
from gateway.admission.dimension import WINDOW_MS
from gateway.admission.ledger import Batch
from gateway.admission.relearning import LIVE_MS, Relearning
from gateway.admission.window import LEASE_MS_MAX, jitter_ms

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

    __slots__ = ("epoch", "members", "relearning", "version")

    def __init__(self, epoch: int, relearning: Relearning | None = None) -> None:
        self.epoch = epoch
        self.version = 0
        self.members: dict[str, Member] = {}
        self.relearning = relearning

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
        if self.relearning is not None and self.relearning.age(now) >= FORGOTTEN_MS:
            self.relearning = None
        member = self.members.setdefault(batch.worker, Member())
        member.beat = now
        self.version += 1
        if not member.joined:
            self._welcome(member, batch, now)
        return member

    def relearn(self, batch: Batch, account: AccountModel, now: int) -> None:
        """What the worker tells, and what then has to be charged that nobody tells."""
        for one in batch.sent or ():
            account.learn(one.charge, now - max(0, one.age_ms))
        if batch.recall is not None:
            account.learn_day(batch.recall.today, now - batch.recall.elapsed_ms)
            if self.relearning is not None:
                self.relearning.tell(batch.recall, now)

    def learning(self, now: int) -> bool:
        if self.relearning is None:
            return False
        untold = sum(not one.joined and one.beat >= now - LIVE_MS for one in self.members.values())
        return self.relearning.goes_on(now, untold)

    def known(self) -> int:
        """Workers whose charges may still be in the window, those included that have not come back yet."""
        missing = 0 if self.relearning is None else self.relearning.missing()
        return missing + sum(one.joined for one in self.members.values())

    def live(self, now: int) -> int:
        return sum(one.beat >= now - LIVE_MS for one in self.members.values())

    def _welcome(self, member: Member, batch: Batch, now: int) -> None:
        seen = batch.seen
        if seen is None or seen.elapsed_ms >= FORGOTTEN_MS:
            member.joined = True  # it has sent nothing that still counts
        elif seen.epoch != self.epoch and (self.relearning is None or self.relearning.is_before(seen, now)):
            self.relearning = Relearning(now)
        if batch.sent is not None:
            member.joined = True
