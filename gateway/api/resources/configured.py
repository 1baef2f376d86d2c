"""What the configuration file names, as the admin API shows it: the file says what it is, and it is changed there.

Beside it stand the database's own; of what both name only the state (suspended, disabled) is the database's.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from budgets.money import nano
from gateway.api.rest.answer import Row
from gateway.settings.declared import DEFAULT_TENANT
from gateway.settings.resolve_tenants import budgets_named
from gateway.settings.schema import BudgetSection, ConfigFile, TenantKeySection, TenantSection
from gateway.settings.schema_types import Section
from gateway.settings.snapshot import Snapshot

Entries = Callable[[], Mapping[str, Row]]


@dataclass(frozen=True, slots=True)
class Configured:
    """The configuration in force, and the file's part of it (completed from the environment), where it is known."""

    snapshot: Snapshot
    file: ConfigFile | None = None
    #: Of rows that are not in force, `table id: why`.
    refused: tuple[str, ...] = ()

    def problems(self, table: str) -> dict[str, str]:
        """By id, why a row of that table is not in force; the one before it may still be."""
        said = (
            line.removeprefix(f"{table} ").partition(": ")
            for line in self.refused
            if line.startswith(f"{table} ")
        )
        return {id_: why for id_, _, why in said}

    def tenants(self) -> dict[str, Row]:
        return {
            one.id: _shown(one, {"id", "weight", "models", "fetch_urls"}, name="", state="active")
            for one in self._tenants()
        }

    def providers(self) -> dict[str, Row]:
        return {} if self.file is None else {one.id: _shown(one) for one in self.file.providers}

    def models(self) -> dict[str, Row]:
        return {} if self.file is None else {one.id: _shown(one) for one in self.file.models}

    def pools(self) -> dict[str, Row]:
        if self.file is None:
            return {}
        return {one.id: _shown(one, state="enabled") for one in self.file.pools}

    def keys(self, tenant: str) -> dict[str, Row]:
        """Those of one tenant."""
        return {key.id: _key(key, tenant) for one in self._tenants() if one.id == tenant for key in one.keys}

    def budgets(self) -> dict[str, Row]:
        """By the names of their accounts in the books: `*:month`, `tenant:month`, `tenant:key:day`."""
        found = {} if self.file is None else _budgets(self.file.budgets, "*", None)
        for tenant in self._tenants():
            found.update(_budgets(tenant.budgets, tenant.id, None))
            for key in tenant.keys:
                found.update(_budgets(key.budgets, tenant.id, key.id))
        return found

    def _tenants(self) -> tuple[TenantSection, ...]:
        if self.file is None:
            return ()
        return self.file.tenants or (_FIRST,)


#: What a configuration without tenants comes to: its key is in the data directory.
_FIRST = TenantSection(
    id=DEFAULT_TENANT,
    keys=(TenantKeySection(id=DEFAULT_TENANT, secret="file:tenant-key"),),  # noqa: S106
)


def _shown(section: Section, names: set[str] | None = None, **more: object) -> Row:
    return {**section.model_dump(mode="json", include=names), **more, **_UNSTAMPED}


def _key(section: TenantKeySection, tenant: str) -> Row:
    ends = dict.fromkeys(("expires_at", "old_until", "revoked_at", "last_used_at"))
    return {
        **_shown(section, {"id", "priority", "priority_max", "limits"}),
        "tenant": tenant,
        "models": ["*"],
        "endpoints": ["*"],
        "addresses": [],
        "tail": "",
        "old_values": 0,
        **ends,
    }


def _budgets(sections: Iterable[BudgetSection], tenant: str, key: str | None) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for name, one in budgets_named(sections, tenant, *([key] if key else [])):
        found[name] = {
            "id": name,
            "tenant": tenant,
            "key": key,
            "period": one.period,
            "anchor_day": one.anchor,
            "limit_nusd": nano(one.usd),
            "enforce": one.enforce,
            **_UNSTAMPED,
        }
    return found


_UNSTAMPED: Row = {"source": "file", "version": None, "created_at": None, "updated_at": None}
