"""Tenant keys of the database as the snapshot has them. There may be ten thousand: what repeats is made once."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache

from gateway.settings.resolve_providers import limits_of
from gateway.settings.schema import LimitsSection
from gateway.settings.snapshot import RANKS, Budget, Limits, Tenant, TenantKey
from gateway.settings.stored_rows import Refusals, Row
from gateway.settings.validate import UnfitError, section_of
from keys.digest import KeyDigest, Peppers
from keys.scope import UNLIMITED, Scope, parse_network
from keys.standing import KeyStanding, KeyValue

_ANY = ("*",)
#: Of rows that do not say by which pepper they are known.
_UNSAID = ("", "1")
_OTHER_PEPPER = "is known by another pepper, which KAZE_KEY_PEPPER_PREVIOUS is to name"


def stored_keys(
    rows: Iterable[Row],
    tenants: Mapping[str, Tenant],
    suspended: frozenset[str],
    budgets: Mapping[tuple[str, str], tuple[Budget, ...]],
    before: Mapping[tuple[str, str], TenantKey],
    peppers: Peppers,
    refusals: Refusals,
) -> Iterable[TenantKey]:
    """Each key; in place of one that is refused the one that it was `before`, as long as its value is the same."""
    versions = {one.version for one in (peppers.current, peppers.previous) if one is not None}
    for row in rows:
        tenant = tenants.get(row["tenant"])
        if tenant is None or tenant.id in suspended:
            if row["tenant"] not in suspended:
                refusals.add("tenant_keys", f"{row['tenant']}/{row['id']}", "its tenant does not exist")
            continue
        name = tenant.id, row["id"]
        if row["pepper_version"] not in versions and row["pepper_version"] not in _UNSAID:
            refusals.add("tenant_keys", f"{tenant.id}/{row['id']}", _OTHER_PEPPER)
            continue
        try:
            yield _key(row, tenant, budgets.get(name, ()))
        except (ValueError, TypeError) as error:
            why = str(error) if isinstance(error, UnfitError) else "is damaged"
            refusals.add("tenant_keys", f"{tenant.id}/{row['id']}", why)
            former = before.get(name)
            if former is not None and former.digest == row["digest"] and former.tenant.id not in suspended:
                yield former


def ending(key: TenantKey) -> tuple[bytes, ...]:
    """The digests of what it is presented by besides its present value, for a while."""
    if key.standing is None:
        return ()
    return tuple(value.digest.value for value in key.standing.values[1:])


def _key(row: Row, tenant: Tenant, budgets: tuple[Budget, ...]) -> TenantKey:
    if RANKS[row["priority"]] < RANKS[row["priority_max"]]:
        raise UnfitError("priority is more urgent than priority_max")
    scope = _scope(tuple(row["models"]), tuple(row["endpoints"]), tuple(row["addresses"]))
    return TenantKey(
        row["id"],
        tenant,
        row["digest"],
        row["priority"],
        row["priority_max"],
        _limits(row["limits"]),
        budgets,
        scope,
        _standing(row, scope),
        stored=True,
    )


def _standing(row: Row, scope: Scope) -> KeyStanding | None:
    expires: datetime | None = row["expires_at"]
    revoked: datetime | None = row["revoked_at"]
    former: list[bytes] | None = row["former"]
    if expires is None and revoked is None and former is None:
        return None
    present = KeyValue(KeyDigest("", row["digest"]))
    ends = zip(former or (), row["former_until"] or (), strict=True)
    before = (KeyValue(KeyDigest("", digest), until) for digest, until in ends)
    return KeyStanding(row["id"], (present, *before), scope, expires, revoked)


@lru_cache(1024)
def _limits(text: str) -> Limits:
    return limits_of(section_of(LimitsSection, json.loads(text)))


@lru_cache(1024)
def _scope(models: tuple[str, ...], endpoints: tuple[str, ...], addresses: tuple[str, ...]) -> Scope:
    """`*` is no limit; so is an empty list of addresses."""
    if models == _ANY and endpoints == _ANY and not addresses:
        return UNLIMITED
    return Scope(
        None if "*" in models else models,
        None if "*" in endpoints else frozenset(endpoints),
        tuple(parse_network(address) for address in addresses) or None,
    )
