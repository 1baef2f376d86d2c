"""Accounts as this worker sees them: what a ceiling applies to, what is under way there, and what it said.

The ledger knows how full an account is; here is what is this worker's own, and goes with it.
"""

from collections.abc import Iterable

from gateway.admission.breaker import Breaker
from gateway.admission.dimension import CONCURRENCY, WINDOW_MS, AccountTerms, account_of
from gateway.admission.grantor import Grantor
from gateway.admission.ledger import Usage
from gateway.charge import CHARGE_AXES, Charge
from gateway.settings.snapshot import ProviderKey
from gateway.upstream.adapter import Adapter, adapter_of

#: A provider whose day is not UTC's.
_DAYS: dict[str, str] = {"gemini": "America/Los_Angeles"}
#: Of the time that requests take there, what a new one counts for.
_DURATION_WEIGHT = 0.1
_LEAST_ROOM = 0.001
_LEAST_SHARE = 1e-9
_UNLIMITED = 1 << 62
_WINDOW_S = WINDOW_MS / 1000


class Account:
    """A provider key, or one of its model classes where those have ceilings of their own."""

    __slots__ = (
        "adapter", "attempts", "blocked_until", "breaker", "dimensions", "failures", "id", "in_flight",
        "key", "last_rate_limited", "last_refusal", "least_tokens", "limited", "limits", "lowered_at",
        "observed_at", "room", "room_as_of", "seconds", "terms",
    )  # fmt: skip

    def __init__(self, key: ProviderKey, terms: AccountTerms, adapter: Adapter) -> None:
        self.id = terms.id
        self.key = key
        self.terms = terms
        self.adapter = adapter
        self.limits = _limits(terms)
        #: What is no more than this fits any of its ceilings on tokens.
        self.least_tokens = min(self.limits.input, self.limits.output, self.limits.tokens)
        self.dimensions = frozenset(dimension.name for dimension in terms.dimensions)
        self.limited = bool(terms.dimensions)
        self.in_flight = 0
        self.attempts = 0
        self.failures = 0
        self.last_refusal: str | None = None
        self.last_rate_limited: float | None = None
        #: By dimension, when a refusal last said that its ceiling is lower than thought.
        self.lowered_at: dict[str, float] = {}
        #: Until then nothing goes there: a refusal that none of its dimensions accounts for.
        self.blocked_until = 0.0
        #: For what overflows to it.
        self.breaker = Breaker()
        self.observed_at = 0.0
        #: Free part of its narrowest dimension, and when that was looked up.
        self.room = 1.0
        self.room_as_of = 0.0
        #: That one request takes there, roughly: what a place in flight is worth in requests a second.
        self.seconds = 1.0

    def lasted(self, seconds: float) -> None:
        """A request was under way there for so long."""
        self.seconds += _DURATION_WEIGHT * (seconds - self.seconds)

    def looked_at(self, usage: Iterable[Usage], now: float) -> None:
        """How full it is, by the ledger. Never none at all: whether it is, is found out by trying."""
        free = min(((one.limit - one.used) / one.limit for one in usage if one.limit > 0), default=1.0)
        self.room, self.room_as_of = max(free, _LEAST_ROOM), now


class Accounts:
    """All accounts of one snapshot, opened at the ledger when first asked for."""

    __slots__ = ("_grantor", "_set_aside_permille", "by_id")

    def __init__(
        self, grantor: Grantor, keys: Iterable[ProviderKey], set_aside_permille: int, now: int
    ) -> None:
        self._grantor = grantor
        self._set_aside_permille = set_aside_permille
        self.by_id: dict[str, Account] = {}
        for key in keys:
            self.of(key, "", now)

    def of(self, key: ProviderKey, model: str, now: int) -> Account:
        """What `model` counts against on `key`; a request that names no model is of the key as a whole."""
        adapter = adapter_of(key.provider)
        zone = _DAYS.get(key.provider.dialect, "UTC")
        terms = account_of(key, model, zone, adapter.request_slice_s, self._set_aside_permille)
        account = self.by_id.get(terms.id)
        if account is None:
            account = self.by_id[terms.id] = Account(key, terms, adapter)
            self._grantor.open_account(terms, now)
        return account

    def of_key(self, key_id: str) -> list[Account]:
        """The accounts of a provider key, for the admin API."""
        return [account for account in self.by_id.values() if account.key.id == key_id]


def _limits(terms: AccountTerms) -> Charge:
    """By axis the lowest ceiling, a day's too."""
    limits = [_UNLIMITED] * len(CHARGE_AXES)
    for one in terms.dimensions:
        if one.axis != CONCURRENCY:
            limits[one.axis] = min(limits[one.axis], one.limit)
    return Charge(*limits)


def share_of(account: Account, charge: Charge) -> float:
    """The largest part of any ceiling that `charge` uses up: what tenants' shares are reckoned in.

    A place counts for the time that requests take there. Never nothing: where nothing limits, requests count.
    """
    share = _LEAST_SHARE
    for one in account.terms.dimensions:
        if one.limit:
            part = account.seconds / _WINDOW_S if one.axis == CONCURRENCY else charge[one.axis]
            share = max(share, part / one.limit)
    return share
