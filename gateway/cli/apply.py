"""`kaze apply -f F`: what a file says and a running gateway does not, shown first and then done by the admin API.

All of it is done or nothing is, in one batch; for a dry run the gateway says whether it would do it. Of the file
its providers, pools, models, tenants, keys and budgets. What the file does not name is left alone; so is what the
gateway's own configuration file names, as that is changed there. What else a file may say is for that file alone:
one that says it is refused, unless it is that very file. Secrets of tenant keys are read here, where the command
runs, and sent once; those of pools are references and stay that.
"""

import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from budgets.money import nano
from gateway.cli.admin_client import AdminClient, AdminError
from gateway.cli.table import printable
from gateway.settings.document import Document
from gateway.settings.layers import combine, read_document
from gateway.settings.places import Findings
from gateway.settings.problem import ConfigError
from gateway.settings.resolve_tenants import budgets_named
from gateway.settings.schema import BudgetSection, ConfigFile, TenantKeySection, TenantSection
from gateway.settings.schema_types import Section
from gateway.settings.secrets import UnresolvedError, resolve

_NAME_MAX = 64
#: Thousands of changes are one transaction.
_PATIENCE_S = 600.0
#: The gateway's own file has it.
_LEFT = "leave alone"
_GONE = ("deleted", "revoked")
_APPLIED = frozenset({"providers", "pools", "models", "tenants", "budgets"})
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing of the file: of which kind, where it is, and what is to be said of it."""

    name: str
    plural: str
    id: str
    document: Row
    #: Said when it is made; of what is there already only its last four characters can be compared.
    secret: str | None = field(default=None, repr=False)
    #: Whose it is, where that is said by the path that it is made at.
    of: str | None = None
    #: Other ids that a budget may have: that of the gateway's own file, or that of before.
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done: create, change, rotate, leave alone (the gateway's file has it), or same.

    Or nothing, as it is `deleted` or `revoked` for good.
    """

    what: str
    name: str
    wanted: Wanted | None = None
    #: By field, what is there and what is to be.
    fields: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    #: That of what is there.
    version: int | None = None


def apply(file: Path, dry_run: bool, as_json: bool, environ: Mapping[str, str] = os.environ) -> int:
    """Show the difference and, unless `dry_run`, do it; the exit status."""
    try:
        document = read_document(file)
        wanted = _all_wanted(document, environ)
        admin = AdminClient(environ)
        steps = [*_others(admin, document), *(step for one in wanted for step in _steps(admin, one))]
        _refuse_gone(steps, document)
        _print(steps, as_json)
        changes = [part for step in steps for part in _parts(step)]
        if changes:
            body = {"changes": changes, "dry_run": dry_run}
            admin.post("batch", body=body, patience_s=_PATIENCE_S)
        if not (dry_run or as_json):
            print(f"{len(changes)} applied")
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return 1
    except (AdminError, UnresolvedError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _all_wanted(document: Document, environ: Mapping[str, str]) -> list[Wanted]:
    """By the rules of the configuration file; nothing but the file counts. Raises ConfigError."""
    findings = Findings(document)
    said = combine(document, {}, {}, findings)
    findings.raise_if_any()
    wanted = list(_wanted(said, environ))
    names = Counter(one.name for one in wanted)
    for name, count in names.items():
        if count > 1:
            findings.add((), f"there would be {count} of the name {name}")
    findings.raise_if_any()
    return wanted


def _others(admin: AdminClient, document: Document) -> list[Step]:
    """What the file says besides: there already where it is the gateway's own file. Raises ConfigError."""
    names = [name for name in document.data if name not in _APPLIED]
    if names and admin.get("config").get("file") != document.digest:
        findings = Findings(document)
        for name in names:
            findings.add((name,), "is for the gateway's own file, and cannot be applied: nothing was done")
        findings.raise_if_any()
    return [Step(_LEFT, name) for name in names]


def _wanted(file: ConfigFile, environ: Mapping[str, str]) -> Iterator[Wanted]:
    """In an order in which each finds what it names."""
    yield from _budgets(file.budgets, "*", None)
    for provider in file.providers:
        yield _thing("provider", "providers", provider.id, _said(provider))
    for model in file.models:
        yield _thing("model", "models", model.id, _said(model))
    for tenant in file.tenants:
        document = _said(tenant, {"id", "weight", "models", "fetch_urls"})
        yield _thing("tenant", "tenants", tenant.id, document)
    for pool in file.pools:
        yield _thing("pool", "pools", pool.id, _said(pool))
    for tenant in file.tenants:
        yield from _of_tenant(tenant, environ)


def _of_tenant(tenant: TenantSection, environ: Mapping[str, str]) -> Iterator[Wanted]:
    yield from _budgets(tenant.budgets, tenant.id, None)
    for key in tenant.keys:
        document = _said(key, {"id", "priority", "priority_max", "limits"})
        name = f"{tenant.id}:{key.id}"
        yield Wanted(f"key {name}", "keys", name, document, _value(key, environ), of=tenant.id)
        yield from _budgets(key.budgets, tenant.id, key.id)


def _value(key: TenantKeySection, environ: Mapping[str, str]) -> str:
    return resolve(key.secret, environ).reveal()


def _budgets(sections: tuple[BudgetSection, ...], tenant: str, key: str | None) -> Iterator[Wanted]:
    """Under a name that is made of where it stands, so that it is found again, hard or soft by now.

    Where ids have dots in them others may come to the same name: those have one that is nobody else's.
    """
    of_key = () if key is None else (key,)
    named = budgets_named(sections, "all" if tenant == "*" else tenant, *of_key, between=".")
    in_file = budgets_named(sections, tenant, *of_key)
    alone = {period for period, count in Counter(one.period for one in sections).items() if count == 1}
    for (long, one), (filed, _) in zip(named, in_file, strict=True):
        plain, apart = _short(long), _digested(long, filed)
        name, other = (apart, plain) if _ambiguous(tenant, key) else (plain, apart)
        document: Row = {
            "id": name, "tenant": tenant, "key": key, "period": one.period, "anchor_day": one.anchor,
            "limit_nusd": nano(one.usd), "enforce": one.enforce,
        }  # fmt: skip
        former = (_short(f"{long}.soft"),) if one.period in alone else ()
        yield Wanted(f"budget {name}", "budgets", name, document, others=(other, *former, filed))


def _ambiguous(tenant: str, key: str | None) -> bool:
    """Whether the name may be that of others, too: `all` is everybody's."""
    return tenant == "all" or "." in tenant or (key is not None and "." in key)


def _short(name: str) -> str:
    """An id that a budget may have."""
    return name if len(name) <= _NAME_MAX else _digested(name, name)


def _digested(name: str, of: str) -> str:
    digest = hashlib.sha256(of.encode()).hexdigest()[:12]
    return f"{name[: _NAME_MAX - len(digest) - 1]}-{digest}"


def _thing(noun: str, plural: str, name: str, document: Row) -> Wanted:
    return Wanted(f"{noun} {name}", plural, name, document)


def _said(section: Section, names: set[str] | None = None) -> Row:
    """What the file says, in full: a field that it leaves out has its default there and here."""
    fields = section.model_dump(mode="json", include=names)
    return {name: _plain(value) for name, value in fields.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items() if inner is not None}
    return value


def _refuse_gone(steps: list[Step], document: Document) -> None:
    """Before anything is done. Raises ConfigError."""
    findings = Findings(document)
    for step in steps:
        if step.what in _GONE:
            message = f"{step.name} was {step.what}, and its name cannot be had again: nothing was done"
            findings.add((), message)
    findings.raise_if_any()


def _steps(admin: AdminClient, wanted: Wanted) -> list[Step]:
    wanted, there = _there(admin, wanted)
    if there is None:
        return [Step("create", wanted.name, wanted)]
    if there.get("state") == "deleted":
        return [Step("deleted", wanted.name)]
    if there.get("revoked_at") is not None:
        return [Step("revoked", wanted.name)]
    named = wanted.document.items()
    different = {
        name: (there.get(name), value)
        for name, value in named
        if name != "id" and _plain(there.get(name)) != value
    }
    if there.get("version") is None:
        return [Step(_LEFT, wanted.name, None, different)]
    version = there["version"]
    steps = [Step("change", wanted.name, wanted, different, version)] if different else []
    if wanted.secret is not None and there["tail"] != wanted.secret[-len(there["tail"]) or 0 :]:
        steps.append(Step("rotate", wanted.name, wanted))
    return steps or [Step("same", wanted.name)]


def _there(admin: AdminClient, wanted: Wanted) -> tuple[Wanted, Row | None]:
    """What is there of it, and itself under that id; of several rather the budget that is as hard or soft as it.

    Where there is nothing it goes by the first id that nobody has.
    """
    known = [wanted, *(_under(wanted, one) for one in wanted.others)]
    rows: list[tuple[Wanted, Row | None]] = [(one, admin.find(one.plural, one.id)) for one in known]
    found = [pair for pair in rows if pair[1] is not None and _same(wanted, pair[1], "tenant", "key")]
    alike = [pair for pair in found if pair[1] is not None and _same(wanted, pair[1], "enforce")]
    free = [pair for pair in rows if pair[1] is None]
    return (alike or found or free or rows)[0]


def _under(budget: Wanted, name: str) -> Wanted:
    return replace(budget, id=name, name=f"budget {name}", document={**budget.document, "id": name})


def _same(wanted: Wanted, there: Row, *fields: str) -> bool:
    """In those of the fields that the file says."""
    said = wanted.document
    return all(there.get(name) == said[name] for name in fields if name in said)


def _parts(step: Step) -> Iterator[Row]:
    """Of the batch; whoever changes meanwhile what is to be changed is not overwritten."""
    wanted = step.wanted
    if wanted is None:
        return
    if step.what == "create":
        said = {**wanted.document, "secret": wanted.document.get("secret", wanted.secret)}
        body = {name: value for name, value in said.items() if value is not None}
        yield {"operation": f"{wanted.plural}.create", "id": wanted.of, "body": body}
    elif step.what == "change":
        patch = {name: value for name, (_, value) in step.fields.items()}
        change = {"operation": f"{wanted.plural}.change", "id": wanted.id, "body": patch}
        yield {**change, "if_match": f'"{step.version}"'}
    elif step.what == "rotate":
        yield {"operation": f"{wanted.plural}.rotate", "id": wanted.id, "body": {"secret": wanted.secret}}


def _print(steps: list[Step], as_json: bool) -> None:
    if as_json:
        said = [
            {
                "what": step.what,
                "name": step.name,
                "fields": {name: {"from": was, "to": to} for name, (was, to) in step.fields.items()},
            }
            for step in steps
        ]
        print(json.dumps(said, indent=2))
        return
    signs = {"create": "+", "change": "~", "rotate": "~", "same": "=", _LEFT: "."}
    for step in steps:
        whose = " (it is in the gateway's own file)" if step.what == _LEFT else ""
        print(f"{signs[step.what]} {step.what}: {step.name}{whose}")
        for name, (was, to) in step.fields.items():
            print(f"    {name}: {_text(was)} -> {_text(to)}")


def _text(value: Any) -> str:
    return printable(json.dumps(value, ensure_ascii=False))
