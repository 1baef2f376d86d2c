"""The configuration in force: immutable, complete and resolved, built once and replaced whole.

The request path reads this and nothing else; where it came from (file, environment, database) is
`load.py`'s business. Every reference between parts is a direct object reference, so nothing is looked up
twice, and every bound has a value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Literal, TypeVar

import orjson

from budgets.price_override import Override
from gateway.settings.model_facts import UNKNOWN, ModelFacts, Models
from keys.scope import UNLIMITED, Scope
from keys.secret import Secret
from keys.secrets.reference import Reference
from keys.standing import KeyStanding

_Number = TypeVar("_Number", int, float)

#: Most urgent first; the position is the rank.
PRIORITIES = ("supervised", "conversation", "scheduled", "consolidation", "evaluation")
RANKS = {name: rank for rank, name in enumerate(PRIORITIES)}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where bytes may be sent: scheme, host and port of a configured provider (or of its egress proxy)."""

    scheme: str  # "http" | "https"
    host: str
    port: int

    @property
    def tls(self) -> bool:
        return self.scheme == "https"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


def bound(default: _Number, meaning: str) -> _Number:
    """A bound with its default, and what it is for."""
    made: _Number = field(default=default, metadata={"meaning": meaning})
    return made


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bytes and seconds; past a bound the answer is the status in brackets.

    Every limit of contract §3 on sizes and times, with what it is for: the setting of the same name is made of it
    (`schema_bounds`), so a name ends in its unit.
    """

    body_bytes: int = bound(32 * 1024 * 1024, "Request body (413).")
    header_count: int = bound(100, "Request headers, in number (431).")
    header_bytes: int = bound(32 * 1024, "Request headers, in bytes together (431).")
    url_bytes: int = bound(8 * 1024, "Request target (414).")
    json_depth: int = bound(128, "Nesting of a JSON body (400).")
    header_read_s: float = bound(10.0, "Until the request's headers are in (408).")
    body_gap_s: float = bound(30.0, "Between two pieces of a request body (408).")
    body_read_s: float = bound(120.0, "Until the whole request body is in (408).")
    connect_s: float = bound(5.0, "Connecting to a provider, TLS included.")
    first_frame_s: float = bound(120.0, "Until a provider's first frame (504).")
    first_frame_reasoning_s: float = bound(600.0, "The same for reasoning models (504).")
    frame_gap_s: float = bound(60.0, "Between two frames; comments do not count.")
    client_stall_s: float = bound(60.0, "A caller that does not read is cut off.")
    exchange_s: float = bound(900.0, "One exchange from arrival to end.")
    stream_buffer_bytes: int = bound(256 * 1024, "Buffered per stream.")
    frame_bytes: int = bound(16 * 1024 * 1024, "One frame of a stream (502).")
    reply_bytes: int = bound(64 * 1024 * 1024, "A provider's reply that is not a stream (502).")
    reply_header_bytes: int = bound(64 * 1024, "A provider's reply headers (502).")
    spool_bytes: int = bound(1024 * 1024, "Of a multipart body kept in memory.")
    stored_bytes: int = bound(
        1024 * 1024 * 1024, "Of a tenant's responses that are kept; past it the oldest are deleted."
    )
    commit_after_s: float = bound(10.0, "Silence after which a stream is opened to the caller all the same.")
    keep_alive_s: float = bound(15.0, "Silence after which a stream gets a comment.")
    attempts_ratio: float = bound(1.2, "Upstream attempts over requests, in any minute.")
    connections: int = bound(2048, "Callers' connections per worker.")
    upstream_connections: int = bound(4096, "Connections to one provider per worker.")
    upstream_idle: int = bound(256, "Of these, kept open while idle.")
    upstream_idle_s: float = bound(30.0, "How long an idle one is kept.")
    idempotent_answers: int = bound(10_000, "Answers kept for their idempotency keys, per worker.")
    idempotent_answer_bytes: int = bound(
        64 * 1024 * 1024, "The same in bytes together; one larger than a quarter of it is not kept."
    )
    shutdown_grace_s: float = bound(30.0, "What running exchanges are given to end after SIGTERM.")


@dataclass(frozen=True, slots=True)
class Limits:
    """Ceilings of a provider key or a tenant key; None is unlimited. Per minute, but `rpd` and `concurrency`."""

    rpm: int | None = None
    tpm: int | None = None
    itpm: int | None = None
    otpm: int | None = None
    rpd: int | None = None
    concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """A cap on spending, in nano-dollars per `period` (UTC).

    `id` is the database's, or made of where the file has it: `*:month`, `tenant:month`,
    `tenant:key:day`, with `:soft` behind that of a soft one beside a hard one.
    """

    period: Literal["day", "week", "month", "total"]
    limit_nusd: int
    enforce: str = "hard"  # hard | soft
    id: str = ""
    anchor_day: int = 1  # of the month or the week: when a period begins


@dataclass(frozen=True, slots=True)
class Provider:
    """An upstream API."""

    id: str
    dialect: str  # openai | azure | anthropic | gemini | ollama
    flavour: str  # openai | vllm | groq | mistral | deepseek | xai | openrouter | together | generic | sim
    origin: Origin
    base_path: str  # path part of base_url, no trailing slash ("/v1" or "")
    apis: frozenset[str]  # chat, completions, responses, embeddings, …; see schema.APIS
    local: bool = False
    api_version: str | None = None  # azure
    egress_proxy: Origin | None = None
    egress_proxy_auth: Secret | None = None  # "user:password"
    egress_proxy_reference: Reference | None = None  # where it is kept, and looked at again
    ca_file: str | None = None  # extra trust for this provider's TLS
    echo_model: bool = False

    @property
    def base_url(self) -> str:
        """As one would write it."""
        return str(self.origin).removesuffix(":443" if self.origin.tls else ":80") + self.base_path


@dataclass(frozen=True, slots=True, eq=False)
class ProviderKey:
    """One credential at a provider, with its ceilings. `id` is the pool id of the admin API."""

    id: str
    provider: Provider
    secret: Secret | None  # None where the provider takes no credential (local models)
    tenants: frozenset[str] | None  # None: every tenant
    limits: Limits = Limits()
    burst_s: float | None = None
    models: tuple[str, ...] = ("*",)
    model_limits: tuple[tuple[str, Limits], ...] = ()  # by pattern of the model; the first that fits counts
    reference: Reference | None = None  # where `secret` is kept, and looked at again
    weight: float = 1.0  # how much it takes until it counts as equally full as another
    state: str = "enabled"  # enabled | disabled | draining: of the latter only what is bound to it is served

    @property
    def lacks_secret(self) -> bool:
        """Whether it needs one that cannot be had now."""
        return self.secret is None and self.reference is not None

    def serves(self, model: str) -> bool:
        """Whether this key may be used for `model`, the provider's own name of it."""
        return any(pattern == "*" or fnmatchcase(model, pattern) for pattern in self.models)


@dataclass(frozen=True, slots=True)
class Target:
    """A provider and one of its models."""

    provider: Provider
    model: str
    #: The model's name as JSON text: spliced into every request, so made once.
    quoted: bytes = field(default=b"", compare=False, repr=False)
    #: What is known of the model; another configuration of it is another target.
    facts: ModelFacts = field(default=UNKNOWN, hash=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "quoted", orjson.dumps(self.model))

    def __str__(self) -> str:
        return f"{self.provider.id}/{self.model}"


@dataclass(frozen=True, slots=True)
class ModelRoute:
    """What a caller may put in `model`."""

    id: str
    targets: tuple[Target, ...]
    overflow: Target | None = None
    hint: str | None = None
    #: What metrics call it: its id, or `provider/*` where a caller named provider and model directly.
    label: str = ""

    def __post_init__(self) -> None:
        if not self.label:
            object.__setattr__(self, "label", self.id)


@dataclass(frozen=True, slots=True)
class Tenant:
    """Who pays and whose data is apart."""

    id: str
    weight: float = 1.0
    models: Mapping[str, tuple[Target, ...]] = field(default_factory=lambda: MappingProxyType({}))
    budgets: tuple[Budget, ...] = ()
    fetch_urls: bool = (
        False  # what its requests name by URL is fetched for models that cannot get it themselves
    )


@dataclass(frozen=True, slots=True, eq=False)
class TenantKey:
    """What a caller presents, known by the HMAC-SHA256 of its secret under the pepper."""

    id: str
    tenant: Tenant
    digest: bytes
    priority: str = "conversation"
    priority_max: str = "supervised"
    limits: Limits = Limits()
    budgets: tuple[Budget, ...] = ()
    scope: Scope = UNLIMITED
    #: Where the key, or one of its values, ends at some moment. Digests have no version there.
    standing: KeyStanding | None = None
    stored: bool = False  # made by the admin API, and not by the file
    reference: Reference | None = None  # in Vault: where its value is kept, and looked at again


@dataclass(frozen=True, slots=True)
class Queue:
    depth_max: int = 1000
    bytes_max: int = 268_435_456
    overflow_depth: int = 50


@dataclass(frozen=True, slots=True)
class Routing:
    strategy: Literal["adaptive", "round_robin"] = "adaptive"


@dataclass(frozen=True, slots=True)
class Hedge:
    enabled: bool = False
    tokens_ratio: float = 0.02
    input_tokens_max: int = 16_000


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """One generation of the configuration."""

    generation: int
    providers: Mapping[str, Provider]
    provider_keys: tuple[ProviderKey, ...]
    routes: Mapping[str, ModelRoute]
    tenants: Mapping[str, Tenant]
    tenant_keys: Mapping[bytes, TenantKey]  # by digest
    pepper: bytes = field(repr=False)
    pepper_previous: bytes | None = field(default=None, repr=False)
    bounds: Bounds = Bounds()
    queue: Queue = Queue()
    routing: Routing = Routing()
    hedge: Hedge = Hedge()
    on_ledger_loss: str = "safe_share"
    on_disconnect: str = "auto"
    lenient: bool = False
    #: Corrections to the package's data by pattern of the model, in the order of the configuration.
    capabilities: Mapping[str, Mapping[str, object]] = field(default_factory=lambda: MappingProxyType({}))
    #: By these and by the package: for targets that no route names, which have theirs with them.
    models: Models = field(default_factory=lambda: Models({}))
    #: Tenant keys whose values are in Vault, which is asked later: without digests; filled they are `tenant_keys`.
    awaited_keys: tuple[TenantKey, ...] = ()
    #: On all tenants together.
    shared_budgets: tuple[Budget, ...] = ()
    #: What goes before the price list.
    prices: tuple[Override, ...] = ()

    @property
    def in_service(self) -> tuple[ProviderKey, ...]:
        """The provider keys that anything may be sent by."""
        return tuple(key for key in self.provider_keys if key.state != "disabled")

    def budgets_of(self, key: TenantKey) -> tuple[Budget, ...]:
        """Every cap on what the key spends, the widest first: on all, on its tenant, on itself."""
        return self.shared_budgets + key.tenant.budgets + key.budgets

    def resolve(self, tenant: Tenant, name: str) -> ModelRoute | None:
        """The route that `name` means for `tenant`, or None.

        A route's id is that route (or what the tenant points it at); anything else is split at the first `/`
        into a provider and its own name for the model.
        """
        route = self.routes.get(name)
        if route is not None:
            own = tenant.models.get(name)
            if own is None:
                return route
            return ModelRoute(name, own, route.overflow, route.hint)
        provider_id, slash, model = name.partition("/")
        provider = self.providers.get(provider_id)
        if provider is None or not slash or not model:
            return None
        target = Target(provider, model, facts=self.models.of(provider, model))
        return ModelRoute(name, (target,), label=f"{provider_id}/*")

    def keys_for(self, tenant: Tenant, target: Target) -> tuple[ProviderKey, ...]:
        """The provider keys that `tenant` may use for `target`, in the order of the configuration."""
        return tuple(
            key
            for key in self.provider_keys
            if key.provider.id == target.provider.id
            and key.state == "enabled"
            and (key.tenants is None or tenant.id in key.tenants)
            and key.serves(target.model)
        )
