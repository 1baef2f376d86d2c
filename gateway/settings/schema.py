"""The configuration file: exactly what may be said in it (contract §2).

These models hold what was written; `resolve` turns it into the snapshot. Every field's description is its
entry in docs/configuration.md.
"""

from typing import Literal

from pydantic import Field

from gateway.settings.schema_bounds import BoundsSection
from gateway.settings.schema_capabilities import CapabilitySection
from gateway.settings.schema_prices import PriceSection
from gateway.settings.schema_types import (
    Api,
    Count,
    Dialect,
    Flag,
    Flavour,
    Id,
    ListOf,
    LogLevel,
    ModelName,
    ModelPattern,
    OneOrMore,
    Port,
    Priority,
    Reference,
    Seconds,
    SecretPlaces,
    Section,
    Size,
    TargetName,
    Text,
    Url,
    Usd,
    VaultPath,
    Weight,
)
from gateway.settings.snapshot import Hedge, Queue, Routing

_H, _Q, _R = Hedge(), Queue(), Routing()


class LimitsSection(Section):
    """Ceilings; one that is left out is unlimited."""

    rpm: Count | None = Field(default=None, description="Requests per minute.")
    tpm: Count | None = Field(default=None, description="Tokens per minute, input and output together.")
    itpm: Count | None = Field(default=None, description="Input tokens per minute.")
    otpm: Count | None = Field(default=None, description="Output tokens per minute.")
    rpd: Count | None = Field(default=None, description="Requests per day.")
    concurrency: Count | None = Field(default=None, description="Requests at the same time.")


class BudgetSection(Section):
    """A cap on spending."""

    period: Literal["day", "week", "month", "total"] = Field(description="What the amount is for, in UTC.")
    usd: Usd = Field(description="The amount in US dollars, in whole billionths.")
    anchor: Count = Field(
        default=1,
        description="The day on which a week (1 Monday to 7 Sunday) or a month (1 to 31, in shorter ones their "
        "last day) begins.",
        le=31,
    )
    enforce: Literal["hard", "soft"] = Field(
        default="hard", description="`hard` refuses; `soft` only reports."
    )


class ProviderSection(Section):
    """An upstream API."""

    id: Id = Field(description="Its name here, in `model` as `id/model` and in metrics.")
    dialect: Dialect = Field(description="The wire format it speaks.")
    base_url: Url = Field(
        description="For `openai` with the version (`https://api.openai.com/v1`), for the others the root. "
        "`http://` only for loopback, `local: true` or `insecure_http: true`."
    )
    flavour: Flavour | None = Field(
        default=None,
        description="The quirks of a compatible provider; inferred from well-known hosts, else `generic`.",
    )
    local: Flag = Field(
        default=False, description="A model server of ours: free, may do without a credential."
    )
    apis: OneOrMore[Api] | None = Field(
        default=None,
        description="Which APIs it speaks; by default what its flavour is known to. "
        "Only `openai` and `azure` speak `responses` unless told.",
    )
    insecure_http: Flag = Field(
        default=False, description="Accept `http://` to another host: the secret goes in clear."
    )
    api_version: Text | None = Field(
        default=None, description="Azure only: the `api-version`.", pattern=r"^[A-Za-z0-9._-]{1,64}$"
    )
    egress_proxy: Url | None = Field(
        default=None, description="HTTP proxy through which it is reached, `http://host:port`."
    )
    egress_proxy_auth: Reference | None = Field(
        default=None, description="Secret reference to `user:password` for that proxy."
    )
    ca_file: Text | None = Field(default=None, description="PEM file of further roots to trust for its TLS.")
    echo_model: Flag | None = Field(default=None, description="Overrides the top-level `echo_model`.")


class WindowsSection(Section):
    """How finely the provider enforces its rates."""

    burst_s: Seconds | None = Field(
        default=None,
        description="The finest slice in which it does, 0.1 to 60 s. No more goes in it than rate × burst_s, "
        "what is whole of it; one request may always. The rate is the one in force, as headers tell it or a "
        "surprise lowered it. Under another length a slice begins as full as the minute is. "
        "What such a provider says is left is of a slice, and not taken for what others used of the minute.",
        ge=0.1,
        le=60,
    )


class PoolSection(Section):
    """A provider key: one credential at a provider, with its ceilings."""

    id: Id = Field(description="Its name in the admin API, metrics and `x-gateway-key`.")
    provider: Id = Field(description="The provider that it belongs to.")
    secret: Reference | None = Field(
        default=None,
        description="`env:NAME`, `file:/path` or `vault:mount/path#field`, never a literal. "
        "May be left out for local providers and `ollama`.",
    )
    tenants: OneOrMore[Text] = Field(default=("*",), description='Who may use it: `["*"]` or ids of tenants.')
    limits: LimitsSection = Field(
        default=LimitsSection(), description="The ceilings that the provider gave it."
    )
    model_limits: dict[ModelPattern, LimitsSection] = Field(
        default={},
        description="Ceilings of classes of models, by pattern; the first that fits counts, and in place of "
        "`limits`: of those models what it leaves out is unlimited. What was used is known under the "
        "pattern: under another one a minute begins anew, which the provider's does not.",
    )
    windows: WindowsSection = Field(
        default=WindowsSection(), description="How finely the provider enforces its rates."
    )
    weight: Weight = Field(
        default=1.0,
        description="How much more it is given than others that may serve the same: with 2 it counts as full as "
        "one of weight 1 that has half as many requests under way; in `round_robin` it has twice the turns.",
    )
    models: OneOrMore[ModelPattern] = Field(
        default=("*",), description="Which of the provider's models it may be used for; `*` matches anything."
    )


class ModelSection(Section):
    """A model route: what callers may put in `model`, besides `provider/model`."""

    id: ModelName = Field(description="The name, printable ASCII without spaces.")
    targets: OneOrMore[TargetName] = Field(description="`provider/model`, in order of preference.")
    overflow: TargetName | None = Field(
        default=None,
        description="`provider/model` of a local provider (`local: true`, no other), which takes what would wait "
        "too long.",
    )
    hint: Id | None = Field(
        default=None, description="What the route is for; `fast` and `embed` overflow early."
    )


class TenantKeySection(Section):
    """What a caller presents."""

    id: Id = Field(description="Its name, unique in its tenant.")
    secret: Reference = Field(description="Reference to its value, of at least 20 printable characters.")
    priority: Priority = Field(default="conversation", description="The class of requests that name none.")
    priority_max: Priority = Field(
        default="supervised", description="The most urgent class that it may ask for."
    )
    limits: LimitsSection = Field(default=LimitsSection(), description="Its own ceilings: past them 429.")
    budgets: ListOf[BudgetSection] = Field(default=(), description="Its caps on spending.")


class TenantSection(Section):
    """Who pays and whose data is apart."""

    id: Id = Field(description="Its name.")
    weight: Weight = Field(default=1.0, description="Its share inside a priority class, 0.001 to 1000.")
    models: dict[ModelName, OneOrMore[TargetName]] = Field(
        default={},
        description="What a route means for this tenant: route → `provider/model` or a list of them.",
    )
    fetch_urls: Flag = Field(
        default=False,
        description="Fetch what its requests name by URL (https, public addresses) for models that cannot.",
    )
    budgets: ListOf[BudgetSection] = Field(default=(), description="Caps on all of its keys together.")
    keys: ListOf[TenantKeySection] = Field(default=(), description="Its keys.")


class QueueSection(Section):
    """The line of requests that wait for room."""

    depth_max: Count = Field(default=_Q.depth_max, description="Requests that may wait.")
    bytes_max: Size = Field(default=_Q.bytes_max, description="Bytes of their bodies together.")
    overflow_depth: Count = Field(
        default=_Q.overflow_depth, description="Length of a line from which it overflows."
    )


class RoutingSection(Section):
    """How one of the keys that may serve a request is chosen."""

    strategy: Literal["adaptive", "round_robin"] = Field(
        default=_R.strategy,
        description="`adaptive`: the key with a warm prompt cache, else the faster and emptier of two; "
        "`round_robin`: in turn.",
    )


class HedgeSection(Section):
    """A second attempt at another key while the first is late, for the two most urgent classes."""

    enabled: Flag = Field(default=_H.enabled, description="Whether to; input is then paid for twice.")
    tokens_ratio: float = Field(
        default=_H.tokens_ratio,
        description="Second attempts over requests, and their tokens over those of all requests, at most.",
        strict=True,
        gt=0,
        le=0.02,
        allow_inf_nan=False,
    )
    input_tokens_max: Count = Field(
        default=_H.input_tokens_max, description="Longer prompts get no second attempt."
    )


class AppRoleSection(Section):
    """AppRole credentials."""

    role_id: Reference = Field(description="`env:NAME` or `file:/path`.")
    secret_id: Reference = Field(description="`env:NAME` or `file:/path`; read again at each login.")
    mount: VaultPath = Field(default="approle", description="Where the method is mounted, below `auth/`.")


class KubernetesSection(Section):
    """The service account of the pod that the gateway runs in."""

    role: VaultPath = Field(description="The role to log in as.")
    jwt: Reference = Field(
        default="file:/var/run/secrets/kubernetes.io/serviceaccount/token",
        description="The service account's token; read again at each login.",
    )
    mount: VaultPath = Field(default="kubernetes", description="Where the method is mounted, below `auth/`.")


class VaultAuthSection(Section):
    """How to log in to Vault: exactly one way."""

    approle: AppRoleSection | None = Field(default=None, description="By AppRole.")
    kubernetes: KubernetesSection | None = Field(default=None, description="By a service account.")
    token: Reference | None = Field(default=None, description="By a token: `env:NAME` or `file:/path`.")


class VaultSection(Section):
    """The secret store: Vault or OpenBao."""

    address: Url = Field(description="Its URL: https, or http on this machine.")
    auth: VaultAuthSection = Field(description="How to log in.")
    namespace: VaultPath | None = Field(default=None, description="The namespace, where there are several.")
    ca_file: Text | None = Field(
        default=None, description="PEM file of the authorities to trust instead of the system's."
    )
    ttl_s: Seconds = Field(default=60.0, description="How long a secret is used without asking again.")
    stale_max_s: Seconds = Field(default=3600.0, description="How long it is used while Vault is away.")
    watch_s: Seconds = Field(
        default=2.0,
        description="How often it is looked whether there is another version: by its metadata, where the token may "
        "read them.",
        ge=0.2,
    )


class SecretsSection(Section):
    """What may be referred to as a secret."""

    rows_may_read: ListOf[SecretPlaces] = Field(
        default=("vault:*", "env:KAZE_PROVIDER_*"),
        description="What pools and providers of the database (made by the admin API) may refer to: `env:NAME`, "
        "`file:/path` and `vault:mount/path#field`; with `*` at the end all that begins so, `file:/directory/*` "
        "all that lies in it. This file may refer to anything.",
    )


class ConfigFile(Section):
    """The top level."""

    host: Text = Field(
        default="127.0.0.1",
        description="Address to listen on; other than loopback only with an admin credential.",
        pattern=r"^[A-Za-z0-9.:_-]{1,253}$",
    )
    port: Port = Field(default=8080, description="Port of the data plane; 0 takes a free one.")
    admin_port: Port = Field(default=8081, description="Port of the admin plane; 0 takes a free one.")
    with_local: Flag = Field(
        default=False,
        description="Run small real models beside the gateway, as provider `local`: "
        "[the local models](#the-local-models). Read at the start. Option `--with-local`.",
    )
    workers: int = Field(default=1, description="Worker processes.", strict=True, ge=1, le=256)
    data_dir: Text = Field(
        default="data", description="Directory of everything kept on disk.", min_length=1, max_length=4096
    )
    log_level: LogLevel = Field(default="info", description="Least severe that is logged.")
    database: Url = Field(
        default="embedded",
        description="`embedded`, `postgresql://…` (15 or later), or `none`: then this file is all there is.",
    )
    database_owner: Url | None = Field(
        default=None,
        description="With a URL: the role that owns the tables and makes them, where it is another one.",
    )
    database_replica: Url | None = Field(
        default=None,
        description="With a URL: its streaming replica, for reads that may be a little behind.",
    )
    database_prepared_statements: Flag = Field(
        default=True, description="`false` behind a pooler in transaction mode that does not keep them."
    )
    ledger: Url | None = Field(
        default=None,
        description="`memory` (one worker, the default; kept in the data directory over a restart), "
        "`embedded` (the default with several), or "
        "`redis://…`, `rediss://…`, `unix://…`, `redis+sentinel://…`, `redis+cluster://…` for several hosts.",
    )
    vault: VaultSection | None = Field(default=None, description="The secret store for `vault:` references.")
    secrets: SecretsSection = Field(
        default=SecretsSection(), description="What may be referred to as a secret."
    )
    providers: ListOf[ProviderSection] = Field(
        default=(), description="Upstream APIs; with none they are taken from the environment."
    )
    pools: ListOf[PoolSection] = Field(default=(), description="Provider keys.")
    models: ListOf[ModelSection] = Field(default=(), description="Model routes.")
    tenants: ListOf[TenantSection] = Field(
        default=(), description="Tenants; with none, `default` with a generated key."
    )
    budgets: ListOf[BudgetSection] = Field(default=(), description="Caps on all tenants together.")
    prices: ListOf[PriceSection] = Field(
        default=(), description="Prices that go before those of the price list."
    )
    queue: QueueSection = Field(
        default=QueueSection(), description="The line of requests that wait for room."
    )
    routing: RoutingSection = Field(
        default=RoutingSection(), description="How one of the keys that may serve a request is chosen."
    )
    hedge: HedgeSection = Field(
        default=HedgeSection(), description="A second attempt while the first is late."
    )
    on_ledger_loss: Literal["closed", "safe_share", "open"] = Field(
        default="safe_share", description="Without the ledger: wait, each replica its share, or no limits."
    )
    on_disconnect: Literal["cancel", "drain", "auto"] = Field(
        default="auto",
        description="When a caller leaves mid-stream: cancel upstream, read to the end, or what is cheaper.",
    )
    capabilities: dict[ModelPattern, CapabilitySection] = Field(
        default={},
        description="Corrections to what is shipped of models, by pattern of the provider's name for them.",
    )
    echo_model: Flag = Field(
        default=False, description="Answer with the caller's name for the model instead of the provider's."
    )
    lenient: Flag = Field(
        default=False,
        description="Across dialects, ask for the nearest thing where what is asked for cannot be had.",
    )
    bounds: BoundsSection = Field(default=BoundsSection(), description="Limits on sizes and times.")
