"""What a ceiling counts, and the accounts that have ceilings. Pure nouns: they depend on nothing that can be
away.

An account is what a provider (or we, for a tenant key) holds a ceiling against: a pool, a pool × model class
where limits are given per model class, or a tenant key. Its dimensions are its ceilings, one each.
"""

from fnmatch import fnmatchcase
from typing import NamedTuple

from gateway.charge import INPUT, OUTPUT, REQUESTS, TOKENS
from gateway.settings.snapshot import Limits, ProviderKey, TenantKey

WINDOW_MS = 60_000
#: Position after those of a `Charge`: one for every request, given back when it ends.
CONCURRENCY = 4
#: Of the ceiling, in thousandths, what a worker may use when it is cut off and the ledger never grants (§2.8 of the
#: admission reference). Small, for it is lost to the connected: the promise is 98 % of the ceiling.
SET_ASIDE_PERMILLE = 5

AXES = {
    "rpm": REQUESTS,
    "tpm": TOKENS,
    "itpm": INPUT,
    "otpm": OUTPUT,
    "rpd": REQUESTS,
    "concurrency": CONCURRENCY,
}


class Dimension(NamedTuple):
    """One ceiling. `axis` is the position in a `Charge` that it counts, or CONCURRENCY."""

    name: str  # rpm | tpm | itpm | otpm | rpd | concurrency
    limit: int  # whole units in a window (a day for rpd, at once for concurrency)
    burst_s: float | None = None  # finest slice in which the provider enforces a rate
    zone: str = "UTC"  # rpd: IANA name of the zone in which the provider's day begins

    @property
    def axis(self) -> int:
        return AXES[self.name]

    @property
    def is_rate(self) -> bool:
        """Counted over a sliding window, and paced."""
        return self.name not in ("rpd", "concurrency")

    @property
    def burst_ms(self) -> int:
        """Length of the sub-window; 0 where there is none, or none shorter than the window."""
        length = 0 if self.burst_s is None else round(self.burst_s * 1000)
        return length if self.is_rate and 0 < length < WINDOW_MS else 0


def slice_limit(limit: int, burst_ms: int) -> int:
    """Most that may go in any `burst_ms` of a rate of `limit` a minute: what is whole of it, and at least 1."""
    return max(1, limit * burst_ms // WINDOW_MS)


class AccountTerms(NamedTuple):
    """An account and the ceilings configured for it: what every call to a ledger is about."""

    id: str
    dimensions: tuple[Dimension, ...]
    paced: bool = True  # False: first come, first served up to the ceiling, whatever the class
    set_aside_permille: int = 0  # of every rate and day, never granted: what workers without a ledger may use

    @property
    def counts_output(self) -> bool:
        """Whether it has a ceiling on output alone, which providers count as it is written."""
        return any(dimension.name == "otpm" for dimension in self.dimensions)


def account_of(
    key: ProviderKey,
    model: str,
    zone: str = "UTC",
    request_slice_s: float | None = None,
    set_aside_permille: int = 0,
) -> AccountTerms:
    """The account that `model` (the provider's own name) counts against on `key`.

    `request_slice_s` is the slice in which the provider is known to enforce requests per minute, where the
    configuration names none.
    """
    own = next((one for one in key.model_limits if fnmatchcase(model, one[0])), None)
    return _account(key, own, zone, request_slice_s, set_aside_permille)


def account_again(
    id_: str,
    key: ProviderKey,
    zone: str = "UTC",
    request_slice_s: float | None = None,
    set_aside_permille: int = 0,
) -> AccountTerms | None:
    """The account with that id of `key`, which may have changed since; None if it has none like it any more."""
    own = next((one for one in key.model_limits if id_ == f"{key.id}/{one[0]}"), None)
    if own is None and id_ != key.id:
        return None
    return _account(key, own, zone, request_slice_s, set_aside_permille)


def _account(
    key: ProviderKey,
    own: tuple[str, Limits] | None,
    zone: str,
    request_slice_s: float | None,
    set_aside_permille: int,
) -> AccountTerms:
    id_, limits = (key.id, key.limits) if own is None else (f"{key.id}/{own[0]}", own[1])
    dimensions = _dimensions(limits, key.burst_s, zone)
    if key.burst_s is None and request_slice_s is not None:
        dimensions = tuple(
            one._replace(burst_s=request_slice_s) if one.name == "rpm" else one for one in dimensions
        )
    return AccountTerms(id_, dimensions, set_aside_permille=set_aside_permille)


def account_of_tenant_key(key: TenantKey) -> AccountTerms:
    """A tenant key's own limits: not paced, for what the tenant bought may be used at any moment.

    The tenant is part of the id, because keys are named within their tenant.
    """
    id_ = f"tenant-key:{key.tenant.id}/{key.id}"
    return AccountTerms(id_, _dimensions(key.limits, None, "UTC"), paced=False)


def _dimensions(limits: Limits, burst_s: float | None, zone: str) -> tuple[Dimension, ...]:
    found = ((name, getattr(limits, name)) for name in AXES)
    return tuple(Dimension(name, limit, burst_s, zone) for name, limit in found if limit is not None)
