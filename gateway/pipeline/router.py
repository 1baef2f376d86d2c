"""Where a request can be served: targets × the tenant's eligible provider keys, in order of preference.

That depends only on the snapshot and is worked out once per (tenant, model, API). No target that a provider's
dialect or APIs cannot serve is a candidate; which candidate has room, and whose health allows it, is asked later.
"""

from collections.abc import Collection, Iterator
from itertools import chain
from math import inf

from gateway.admission.candidate import Candidate
from gateway.admission.health_table import HealthTable
from gateway.admission.memory_ledger import LedgerTime
from gateway.clock import Clock
from gateway.dialects.chat.quirks import quirks_of
from gateway.dialects.chat.request_patch import request_patch
from gateway.dialects.passage import CONVERSATIONS, Passage, passage
from gateway.dialects.senses import lacks_senses
from gateway.errors import (
    INVALID_VALUE,
    MODEL_NOT_FOUND,
    NO_ELIGIBLE_KEY,
    OBJECT_NOT_FOUND,
    UNSUPPORTED_ENDPOINT,
    GatewayError,
)
from gateway.pipeline.account import Account, Accounts
from gateway.pipeline.model_can import model_can
from gateway.settings.snapshot import ModelRoute, ProviderKey, Snapshot, Target, Tenant

_CACHE_MAX = 4096
_MODEL_NAME_MAX = 256
_NO_FIELDS: frozenset[str] = frozenset()

Way = Candidate[Account]


class Candidates:
    """Per target, the ways to serve it; targets in order of preference. `overflow` are those of the local model.

    Never changed: what is asked of it for every request is worked out once.
    """

    __slots__ = (
        "asked", "first_target", "has_choice", "is_single", "odd_fields", "overflow", "route", "targets",
    )  # fmt: skip

    @property
    def every_target(self) -> Iterator[Target]:
        """Each one once, the local model's last."""
        ways = chain(*self.targets, self.overflow)
        return iter(dict.fromkeys(way.target for way in ways if way.target is not None))

    def __init__(
        self,
        route: ModelRoute | None,
        targets: tuple[tuple[Way, ...], ...],
        overflow: tuple[Way, ...] = (),
        asked: tuple[str, str, str] | None = None,
    ) -> None:
        self.route = route
        self.asked = asked  # tenant, model and API that they are worked out from, where they are that alone
        self.targets = targets
        self.overflow = overflow
        self.first_target: Target | None = targets[0][0].target
        #: Whether any target has several keys to choose from.
        self.has_choice = any(len(ways) > 1 for ways in targets)
        #: Whether there is one way and no other, so that nothing needs to be known for choosing.
        self.is_single = len(targets) == 1 and not self.has_choice and not overflow
        #: Fields without any of which every target is asked in the caller's own words; None: some never is.
        self.odd_fields: frozenset[str] | None = _NO_FIELDS
        if asked is not None:
            for target in self.every_target:
                odd = _odd_fields(target, asked[2])
                self.odd_fields = None if odd is None or self.odd_fields is None else self.odd_fields | odd
        if not self.is_single:
            for way in (*chain.from_iterable(targets), *overflow):
                way.is_compared = True

    def takes_as_it_is(self, fields: Collection[str]) -> bool:
        """Whether a request of these fields is asked of every target in the caller's own words."""
        odd = self.odd_fields
        return odd is not None and (not odd or odd.isdisjoint(fields))


class Router:
    """Candidates under the present snapshot."""

    def __init__(
        self, snapshot: Snapshot, accounts: Accounts, health: HealthTable, time: LedgerTime, clock: Clock
    ) -> None:
        self.snapshot = snapshot
        self.accounts = accounts
        self._health = health
        self._time = time
        self._clock = clock
        self._candidates: dict[tuple[str, str, str], Candidates] = {}
        self._ways: dict[tuple[ProviderKey, Target | None], Way] = {}

    def configure(self, snapshot: Snapshot) -> None:
        """Under this one from now on, after accounts and health have followed it."""
        self.snapshot = snapshot
        self._candidates.clear()
        keys = {key.id: key for key in snapshot.provider_keys}
        before, self._ways = self._ways, {}
        for (old, target), way in before.items():
            key = keys.get(old.id)
            if key is not None and key.provider == old.provider and self._is_current(way):
                self._ways[key, target] = way

    def renewed(self, before: Candidates) -> Candidates:
        """What `before` is under the present snapshot; itself where nothing changed. Raises GatewayError."""
        tenant = None if before.asked is None else self.snapshot.tenants.get(before.asked[0])
        if before.asked is not None and tenant is not None:
            try:
                after = self.candidates(tenant, *before.asked[1:])
            except GatewayError:  # what is true of who comes now: who waits was let in
                raise _taken_out() from None
            same = after.targets == before.targets and after.overflow == before.overflow
            return before if same else after
        kept = tuple(tuple(way for way in ways if self._is_current(way)) for ways in before.targets)
        overflow = tuple(way for way in before.overflow if self._is_current(way))
        if kept == before.targets and overflow == before.overflow:
            return before
        targets = tuple(ways for ways in kept if ways)
        if not targets:
            raise _taken_out()
        return Candidates(before.route, targets, overflow)

    def _is_current(self, way: Way) -> bool:
        """Whether the way still leads where it did."""
        account, model = way.account, "" if way.target is None else way.target.model
        if self.accounts.by_id.get(account.id) is not account or account.blocked_until == inf:
            return False
        if self.accounts.of(account.key, model, self._time.now()) is not account:
            return False
        health = self._health.target(account.key.provider.id, model or None).by_key.get(way.key_id)
        return health is way.health

    def candidates(self, tenant: Tenant, model: str, api: str) -> Candidates:
        """Where `model` can be served for `tenant`. Raises GatewayError: not found, or not served by this API."""
        key = (tenant.id, model, api)
        found = self._candidates.get(key)
        if found is None:
            found = self._work_out(tenant, model, api)
            if len(self._candidates) >= _CACHE_MAX:  # names are the caller's: the cache must have a bound
                self._candidates.clear()
            self._candidates[key] = found
        return found

    def without_model(self, tenant: Tenant, api: str, pinned: str | None) -> Candidates:
        """Where an API that names no model is served: the owner of an object, or the first provider that has it."""
        eligible = [
            key
            for key in self.snapshot.provider_keys
            if (key.state == "enabled" or (key.state == "draining" and key.id == pinned))
            and (key.tenants is None or tenant.id in key.tenants)
            and api in key.provider.apis
        ]
        if pinned is not None:
            eligible = [key for key in eligible if key.id == pinned]
            if not eligible:
                raise GatewayError(
                    OBJECT_NOT_FOUND, "No such object, or its provider key is no longer configured."
                )
        if not eligible:
            raise GatewayError(UNSUPPORTED_ENDPOINT, f"No configured provider serves '{api}'.")
        first = eligible[0].provider
        return Candidates(None, (tuple(self._way(key, None) for key in eligible if key.provider is first),))

    def _work_out(self, tenant: Tenant, model: str, api: str) -> Candidates:
        if not model.isascii() or not model.isprintable():
            raise GatewayError(INVALID_VALUE, "`model` must be printable ASCII.", param="model")
        if not is_model_name(model):
            raise model_not_found(model)
        tenant = self.snapshot.tenants.get(tenant.id, tenant)  # who asks may have come under the one before
        route = self.snapshot.resolve(tenant, model)
        if route is None:
            raise model_not_found(model)
        usable = [(target, self.snapshot.keys_for(tenant, target)) for target in route.targets]
        if model not in self.snapshot.routes and not any(keys for _, keys in usable):
            raise model_not_found(model)  # whether a provider exists is not this tenant's to learn
        spoken = [(target, keys) for target, keys in usable if speaks(target, api)]
        if not spoken:
            raise GatewayError(
                UNSUPPORTED_ENDPOINT,
                f"The model `{model[:128]}` is served by a provider that does not offer '{api}' in this dialect.",
                param="model",
            )
        if counting := [(target, keys) for target, keys in spoken if keys and not estimates(target, api)]:
            spoken = counting  # who counts goes before who would have to guess
        targets = tuple(tuple(self._way(key, target) for key in keys) for target, keys in spoken if keys)
        if not targets:
            raise GatewayError(NO_ELIGIBLE_KEY, f"No provider key may serve `{model[:128]}` for this tenant.")
        local = route.overflow
        overflow: tuple[Way, ...] = ()
        if local is not None and speaks(local, api) and not (counting and estimates(local, api)):
            overflow = tuple(self._way(key, local) for key in self.snapshot.keys_for(tenant, local))
        return Candidates(route, targets, overflow, (tenant.id, model, api))

    def _way(self, key: ProviderKey, target: Target | None) -> Way:
        """Made once, so that what is learned of it stays; anew where other things are said of the target."""
        way = self._ways.get((key, target))
        if way is None:
            if len(self._ways) >= _CACHE_MAX:
                self._ways.clear()
            now, model = self._clock.monotonic(), "" if target is None else target.model
            account = self.accounts.of(key, model, self._time.at(now))
            health = self._health.target(key.provider.id, model or None).by_key[key.id]
            way = self._ways[key, target] = Candidate(account, health, target)
        return way


def speaks(target: Target, api: str) -> bool:
    """Whether the target's provider can be asked by that API."""
    return _passage(target, api) is not None


def estimates(target: Target, api: str) -> bool:
    """Whether the target can only be guessed for by that API: it counts, and the provider does not."""
    way = _passage(target, api)
    return way is not None and way.estimates


def _odd_fields(target: Target, api: str) -> frozenset[str] | None:
    """Fields without any of which a request goes to the target as it came; None: it may be changed anyhow."""
    way, provider = _passage(target, api), target.provider
    if way is None or not way.native or way.bridged:
        return None
    if api in CONVERSATIONS and lacks_senses(target.facts.said):
        return None
    if api != "chat":
        return _NO_FIELDS
    if quirks_of(provider.dialect, provider.flavour).odd_words:
        return None
    patch = request_patch(provider.dialect, provider.flavour, target.model, model_can(target.facts))
    return _NO_FIELDS if patch is None else patch.touched


def _passage(target: Target, api: str) -> Passage | None:
    provider = target.provider
    return passage(api, provider.dialect, provider.apis, model_can(target.facts))


def _taken_out() -> GatewayError:
    return GatewayError(NO_ELIGIBLE_KEY, "The provider keys that could serve this were taken out.")


def is_model_name(name: str) -> bool:
    """Whether any model could be called that: printable ASCII without spaces."""
    return name.isascii() and name.isprintable() and " " not in name and len(name) <= _MODEL_NAME_MAX


def model_not_found(model: str) -> GatewayError:
    """The refusal for a model that does not exist, or is not for this tenant: the same for both."""
    return GatewayError(
        MODEL_NOT_FOUND,
        f"The model `{model[:128]}` does not exist or you do not have access to it.",
        param="model",
    )
