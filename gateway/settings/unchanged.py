"""What did not change from one snapshot to the next stays the same object: what is remembered by it goes on.

And two snapshots that live side by side for a while take little more memory than one. Pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from operator import attrgetter
from types import MappingProxyType
from typing import Any, TypeVar

from gateway.settings.snapshot import ProviderKey, Snapshot, TenantKey

_Thing = TypeVar("_Thing")
_Of = Callable[[Any], Any]


def _values_of(kind: type) -> _Of:
    return attrgetter(*(one.name for one in fields(kind)))


_OF_TENANT_KEY = _values_of(TenantKey)
_OF_PROVIDER_KEY = _values_of(ProviderKey)


def kept(new: Snapshot, old: Snapshot) -> Snapshot:
    """`new`, with what is equal in `old` by its objects there; its tenants are `kept_of` already."""
    former = {key.id: key for key in old.provider_keys}
    keys: dict[int, TenantKey] = {}  # a key with two values is one object
    tenant_keys: dict[bytes, TenantKey] = {}
    for digest, key in new.tenant_keys.items():
        known = keys.get(id(key))
        if known is None:
            known = keys[id(key)] = _same(key, old.tenant_keys.get(digest), _OF_TENANT_KEY)
        tenant_keys[digest] = known
    waited = {(key.tenant.id, key.id): key for key in old.awaited_keys}
    awaited = ((key, waited.get((key.tenant.id, key.id))) for key in new.awaited_keys)
    return replace(
        new,
        awaited_keys=tuple(_same(key, known, _OF_TENANT_KEY) for key, known in awaited),
        providers=MappingProxyType(kept_of(new.providers, old.providers)),
        provider_keys=tuple(_same(key, former.get(key.id), _OF_PROVIDER_KEY) for key in new.provider_keys),
        routes=MappingProxyType(kept_of(new.routes, old.routes)),
        tenant_keys=MappingProxyType(tenant_keys),
    )


def kept_of(new: Mapping[str, _Thing], old: Mapping[str, _Thing]) -> dict[str, _Thing]:
    """By id, what is equal in `old` by its objects there."""
    return {id_: old[id_] if id_ in old and old[id_] == one else one for id_, one in new.items()}


def _same(new: _Thing, old: _Thing | None, values_of: _Of) -> _Thing:
    return old if old is not None and values_of(old) == values_of(new) else new
