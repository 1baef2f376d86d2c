"""What the admin API takes (contract §4): the configuration file's own sections where there are such, by its rules.

A resource's body is all of what may be said of it; a change is checked as the whole that it makes.
"""

from typing import Any, Literal

from gateway.settings.schema import LimitsSection, ModelSection, PoolSection, ProviderSection
from gateway.settings.schema_types import (
    AnchorDay,
    Described,
    Flag,
    GivenSecret,
    Id,
    ListOf,
    ModelName,
    ModelPattern,
    Moment,
    Nusd,
    OneOrMore,
    Overlap,
    Priority,
    Reference,
    ShortText,
    TargetName,
    Text,
    Tokens,
    Weight,
)


class TenantBody(Described):
    """Who pays and whose data is apart."""

    id: Id
    """Its name; it stays."""
    name: ShortText = ""
    """For people."""
    weight: Weight = 1.0
    """Its share inside a priority class, 0.001 to 1000."""
    models: dict[ModelName, OneOrMore[TargetName]] = {}  # noqa: RUF012 - sections do not change
    """What a route means for this tenant: route → `provider/model` or a list of them."""
    fetch_urls: Flag = False
    """Fetch what its requests name by URL (https, public addresses) for models that cannot."""


class KeyBody(Described):
    """What a caller presents."""

    id: Id | None = None
    """Its name, unique in its tenant; made up when left out. It stays."""
    priority: Priority = "conversation"
    """The class of requests that name none."""
    priority_max: Priority = "supervised"
    """The most urgent class that it may ask for."""
    limits: LimitsSection = LimitsSection()
    """Its own ceilings: past them 429."""
    models: OneOrMore[ModelPattern] = ("*",)
    """Patterns of what it may put in `model`."""
    endpoints: OneOrMore[Text] = ("*",)
    """The APIs that it may use, `["*"]` for all."""
    addresses: ListOf[Text] = ()
    """Where it may be used from: addresses and `address/bits`; empty is anywhere."""
    expires_at: Moment | None = None
    """When it ends, with the time zone; null is never."""


class NewKeyBody(KeyBody):
    """A tenant key to be made."""

    secret: GivenSecret | None = None
    """A value that callers present already; made, and shown once, when left out."""


class RotateBody(Described):
    """A new value for a tenant key."""

    overlap_s: Overlap = 3600
    """How long the value before it is still good, in seconds."""
    secret: GivenSecret | None = None
    """The new value; made, and shown once, when left out."""


class ProviderBody(ProviderSection):
    """An upstream API."""


class PoolBody(PoolSection, Described):
    """A provider key: one credential at a provider, with its ceilings. The secret itself is never here."""


class PoolRotateBody(Described):
    """Another credential of the same account."""

    secret: Reference | None = None
    """Where it is; when left out what stands at the present place is read again."""


class ModelBody(ModelSection):
    """A model route: what callers may put in `model`, besides `provider/model`."""


class BudgetBody(Described):
    """A cap on spending."""

    id: Id | None = None
    """Its name; made up when left out. It stays."""
    tenant: Text = "*"
    """Whose spending is capped; `*` is all tenants together. It stays."""
    key: Id | None = None
    """A single tenant key of it. It stays."""
    period: Literal["day", "week", "month", "total"]
    """What the amount is for, in UTC."""
    anchor_day: AnchorDay = 1
    """The day a month (1 to 31) or a week (1 Monday to 7 Sunday) begins on."""
    limit_nusd: Nusd
    """The amount in nano-dollars."""
    enforce: Literal["hard", "soft"] = "hard"
    """`hard` refuses; `soft` only warns."""


class AdminKeyBody(Described):
    """Who may use this API."""

    id: Id
    """Its name in the audit trail; it stays."""
    role: Literal["owner", "operator", "auditor", "metrics"]
    """What it may do."""
    kind: Literal["human", "service"] = "human"
    """Who uses it."""
    expires_at: Moment | None = None
    """When it ends, with the time zone; null is never."""


class ExplainBody(Described):
    """A request that is not sent: where would it go?"""

    tenant: Id
    """Whose it is."""
    model: ModelName
    """What it asks for: a route or `provider/model`."""
    key: Id | None = None
    """The tenant key; without one none of its limits are looked at."""
    api: Text = "chat"
    """The API it is asked by."""
    priority: Priority | None = None
    """Its class; the key's own when left out."""
    input_tokens: Tokens = 1000
    """The length of the prompt."""
    max_tokens: Tokens | None = None
    """The most that it lets be answered."""


class BatchPart(Described):
    """One of several changes."""

    operation: ShortText
    """Its name in this document, such as `tenants.create`."""
    id: ShortText | None = None
    """What stands for `{id}` in its path."""
    body: dict[str, Any] = {}  # noqa: RUF012 - sections do not change
    """Its body."""
    if_match: ShortText | None = None
    """Its `If-Match`."""


class BatchBody(Described):
    """Changes of which all are made or none."""

    changes: OneOrMore[BatchPart]
    """In the order in which they are made."""
    dry_run: Flag = False
    """Whether they are only tried: what would be refused is, and nothing is made."""
