"""What file and environment say, complete and checked: what every snapshot is made of, with rows or without."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from gateway.settings.discover import complete
from gateway.settings.model_facts import Models
from gateway.settings.places import Findings
from gateway.settings.resolve_prices import resolve_prices
from gateway.settings.resolve_providers import resolve_pools, resolve_providers
from gateway.settings.resolve_tenants import (
    resolve_routes,
    resolve_shared_budgets,
    resolve_tenant_keys,
    resolve_tenants,
)
from gateway.settings.schema import ConfigFile
from gateway.settings.snapshot import Bounds, Hedge, Queue, Routing, Snapshot, Tenant, TenantKey
from keys.digest import Peppers, digest
from keys.secret import Secret

#: Of a configuration without tenants.
DEFAULT_TENANT = "default"


@dataclass(frozen=True, slots=True, eq=False)
class Declared:
    """`file` is complete: with providers from the environment where it names none. `said` is without these."""

    said: ConfigFile
    file: ConfigFile
    environ: Mapping[str, str] = field(repr=False)
    base: Path  # what relative file names start from
    data_dir: Path
    peppers: Peppers
    tenant_key: Secret | None  # of the tenant `default`
    digest: str = ""  # of the file's text, to compare workers by

    def with_beside(self, urls: Mapping[str, str]) -> "Declared":
        """The same with the providers beside the gateway at `urls`, by id; raises ConfigError."""
        findings = Findings(None)
        file, _ = complete(self.said, self.environ, urls, findings)
        findings.raise_if_any()
        return replace(self, file=file)

    def snapshot(self, generation: int, findings: Findings) -> Snapshot:
        """By itself, as `resolved` does it."""
        return resolved(self, self.file, generation, findings)


def resolved(declared: Declared, file: ConfigFile, generation: int, findings: Findings) -> Snapshot:
    """The snapshot of `file`; what has problems, which `findings` gets, is left out of it."""
    environ, peppers = declared.environ, declared.peppers
    providers = resolve_providers(file, environ, declared.base, findings)
    capabilities = {
        pattern: MappingProxyType(flags.model_dump(exclude_none=True))
        for pattern, flags in file.capabilities.items()
    }
    models = Models(capabilities)
    routes = resolve_routes(file, providers, models, findings)
    tenants = resolve_tenants(file, providers, routes, models, findings)
    tenant_keys, awaited = resolve_tenant_keys(file, tenants, peppers.current.value, environ, findings)
    if not declared.file.tenants:
        tenants.setdefault(DEFAULT_TENANT, Tenant(DEFAULT_TENANT))
        if declared.tenant_key is not None:
            value = digest(peppers.current.value, declared.tenant_key.reveal())
            tenant_keys[value] = TenantKey(DEFAULT_TENANT, tenants[DEFAULT_TENANT], value)
    pools = resolve_pools(file, providers, tenants, environ, findings)
    return Snapshot(
        generation=generation,
        providers=MappingProxyType(providers),
        provider_keys=pools,
        routes=MappingProxyType(routes),
        tenants=MappingProxyType(tenants),
        tenant_keys=MappingProxyType(tenant_keys),
        awaited_keys=awaited,
        pepper=peppers.current.value,
        pepper_previous=None if peppers.previous is None else peppers.previous.value,
        bounds=Bounds(**file.bounds.model_dump()),
        queue=Queue(**file.queue.model_dump()),
        routing=Routing(**file.routing.model_dump()),
        hedge=Hedge(**file.hedge.model_dump()),
        on_ledger_loss=file.on_ledger_loss,
        on_disconnect=file.on_disconnect,
        lenient=file.lenient,
        capabilities=MappingProxyType(capabilities),
        models=models,
        prices=resolve_prices(file, findings),
        shared_budgets=resolve_shared_budgets(file, findings),
    )
