"""Pieces of a configuration, made directly, and a check for refusals."""

import hmac
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from gateway.errors import Condition, GatewayError
from gateway.settings.snapshot import (
    ModelRoute,
    Origin,
    Provider,
    ProviderKey,
    Snapshot,
    Target,
    Tenant,
    TenantKey,
)
from keys.secret import Secret

PEPPER = b"p" * 40
SECRET = "provider-secret-canary-0123456789"


def provider(name: str = "p", apis: Iterable[str] = ("chat", "embeddings")) -> Provider:
    return Provider(name, "openai", "generic", Origin("http", "127.0.0.1", 9), "/v1", frozenset(apis))


def provider_key(name: str, of: Provider, tenants: Iterable[str] | None = None, **rest: Any) -> ProviderKey:
    return ProviderKey(name, of, Secret(SECRET), None if tenants is None else frozenset(tenants), **rest)


def snapshot(
    keys: Iterable[ProviderKey] = (),
    routes: dict[str, tuple[Target, ...]] | None = None,
    tenants: Iterable[str] = ("a", "b"),
    tenant_keys: dict[str, bytes] | None = None,
) -> Snapshot:
    """`tenant_keys`: by tenant, the secret that its one key has."""
    keys = tuple(keys)
    by_id = {name: Tenant(name) for name in tenants}
    known = [
        TenantKey("web", by_id[name], hmac.digest(PEPPER, secret, "sha256"))
        for name, secret in (tenant_keys or {}).items()
    ]
    return Snapshot(
        generation=1,
        providers={key.provider.id: key.provider for key in keys},
        provider_keys=keys,
        routes={name: ModelRoute(name, targets) for name, targets in (routes or {}).items()},
        tenants=by_id,
        tenant_keys={key.digest: key for key in known},
        pepper=PEPPER,
    )


def refused(condition: Condition, action: Callable[[], object]) -> GatewayError:
    """The error of `action`, which must be of `condition`."""
    with pytest.raises(GatewayError) as caught:
        action()
    assert caught.value.condition is condition, caught.value
    return caught.value
