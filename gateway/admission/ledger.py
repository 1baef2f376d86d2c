"""The ledger's protocol: the shared truth of how full each account's windows are, and the nouns it is asked in.

When a ledger is away `exchange` raises LedgerUnavailableError; what then may still be sent is
`ledger_loss.py`'s decision. Nothing that was granted is lost with it: a lease is charged where it ends, so a
crash counts as spent and heals with the window.

Times named `at` are the ledger's own: milliseconds since 1970 on its clock. A worker reckons them from the
last answer: `answer.now` + (monotonic then − monotonic before that call was made), which is never early. A
lease may be used until the ledger's clock, reckoned so, reads its `at`.
"""

from typing import NamedTuple, Protocol

from gateway.admission.dimension import AccountTerms
from gateway.charge import Charge
from gateway.record import Record

#: No version ever is: it rises by one a call.
_AHEAD_OF_ALL = 1 << 52


class LedgerUnavailableError(Exception):
    """No answer: whether the batch was booked is not known, and sending it again with its number is safe."""


class Report(NamedTuple):
    """A lease was used: it was charged at `at`, where it ends, and was sent at `sent_at`."""

    at: int
    sent_at: int
    charge: Charge


class Return(NamedTuple):
    """A lease will not be used."""

    at: int
    charge: Charge
    rank: int


class Settle(NamedTuple):
    """The provider charged `delta` (signed) more than was granted.

    `at` is where the grant is charged now: `sent_at` once reported, before that the lease's end.
    """

    at: int
    delta: Charge
    rank: int


class Observation(NamedTuple):
    """What the provider said of one dimension, by its headers or by a refusal."""

    dimension: str
    limit: int | None = None
    remaining: int | None = None
    blocked_ms: int = 0  # nothing is granted for so long
    unexpected: bool = False  # a 429 although we thought there was room


class Ask(NamedTuple):
    """A waiting request wants a lease. Of its class goes first, among all workers, whose tenant's tag is least, and
    of equal ones whose `order` is.
    """

    charge: Charge
    rank: int  # position of its class in PRIORITIES
    order: int = 0
    tenant: str = ""


class Served(NamedTuple):
    """A tenant was let go by so much more: millionths of the ceiling, divided by its weight."""

    rank: int
    tenant: str
    amount: int = 0  # signed
    waits: bool = False  # some of it waits here


class Demand(NamedTuple):
    """What waits here in one class besides the asks of the same batch, and after those.

    Where none of the class is asked for, `head` has its place among all workers' like an ask. Without a tenant it
    goes after whatever is asked for.
    """

    rank: int
    requests: int
    total: Charge
    head: Charge
    order: int = 0  # of the head
    tenant: str = ""  # of the head


class Queued(Record, frozen=True, order=True, array_like=True):
    """All that waits here of one tenant and class, asked for or not; without a tenant, of many of them together.

    What a request counts that may go to several accounts is divided among them.
    """

    rank: int
    tenant: str
    weight: float
    oldest_s: float  # has waited for so long
    gone: float  # shares that were let go since it last had nothing waiting
    count: float
    share: float
    requests: float
    input: float
    output: float
    tokens: float


class StockAsk(NamedTuple):
    """Up to `units` leases of the same `charge` for requests to come; granted only where there is plenty."""

    charge: Charge
    units: int
    lease_ms: int


class Seen(NamedTuple):
    """What the worker knew of the ledger before this batch: from its last answer for this account."""

    epoch: int
    version: int
    now: int
    elapsed_ms: int  # since just before that call was made

    def elsewhere(self) -> "Seen":
        """The same of a ledger whose place another has taken: whatever that one knows is behind it."""
        return self._replace(version=_AHEAD_OF_ALL)


class Sent(NamedTuple):
    """Charged on the provider `age_ms` ago, by this worker's own record: what a ledger that forgot is taught."""

    age_ms: int
    charge: Charge


class Recall(NamedTuple):
    """How the lost state stood when it last answered this worker and knew all: what others had is in it."""

    epoch: int
    version: int
    now: int
    elapsed_ms: int  # since just before that call was made
    live: int  # workers
    used: Charge  # of each rate
    own: Charge  # of that, what surely is in this worker's `sent`
    today: int = 0  # requests of the day


class Batch(NamedTuple):
    """One call for one account. One at a time for an account and a worker is the caller's duty.

    A batch without an answer is sent again with the same `number` until it is answered: reports, returns,
    settles, observations and `served` of a number are booked once. Asks are not part of that: leases in a
    lost answer stay charged and expire unused.
    """

    account: AccountTerms
    worker: str
    number: int  # rises by one with every new batch of this worker for this account, from 1
    seen: Seen | None = None
    reports: tuple[Report, ...] = ()
    returns: tuple[Return, ...] = ()
    settles: tuple[Settle, ...] = ()
    observations: tuple[Observation, ...] = ()
    served: tuple[Served, ...] = ()  # and who waits: told only while somebody does
    in_flight: int = 0  # requests on the way and leases in hand, stock included
    demand: tuple[Demand, ...] = ()
    queued: tuple[Queued, ...] = ()  # for the forecasts of other workers; a ledger only hands it on
    asks: tuple[Ask, ...] = ()  # in the order in which they are to be served
    lease_ms: int = 500
    stock: StockAsk | None = None
    sent: tuple[Sent, ...] | None = None  # only after an answer with `relearn`: this worker's own last minute
    recall: Recall | None = None  # with `sent`


class Verdict(NamedTuple):
    """What became of an ask."""

    at: int  # where the lease ends; 0: not now; −1: never
    wait_ms: int = 0  # not now: when it is worth asking again, should nobody else be granted anything

    @property
    def granted(self) -> bool:
        return self.at > 0

    @property
    def too_large(self) -> bool:
        """More than a ceiling allows at all: no waiting helps."""
        return self.at < 0


class Usage(NamedTuple):
    """One dimension as it stands."""

    dimension: str
    used: int
    limit: int  # in force: configured, observed, lowered
    blocked_ms: int


class Answer(NamedTuple):
    """What the ledger booked. `verdicts` stand in the order of the asks."""

    epoch: int
    version: int
    now: int
    relearn: bool  # it does not know what you sent: leases in hand are void, and the next batch takes `sent`
    learning: bool  # grants nothing until all have told what they sent, a few seconds at most
    verdicts: tuple[Verdict, ...]
    stock: int  # leases granted for stock
    stock_at: int  # where they end
    contention: bool  # somebody waits elsewhere: give stock back, but for the top two classes
    waiting: tuple[int, ...]  # requests waiting at other workers, by rank
    live: int  # workers heard of within the last seconds, this one included
    known: int  # workers whose charges may still be in the window
    turn_ms: (
        int  # until those are gone before whom the first who was refused may not go; not less than its wait
    )
    usage: tuple[Usage, ...]
    served: tuple[int, ...]  # by rank, thousandths of the ceiling taken lately of the rate it took most of
    tags: tuple[int, ...]  # of those named in the batch's `served`, in their order (`tenant_tags.py`)
    elsewhere: tuple[Queued, ...]  # what the others told of who waits there

    def seen(self, elapsed_ms: int) -> Seen:
        """What the next batch says of this answer."""
        return Seen(self.epoch, self.version, self.now, elapsed_ms)


class Ledger(Protocol):
    """Memory (one process) or Redis (many)."""

    async def exchange(self, batch: Batch) -> Answer:
        """Book `batch` and decide its asks; raises LedgerUnavailableError."""
        ...

    async def aclose(self) -> None: ...
