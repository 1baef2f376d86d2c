"""An exchange: one request, its reply, and everything the pipeline learns on the way.

One mutable record a request, written by the stages in order and read by `settle`. It holds no I/O objects, so
that whoever reads it (log, metrics, admin) can never disturb the request.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from gateway.charge import NO_ESTIMATE, NOTHING, Estimate, Makeup
from gateway.record import Record
from gateway.settings.snapshot import ModelRoute, ProviderKey, Target, TenantKey


class Kinds(Record, frozen=True):
    """What few replies report: parts of their input and output that cost otherwise, billed calls, another tier."""

    cache_write_1h: int = 0  # of `cache_write`
    audio_in: int = 0  # of `input`
    image_in: int = 0
    audio_out: int = 0  # of `output`
    image_out: int = 0
    searches: int = 0
    tier: str = ""  # as answered, where it is not the standard one


class Usage(Record, frozen=True):
    """Token counts, inclusive: `input` counts cached tokens, `output` counts reasoning."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    source: str = "none"  # provider | estimated | none
    kinds: Kinds | None = None


NO_USAGE = Usage()


class Sizing(Protocol):
    """What a request is made of and may come to: looked up by whoever needs it, and only then worked out."""

    def makeup(self) -> Makeup: ...

    def estimate(self) -> Estimate: ...

    def reads(self) -> int:
        """How often a target that may get it reads all of it, at most."""
        ...

    def needs(self) -> frozenset[str]:
        """What a model must be able to do for it: flags of `capabilities`."""
        ...

    def let_go(self) -> None:
        """The request has to wait: keep what was worked out, and of what can be read again only the text."""
        ...


class Lost(Protocol):
    """What of it could not be told in another dialect, known to the last when it is over."""

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """(kind, field) of each."""
        ...

    def line(self) -> bytes:
        """As callers are told. Empty when nothing was lost."""
        ...


class Purse(Protocol):
    """What it may spend, and what it spent."""

    @property
    def warnings(self) -> tuple[tuple[str, int], ...]:
        """Soft budgets, and how much of each is used, in percent."""
        ...

    @property
    def overflows(self) -> bool:
        """There is money for the local model alone."""
        ...

    async def follow(self, candidates: Any) -> Any:
        """Hold what the request can cost at these, which it may be sent to now; those that there is money for.

        Raises GatewayError when there is none.
        """
        ...

    def begin(self, permit: Any) -> None:
        """Write down that an attempt is sent. Raises GatewayError: it must not be."""
        ...

    def failed(self, permit: Any, reason: str, *, owed: bool, used: Usage | None = None) -> None:
        """The attempt came to nothing. `owed`: the provider may have done the work; `used`: what it did of it."""
        ...

    def lost(self, permit: Any, usage: Usage | None) -> None:
        """The attempt was answered, and another one serves."""
        ...

    def cost_of(self, usage: Usage) -> int | None:
        """In nano-dollars, if the reply used that much."""
        ...


class Sized:
    """The same where it is known, or never will be."""

    __slots__ = ("_estimate", "_makeup")

    def __init__(self, makeup: Makeup = NOTHING, estimate: Estimate = NO_ESTIMATE) -> None:
        self._makeup = makeup
        self._estimate = estimate

    def makeup(self) -> Makeup:
        return self._makeup

    def estimate(self) -> Estimate:
        return self._estimate

    def reads(self) -> int:
        return 1

    def needs(self) -> frozenset[str]:
        return frozenset()

    def let_go(self) -> None:
        """There is nothing."""


_UNSIZED = Sized()
#: Endpoints that name a model and only ask how much it would have to read.
COUNTS_ONLY = frozenset({"responses_input_tokens", "count_tokens", "count_content"})


@dataclass(slots=True)
class Exchange:  # no Record: those are slow to write to, and this one is written all along
    """What is known of one request. Times are monotonic seconds; 0.0 means "has not happened"."""

    request_id: str
    endpoint: str  # name in the route table; a metric label
    dialect: str  # of the path called: openai | anthropic
    arrived: float
    tenant_key: TenantKey | None = None
    priority: str = "conversation"
    deadline: float = 0.0
    agent: str | None = None
    task: str | None = None
    model: str | None = None  # as the caller wrote it
    body_bytes: int = 0  # of the request, as far as it is held in memory
    route: ModelRoute | None = None
    streaming: bool = False
    as_array: bool = False  # its stream is one JSON array
    goes_on: bool = False  # the model may work on when the reply is over
    sizing: Sizing = _UNSIZED  # of its body, for the target that is asked first
    target: Target | None = None
    provider_key: ProviderKey | None = None
    attempts: int = 0
    overflow: str | None = None  # why a local model serves it
    queued: float = 0.0  # read and ready to go upstream
    waited: float = 0.0  # seconds in line, all in all
    sent: float = 0.0  # the first attempt; later by what was waited after it
    first_content: float = 0.0
    upstream_done: float = 0.0
    status: int = 0
    code: str | None = None
    outcome: str = "ok"  # ok | error | refused | client_closed
    relayed_bytes: int = 0
    usage: Usage = NO_USAGE  # replaced, never changed
    lost: Lost | None = None  # of the request and of what answers it
    purse: Purse | None = None  # where money counts
    cost_nusd: int | None = None  # of all attempts, once it is over

    @property
    def ran_model(self) -> bool:
        """Whether a model was asked to work: what is stored, fetched or listed had its usage counted before."""
        return self.target is not None and self.endpoint not in COUNTS_ONLY
