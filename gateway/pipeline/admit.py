"""Which provider key serves: the candidates of a request in order, and a place at the first that has one.

Candidates are targets × the tenant's eligible provider keys; they depend only on the snapshot and are worked
out once per (tenant, model, API). No target that a provider's dialect or APIs cannot serve is a candidate.
"""

from collections.abc import Collection
from dataclasses import dataclass

from gateway.admission.accounts import Account, Accounts
from gateway.errors import (
    INVALID_VALUE,
    MODEL_NOT_FOUND,
    NO_ELIGIBLE_KEY,
    OBJECT_NOT_FOUND,
    UNSUPPORTED_ENDPOINT,
    GatewayError,
)
from gateway.record import Record
from gateway.settings.snapshot import ModelRoute, Snapshot, Target, Tenant
from gateway.upstream.request_head import ADAPTERS

_CACHE_MAX = 4096
_MODEL_NAME_MAX = 256


@dataclass(frozen=True, slots=True)
class Candidates:
    """Per target, the accounts that may serve it; targets in order of preference."""

    route: ModelRoute | None
    by_target: tuple[tuple[Target | None, tuple[Account, ...]], ...]


class Permit(Record, eq=False):
    """One attempt's right to go upstream at `account`; `give_back` is owed once."""

    account: Account
    target: Target | None


class Admission:
    """Candidates and places, for one snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.accounts = Accounts(snapshot.provider_keys)
        self._candidates: dict[tuple[str, str, str], Candidates] = {}

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
            if (key.tenants is None or tenant.id in key.tenants)
            and api in key.provider.apis
            and key.provider.dialect in ADAPTERS
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
        accounts = tuple(self.accounts.by_key[key] for key in eligible if key.provider is first)
        return Candidates(None, ((None, accounts),))

    def take(self, candidates: Candidates, pinned: str | None, tried: Collection[Account]) -> Permit | None:
        """A place at the best candidate not yet tried; None when there is none left."""
        for target, accounts in candidates.by_target:
            usable = accounts if pinned is None else [a for a in accounts if a.key.id == pinned]
            account = self.accounts.take(usable, tried)
            if account is not None:
                return Permit(account, target)
        return None

    def _work_out(self, tenant: Tenant, model: str, api: str) -> Candidates:
        if not model.isascii() or not model.isprintable():
            raise GatewayError(INVALID_VALUE, "`model` must be printable ASCII.", param="model")
        if not is_model_name(model):
            raise model_not_found(model)
        route = self.snapshot.resolve(tenant, model)
        if route is None:
            raise model_not_found(model)
        usable = [(target, self.snapshot.keys_for(tenant, target)) for target in route.targets]
        if model not in self.snapshot.routes and not any(keys for _, keys in usable):
            raise model_not_found(model)  # whether a provider exists is not this tenant's to learn
        speaks = [
            (t, keys) for t, keys in usable if api in t.provider.apis and t.provider.dialect in ADAPTERS
        ]
        if not speaks:
            raise GatewayError(
                UNSUPPORTED_ENDPOINT,
                f"The model `{model[:128]}` is served by a provider that does not offer '{api}' in this dialect.",
                param="model",
            )
        by_target = [
            (target, tuple(self.accounts.by_key[key] for key in keys)) for target, keys in speaks if keys
        ]
        if not by_target:
            raise GatewayError(NO_ELIGIBLE_KEY, f"No provider key may serve `{model[:128]}` for this tenant.")
        return Candidates(route, tuple(by_target))


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
