"""Tenants and their keys of the file as the snapshot has them; routes, which tenants may point elsewhere."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from budgets.money import nano
from gateway.settings.model_facts import Models
from gateway.settings.places import Findings
from gateway.settings.problem import Path
from gateway.settings.resolve_providers import find_kept, is_duplicate, limits_of
from gateway.settings.schema import BudgetSection, ConfigFile, TenantKeySection
from gateway.settings.snapshot import RANKS, Budget, ModelRoute, Provider, Target, Tenant, TenantKey
from gateway.settings.validate import check_local, suggestion
from keys.digest import digest
from keys.secret import Secret
from keys.strength import KEY_CHARS_MIN, weakness

_ANCHOR_MAX = {"day": 1, "week": 7, "month": 31, "total": 1}


def resolve_routes(
    file: ConfigFile, providers: Mapping[str, Provider], facts: Models, findings: Findings
) -> dict[str, ModelRoute]:
    """Every model route, by id."""
    routes: dict[str, ModelRoute] = {}
    first: dict[str, Path] = {}
    for index, section in enumerate(file.models):
        path: Path = ("models", index)
        if is_duplicate(section.id, path, first, findings):
            continue
        targets = _targets(section.targets, file, providers, facts, (*path, "targets"), findings)
        overflow = None
        if section.overflow is not None:
            at: Path = (*path, "overflow")
            overflow = _target(section.overflow, file, providers, facts, at, findings)
            if overflow is not None:
                check_local(overflow.provider.id, overflow.provider.local, at, findings)
        routes[section.id] = ModelRoute(section.id, targets, overflow, section.hint)
    return routes


def resolve_shared_budgets(file: ConfigFile, findings: Findings) -> tuple[Budget, ...]:
    """Those on all tenants together: `*:month`, as no tenant is called that."""
    return _budgets(file.budgets, ("*",), ("budgets",), findings)


def resolve_tenants(
    file: ConfigFile,
    providers: Mapping[str, Provider],
    routes: Mapping[str, ModelRoute],
    facts: Models,
    findings: Findings,
) -> dict[str, Tenant]:
    """Every tenant, by id."""
    tenants: dict[str, Tenant] = {}
    first: dict[str, Path] = {}
    for index, section in enumerate(file.tenants):
        path: Path = ("tenants", index)
        if is_duplicate(section.id, path, first, findings):
            continue
        models: dict[str, tuple[Target, ...]] = {}
        for name, targets in section.models.items():
            at: Path = (*path, "models", name)
            if name not in routes:
                findings.add(at, f"no such model route{suggestion(name, list(routes))}")
            models[name] = _targets(targets, file, providers, facts, at, findings)
        budgets = _budgets(section.budgets, (section.id,), (*path, "budgets"), findings)
        tenants[section.id] = Tenant(
            section.id, section.weight, MappingProxyType(models), budgets, section.fetch_urls
        )
    return tenants


def resolve_tenant_keys(
    file: ConfigFile,
    tenants: Mapping[str, Tenant],
    pepper: bytes,
    environ: Mapping[str, str],
    findings: Findings,
) -> tuple[dict[bytes, TenantKey], tuple[TenantKey, ...]]:
    """Every tenant key, by the digest of its value; and those whose values are in Vault."""
    keys: dict[bytes, TenantKey] = {}
    awaited: list[TenantKey] = []
    owners: dict[bytes, Path] = {}
    for index, section in enumerate(file.tenants):
        first: dict[str, Path] = {}
        for position, key in enumerate(section.keys):
            path: Path = ("tenants", index, "keys", position)
            if is_duplicate(key.id, path, first, findings):
                continue
            if RANKS[key.priority] < RANKS[key.priority_max]:
                message = f"is more urgent than priority_max, which is {key.priority_max}"
                findings.add((*path, "priority"), message)
            of = _budgets(key.budgets, (section.id, key.id), (*path, "budgets"), findings)
            secret, kept = find_kept(key.secret, file.vault is not None, environ, (*path, "secret"), findings)
            if kept is not None and kept.scheme == "vault":
                if section.id in tenants:
                    awaited.append(replace(_key(key, tenants[section.id], b"", of), reference=kept))
                continue
            if secret is None or not _strong_enough(secret, (*path, "secret"), findings):
                continue
            value = digest(pepper, secret.reveal())
            if value in owners:
                message = f"has the same value as {findings.where((*owners[value], 'secret'))}"
                findings.add((*path, "secret"), message)
                continue
            owners[value] = path
            if section.id in tenants:
                keys[value] = _key(key, tenants[section.id], value, of)
    return keys, tuple(awaited)


def _key(section: TenantKeySection, tenant: Tenant, value: bytes, budgets: tuple[Budget, ...]) -> TenantKey:
    return TenantKey(
        id=section.id,
        tenant=tenant,
        digest=value,
        priority=section.priority,
        priority_max=section.priority_max,
        limits=limits_of(section.limits),
        budgets=budgets,
    )


def _strong_enough(secret: Secret, path: Path, findings: Findings) -> bool:
    if len(secret.reveal()) < KEY_CHARS_MIN:
        findings.add(path, f"the key is shorter than {KEY_CHARS_MIN} characters")
        return False
    weak = weakness(secret.reveal(), KEY_CHARS_MIN)
    if weak is not None:
        findings.add(path, f"the key {weak}")
    return weak is None


def budgets_named(
    sections: Iterable[BudgetSection], *scope: str, between: str = ":"
) -> Iterator[tuple[str, BudgetSection]]:
    """Those of one place, each with the name of its accounts in the books: `tenant:month`, `tenant:key:day`.

    Not by whether they are hard, which may change and lets nothing be forgotten: only of two for the same period,
    which count the same, the soft one has `:soft` behind.
    """
    known = tuple(sections)
    hard = {one.period for one in known if one.enforce == "hard"}
    for one in known:
        beside = ("soft",) if one.enforce == "soft" and one.period in hard else ()
        yield between.join((*scope, one.period, *beside)), one


def _budgets(
    sections: tuple[BudgetSection, ...], scope: tuple[str, ...], path: Path, findings: Findings
) -> tuple[Budget, ...]:
    """Named by whose they are and their period, so that what was spent stays theirs however the file is edited."""
    budgets: dict[str, Budget] = {}
    for index, (name, section) in enumerate(budgets_named(sections, *scope)):
        if name in budgets:
            findings.add((*path, index), f"is the second {section.enforce} one for a {section.period}")
        most = _ANCHOR_MAX[section.period]
        if section.anchor > most:
            findings.add((*path, index, "anchor"), f"must be at most {most} for a {section.period}")
        budgets[name] = Budget(section.period, nano(section.usd), section.enforce, name, section.anchor)
    return tuple(budgets.values())


def _targets(
    names: tuple[str, ...],
    file: ConfigFile,
    providers: Mapping[str, Provider],
    facts: Models,
    path: Path,
    findings: Findings,
) -> tuple[Target, ...]:
    targets: list[Target] = []
    for index, name in enumerate(names):
        target = _target(name, file, providers, facts, (*path, index), findings)
        if target in targets:
            findings.add((*path, index), "is named twice")
        elif target is not None:
            targets.append(target)
    return tuple(targets)


def _target(
    name: str,
    file: ConfigFile,
    providers: Mapping[str, Provider],
    facts: Models,
    path: Path,
    findings: Findings,
) -> Target | None:
    """The target `name`, or None: its provider is unknown (a problem) or has problems of its own."""
    provider_id, _, model = name.partition("/")
    known = [section.id for section in file.providers]
    if provider_id not in known:
        findings.add(path, f"no such provider{suggestion(provider_id, known)}")
        return None
    provider = providers.get(provider_id)
    return None if provider is None else Target(provider, model, facts=facts.named(provider, model))
