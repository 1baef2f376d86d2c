"""What waits in the line: one exchange, as far as admission must know it."""

from typing import NamedTuple

from gateway.charge import Charge
from gateway.record import Record


class Item(Record, eq=False):
    """One exchange that waits, or might. The last four fields are the line's own: others leave them alone."""

    id: str
    signature: tuple[str, ...]  # the accounts that may serve it, best first
    rank: int  # of its class: 0 is the most urgent
    tenant: str
    charge: Charge  # what it will be charged at most, when it goes
    share: float  # predicted: the largest part of any ceiling that it will use up
    bytes: int
    arrived: float  # monotonic seconds, as all times here
    ttl: float  # how long its class may wait
    weight: float = 1.0  # of its tenant
    deadline: float | None = None
    group: str = (
        ""  # who is held up together, by what is not room: a model that its key cannot serve just now
    )
    hint: str | None = None  # of the route it asked for
    guessed: bool = (
        False  # how long it waits for output is: of answers like these, or before it, little is known
    )
    owner: object = None  # whom to tell; the dispatcher's

    expires_at: float = 0.0  # the end of its class's patience, or its deadline
    order: int = 0  # in which it came, over the whole line; 0: it has not
    ahead_of_all: bool = (
        False  # put back after a refusal: first of its lane, however close others' deadlines are
    )
    served_at: str | None = None  # the account whose virtual service carries it

    def __post_init__(self) -> None:
        patience_ends = self.arrived + self.ttl
        self.expires_at = patience_ends if self.deadline is None else min(self.deadline, patience_ends)


class Work(Record, eq=False):
    """What some items add up to."""

    count: int = 0
    share: float = 0.0
    requests: int = 0
    input: int = 0
    output: int = 0
    tokens: int = 0

    def add(self, item: Item) -> None:
        requests, input_, output, tokens = item.charge
        self.count += 1
        self.share += item.share
        self.requests += requests
        self.input += input_
        self.output += output
        self.tokens += tokens

    def subtract(self, item: Item) -> None:
        requests, input_, output, tokens = item.charge
        self.count -= 1
        # Shares are fractions and do not cancel exactly; an empty sum is exactly nothing.
        self.share = max(0.0, self.share - item.share) if self.count else 0.0
        self.requests -= requests
        self.input -= input_
        self.output -= output
        self.tokens -= tokens


class Accepted(NamedTuple):
    """The item waits; `victims` no longer do, to make room for it."""

    victims: tuple[Item, ...] = ()


class Refused(NamedTuple):
    """The item does not wait. `retry_after_s` is when a request like it may expect to go."""

    reason: str
    retry_after_s: float


#: Reasons of a refusal, and of having been shed: values of `shed_total{reason}`.
LINE_FULL = "line_full"
CLASS_FULL = "class_full"
TENANT_FULL = "tenant_full"
OVERLOAD = "overload"
DEADLINE_UNREACHABLE = "deadline_unreachable"
