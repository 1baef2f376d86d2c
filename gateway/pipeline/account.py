"""Accounts as this worker sees them: what a ceiling applies to, what is under way there, and what it said.

The ledger knows how full an account is; here is what is this worker's own, and goes with it.
"""

from collections.abc import Callable, Iterable
from math import inf

from gateway.admission.breaker import Breaker
from gateway.admission.dimension import CONCURRENCY, WINDOW_MS, AccountTerms, account_again, account_of
from gateway.admission.grantor import Grantor
from gateway.admission.ledger import Usage
from gateway.charge import CHARGE_AXES, Charge
from gateway.pipeline.departed import Departed
from gateway.settings.snapshot import Provider, ProviderKey
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
        "adapter", "attempts", "blocked_until", "breaker", "dimensions", "failures", "full_until", "guessed",
        "id", "in_flight", "key", "last_rate_limited", "last_refusal", "least_tokens", "limited", "limits",
        "lowered_at", "observed_at", "room", "room_as_of", "seconds", "sliced", "terms", "weight",
    )  # fmt: skip

    def __init__(self, key: ProviderKey, terms: AccountTerms, adapter: Adapter) -> None:
        self.id = terms.id
        self.adapter = adapter
        self.configure(key, terms)
        self.in_flight = 0
        #: Of what is under way, output that is only guessed (`Charging.guessed`).
        self.guessed = 0
        self.attempts = 0
        self.failures = 0
        self.last_refusal: str | None = None
        self.last_rate_limited: float | None = None
        #: By dimension, when a refusal last said that its ceiling is lower than thought.
        self.lowered_at: dict[str, float] = {}
        #: Until then nothing goes there, by the provider's word; and as far as that was about its rates.
        self.blocked_until = 0.0
        self.full_until = 0.0
        #: For what overflows to it.
        self.breaker = Breaker()
        self.observed_at = 0.0
        #: Free part of its narrowest dimension, and when that was looked up.
        self.room = 1.0
        self.room_as_of = 0.0
        #: That one request takes there, roughly: what a place in flight is worth in requests a second.
        self.seconds = 1.0

    def configure(self, key: ProviderKey, terms: AccountTerms) -> None:
        """Its key and ceilings are these from now on."""
        self.key, self.weight = key, key.weight
        self.terms = terms
        self.limits = _limits(terms)
        #: What is no more than this fits any of its ceilings on tokens.
        self.least_tokens = min(self.limits.input, self.limits.output, self.limits.tokens)
        self.dimensions = frozenset(dimension.name for dimension in terms.dimensions)
        #: Those that the provider enforces in slices of a minute.
        self.sliced = frozenset(dimension.name for dimension in terms.dimensions if dimension.burst_ms)
        self.limited = bool(terms.dimensions)

    @property
    def is_guess(self) -> bool:
        """Whether guesses hold most of its output: nobody knows how full it is."""
        return 2 * self.guessed > self.limits.output

    def block(self, until: float, *, full: bool = False) -> None:
        """Nothing goes there until then, by the provider's word: the account is `full`, or it has other reasons."""
        self.blocked_until = max(self.blocked_until, until)
        if full:
            self.full_until = max(self.full_until, until)

    def lasted(self, seconds: float) -> None:
        """A request was under way there for so long."""
        self.seconds += _DURATION_WEIGHT * (seconds - self.seconds)

    def looked_at(self, usage: Iterable[Usage], now: float) -> None:
        """How full it is, by the ledger. Never none at all: whether it is, is found out by trying."""
        free = min(((one.limit - one.used) / one.limit for one in usage if one.limit > 0), default=1.0)
        self.room, self.room_as_of = max(free, _LEAST_ROOM), now


class Accounts:
    """All accounts, opened at the ledger when first asked for. They outlive a change of the configuration."""

    __slots__ = ("_departed", "_grantor", "_leaving", "_set_aside_permille", "by_id")

    def __init__(
        self,
        grantor: Grantor,
        keys: Iterable[ProviderKey],
        set_aside_permille: int,
        now: int,
        departed: Departed | None = None,
    ) -> None:
        self._grantor = grantor
        self._departed = Departed(grantor) if departed is None else departed
        self._leaving: dict[str, Account] = {}
        self._set_aside_permille = set_aside_permille
        self.by_id: dict[str, Account] = {}
        for key in keys:
            self.of(key, "", now)

    def of(self, key: ProviderKey, model: str, now: int) -> Account:
        """What `model` counts against on `key`; a request that names no model is of the key as a whole."""
        terms = account_of(key, model, *self._ways(key.provider))
        account = self.by_id.get(terms.id)
        if account is None:
            account = self.by_id[terms.id] = Account(key, terms, adapter_of(key.provider))
            self._grantor.open_account(terms, now)
            self._departed.came_back(terms.id)
        return account

    def configure(self, keys: Iterable[ProviderKey], now: int) -> None:
        """These are the keys from now on; with what they had under way, and what was charged to them."""
        by_id = {key.id: key for key in keys}
        for account in list(self.by_id.values()):
            key = by_id.get(account.key.id)
            terms = None if key is None else account_again(account.id, key, *self._ways(key.provider))
            if key is None or terms is None:
                account.blocked_until = inf
                self._leaving[account.id] = account
                continue
            if self._leaving.pop(account.id, None) is not None:
                account.blocked_until = 0.0
            adapter = adapter_of(key.provider)
            if account.key.provider.id != key.provider.id or account.adapter is not adapter:
                self.by_id[account.id] = Account(key, terms, adapter)  # of the old one only exchanges know
                self._grantor.open_account(terms, now)
            elif account.terms != terms:
                account.configure(key, terms)
                self._grantor.open_account(terms, now)
            else:
                account.key, account.weight = key, key.weight
        for key in by_id.values():
            self.of(key, "", now)

    def sweep(self, is_waited_for: Callable[[str], bool], now: int) -> bool:
        """Let those go that have left and have nothing under way any more; whether there are others."""
        for id_, account in list(self._leaving.items()):
            if not account.in_flight and not is_waited_for(id_):
                del self._leaving[id_], self.by_id[id_]
                self._departed.went(id_, now)
        return bool(self._leaving)

    def _ways(self, provider: Provider) -> tuple[str, float | None, int]:
        """What else its terms depend on."""
        zone = _DAYS.get(provider.dialect, "UTC")
        return zone, adapter_of(provider).request_slice_s, self._set_aside_permille

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


def room_of(account: Account) -> float:
    """For the choice of a key: what is not quite free is found out by trying."""
    return account.room if account.limited else 1.0


def share_of(account: Account, charge: Charge, lasted_s: float | None = None) -> float:
    """The largest part of any ceiling that `charge` uses up: what tenants' shares are reckoned in.

    A place counts for the time that it was held; before that is known, for what requests take there. Never nothing:
    where nothing limits, requests count.
    """
    seconds = account.seconds if lasted_s is None else lasted_s
    share = _LEAST_SHARE
    for one in account.terms.dimensions:
        if one.limit:
            part = seconds / _WINDOW_S if one.axis == CONCURRENCY else charge[one.axis]
            share = max(share, part / one.limit)
    return share
