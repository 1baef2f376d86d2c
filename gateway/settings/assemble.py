"""File and database as one snapshot.

What the file names, the file says, whatever the database has under the same id: it is applied at every start and
reload, and so must not depend on who was there first. What it does not name is the database's: other ids, further
keys of its tenants, further budgets, and the state in which an operator put something, as no file has a word for
that.

A row that cannot stand is left out and named; in its place stands what it was when it last could. So one slip
neither stops the gateway nor takes away what works. A file that cannot stand is refused whole, by ConfigError.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from gateway.settings.declared import Declared, resolved
from gateway.settings.row_secrets import RowSecrets
from gateway.settings.schema import ConfigFile
from gateway.settings.snapshot import Budget, ProviderKey, Snapshot, Tenant, TenantKey
from gateway.settings.stored_keys import ending, stored_keys
from gateway.settings.stored_rows import TABLES, Refusals, RowFindings, is_allowed, sections
from gateway.settings.unchanged import kept, kept_of
from storage.configuration import StoredConfiguration

#: A row left out may leave others without what they name, a step further each time.
_PASSES_MAX = len(TABLES) + 2
_Sections = dict[str, dict[str, Any]]
_Former = Callable[[str, str], Any]
_Budgets = dict[tuple[str, str], tuple[Budget, ...]]


class RefusedPool(NamedTuple):
    """A pool's row that is not in force, and why; the one before it may still be."""

    id: str
    provider: str
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class Assembled:
    """A snapshot, the rows that are not in it, and of those that are the sections they became."""

    snapshot: Snapshot
    refused: tuple[str, ...] = ()
    refused_pools: tuple[RefusedPool, ...] = ()
    good: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))


def assemble(declared: Declared, stored: StoredConfiguration, before: Assembled) -> Assembled:
    """The next snapshot after `before`, with all that is unchanged. Takes a while: not for a loop.

    Raises ConfigError.
    """
    refusals = Refusals()
    rule = RowSecrets(declared.data_dir, declared.file)
    made = {table: _sections(table, declared.file, stored, before, rule, refusals) for table in TABLES}
    snapshot = _resolved(declared, stored.generation, made, partial(_former, before, rule), refusals)
    known, stopped = _states(stored)
    tenants, shared, of_keys = _budgeted(stored, snapshot.tenants, refusals)
    tenants = kept_of(tenants, before.snapshot.tenants)  # keys are made of them
    of_file = (_moved(key, tenants, of_keys) for key in snapshot.tenant_keys.values())
    former = {(key.tenant.id, key.id): key for key in before.snapshot.tenant_keys.values() if key.stored}
    of_rows = stored_keys(stored.tenant_keys, tenants, stopped, of_keys, former, declared.peppers, refusals)
    awaited = tuple(_moved(key, tenants, of_keys) for key in snapshot.awaited_keys)
    of_file = (key for key in of_file if key.tenant.id not in stopped)
    keys = _by_digest(of_file, {(key.tenant.id, key.id) for key in awaited}, of_rows, refusals)
    states = {row["id"]: row["state"] for row in stored.pools}
    whole = replace(
        snapshot,
        provider_keys=tuple(_in_state(key, states) for key in snapshot.provider_keys),
        tenants=MappingProxyType({id_: one for id_, one in tenants.items() if known.get(id_) != "deleted"}),
        tenant_keys=MappingProxyType(keys),
        awaited_keys=tuple(key for key in awaited if key.tenant.id not in stopped),
        shared_budgets=snapshot.shared_budgets + shared,
    )
    refused_pools = tuple(
        RefusedPool(row["id"], row["provider"], why)
        for row in stored.pools
        if (why := refusals.by_row.get(("pools", row["id"]))) is not None
    )
    return Assembled(kept(whole, before.snapshot), tuple(refusals.lines()), refused_pools, made)


def _sections(
    table: str,
    file: ConfigFile,
    stored: StoredConfiguration,
    before: Assembled,
    rule: RowSecrets,
    refusals: Refusals,
) -> dict[str, Any]:
    """By id, of the rows that the file says nothing of."""
    named = {section.id for section in getattr(file, table)}
    rows = {row["id"]: row for row in getattr(stored, table) if row["id"] not in named}
    made: dict[str, Any] = dict(sections(table, rows, rule, refusals))
    for id_ in rows.keys() - made.keys():
        former = _former(before, rule, table, id_)
        if former is not None:
            made[id_] = former
    return made


def _former(before: Assembled, rule: RowSecrets, table: str, id_: str) -> Any:
    """What a row was when it last could stand; None where there is nothing, or it is not to be any more."""
    former = before.good.get(table, {}).get(id_)
    return former if former is not None and is_allowed(former, rule) else None


def _resolved(
    declared: Declared, generation: int, made: _Sections, former_of: _Former, refusals: Refusals
) -> Snapshot:
    """Of the file with `made` behind it; what cannot stand is taken out of `made`."""
    for _ in range(_PASSES_MAX):
        file, ids = _merged(declared.file, made)
        findings = RowFindings(ids)
        snapshot = resolved(declared, file, generation, findings)
        findings.raise_if_any()
        if not findings.refusals.by_row:
            return snapshot
        for (table, id_), why in findings.refusals.by_row.items():
            refusals.add(table, id_, why)
            former = former_of(table, id_)
            if former is None or former is made[table][id_] or former == made[table][id_]:
                del made[table][id_]
            else:
                made[table][id_] = former
    raise AssertionError("every pass takes something out, and what stands on it the next one")


def _merged(file: ConfigFile, made: _Sections) -> tuple[ConfigFile, dict[str, dict[int, str]]]:
    """The file with the rows' sections behind its own; by table and place, their ids."""
    lists, ids = {}, {}
    for table in TABLES:
        own = getattr(file, table)
        lists[table] = (*own, *made[table].values())
        ids[table] = dict(enumerate(made[table], start=len(own)))
    return file.model_copy(update=lists), ids


def _states(stored: StoredConfiguration) -> tuple[dict[str, str], frozenset[str]]:
    """By tenant; and those whose keys do not count."""
    states = {row["id"]: row["state"] for row in stored.tenants}
    return states, frozenset(id_ for id_, state in states.items() if state != "active")


def _in_state(key: ProviderKey, states: Mapping[str, str]) -> ProviderKey:
    state = states.get(key.id, key.state)
    return key if state == key.state else replace(key, state=state)


def _budgeted(
    stored: StoredConfiguration, tenants: Mapping[str, Tenant], refusals: Refusals
) -> tuple[dict[str, Tenant], tuple[Budget, ...], _Budgets]:
    """The tenants with the rows' budgets, those on all of them together, and those on single keys."""
    found: dict[tuple[str, str], list[Budget]] = {}
    for row in stored.budgets:
        budget = Budget(row["period"], row["limit_nusd"], row["enforce"], row["id"], row["anchor_day"])
        if row["tenant"] != "*" and row["tenant"] not in tenants:
            refusals.add("budgets", row["id"], "its tenant does not exist")
            continue
        found.setdefault((row["tenant"], row["key"] or ""), []).append(budget)
    of_all = tuple(found.pop(("*", ""), ()))
    of = {name: tuple(budgets) for name, budgets in found.items()}
    with_them = {
        id_: replace(tenant, budgets=tenant.budgets + of[id_, ""]) if (id_, "") in of else tenant
        for id_, tenant in tenants.items()
    }
    return with_them, of_all, of


def _moved(key: TenantKey, tenants: Mapping[str, Tenant], budgets: _Budgets) -> TenantKey:
    """A key of the file with the tenant as it is now, and the rows' budgets."""
    tenant, more = tenants[key.tenant.id], budgets.get((key.tenant.id, key.id), ())
    if tenant is key.tenant and not more:
        return key
    return replace(key, tenant=tenant, budgets=key.budgets + more)


def _by_digest(
    of_file: Iterator[TenantKey],
    awaited: set[tuple[str, str]],
    of_rows: Iterable[TenantKey],
    refusals: Refusals,
) -> dict[bytes, TenantKey]:
    """Every value of every key. Of two with the same one the file's, else the first, counts; what a key had
    before never stands against what another has."""
    keys = {key.digest: key for key in of_file}
    named = {(key.tenant.id, key.id) for key in keys.values()} | awaited
    rotated: list[TenantKey] = []
    for key in of_rows:
        if (key.tenant.id, key.id) in named:
            continue  # the file says what it is
        if key.digest in keys:
            refusals.add("tenant_keys", f"{key.tenant.id}/{key.id}", "has the same value as another key")
            continue
        keys[key.digest] = key
        if key.standing is not None:
            rotated.append(key)
    for key in rotated:
        for digest in ending(key):
            keys.setdefault(digest, key)
    return keys
