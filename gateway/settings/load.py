"""The one entry: everything that was said, checked and resolved into `Settings`, or `ConfigError`."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from gateway.settings.credentials import Credentials
from gateway.settings.discover import check_not_self, complete
from gateway.settings.layers import combine, read_document
from gateway.settings.places import Findings
from gateway.settings.resolve_providers import resolve_pools, resolve_providers
from gateway.settings.resolve_tenants import resolve_routes, resolve_tenant_keys, resolve_tenants
from gateway.settings.schema import ConfigFile
from gateway.settings.server import Settings
from gateway.settings.snapshot import Bounds, Hedge, Queue, Routing, Snapshot, Tenant, TenantKey
from gateway.settings.stores import database_of, ledger_of, vault_of
from keys.digest import digest
from keys.secret import Secret


def load(
    config: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, object],
    sim_url: str | None = None,
    *,
    persist: bool = True,
    generation: int = 1,
) -> Settings:
    """Read, check and resolve the configuration.

    `config` (or KAZE_CONFIG) names the file; without either there is none. `overrides` are command-line
    options by setting, None for those not given. When `needs_sim` comes back and `sim_url` was not known,
    start the scripted provider and go on with `with_sim(url)`. `persist=False` writes nothing to disk
    (`kaze check`). Raises ConfigError with every problem that could be told.
    """
    source = config or (Path(environ["KAZE_CONFIG"]) if environ.get("KAZE_CONFIG") else None)
    document = None if source is None else read_document(source)
    findings = Findings(document)
    said = combine(document, environ, overrides, findings)
    file, needs_sim = complete(said, environ, sim_url, findings)
    check_not_self(file, file.port, findings)
    if file.port == file.admin_port != 0:
        findings.add(("admin_port",), "must not be the same as port")
    database = database_of(file, environ, findings)
    ledger = ledger_of(file, environ, findings)
    base = Path() if source is None else source.parent
    vault = vault_of(file, environ, base, findings)
    # What is made is made last, for a configuration that is otherwise right: a refused start leaves nothing.
    _snapshot(file, environ, base, bytes(32), None, generation, findings)
    findings.raise_if_any()
    credentials = Credentials(Path(file.data_dir), environ, findings, persist)
    pepper = credentials.pepper()
    admin_key = credentials.admin_key(file.host)
    findings.raise_if_any()
    tenant_key = None if file.tenants else credentials.tenant_key()
    findings.raise_if_any()
    warnings = tuple(findings.warnings)
    snapshot = _snapshot(file, environ, base, pepper, tenant_key, generation, findings)
    if digest(pepper, admin_key.reveal()) in snapshot.tenant_keys:
        findings.add_variable("KAZE_ADMIN_KEY", "is also a tenant key")
    findings.raise_if_any()
    return Settings(
        snapshot=snapshot,
        host=file.host,
        port=file.port,
        admin_port=file.admin_port,
        workers=file.workers,
        data_dir=Path(file.data_dir),
        log_level=file.log_level,
        admin_key=admin_key,
        database=database,
        ledger=ledger,
        vault=vault,
        source=source,
        needs_sim=needs_sim,
        created=tuple(credentials.created),
        warnings=warnings,
        _rebuild=partial(_with_sim, said, environ, base, pepper, tenant_key, generation)
        if needs_sim
        else None,
    )


def _snapshot(
    file: ConfigFile,
    environ: Mapping[str, str],
    base: Path,
    pepper: bytes,
    tenant_key: Secret | None,
    generation: int,
    findings: Findings,
) -> Snapshot:
    """The snapshot of `file`; what has problems, which `findings` gets, is left out of it."""
    providers = resolve_providers(file, environ, base, findings)
    routes = resolve_routes(file, providers, findings)
    tenants = resolve_tenants(file, providers, routes, findings)
    tenant_keys = resolve_tenant_keys(file, tenants, pepper, environ, findings)
    if not file.tenants:
        tenants = {"default": Tenant("default")}
        if tenant_key is not None:
            value = digest(pepper, tenant_key.reveal())
            tenant_keys = {value: TenantKey("default", tenants["default"], value)}
    pools = resolve_pools(file, providers, tenants, environ, findings)
    capabilities = {
        pattern: MappingProxyType(flags.model_dump(exclude_none=True))
        for pattern, flags in file.capabilities.items()
    }
    return Snapshot(
        generation=generation,
        providers=MappingProxyType(providers),
        provider_keys=pools,
        routes=MappingProxyType(routes),
        tenants=MappingProxyType(tenants),
        tenant_keys=MappingProxyType(tenant_keys),
        pepper=pepper,
        bounds=Bounds(**file.bounds.model_dump()),
        queue=Queue(**file.queue.model_dump()),
        routing=Routing(**file.routing.model_dump()),
        hedge=Hedge(**file.hedge.model_dump()),
        on_ledger_loss=file.on_ledger_loss,
        on_disconnect=file.on_disconnect,
        capabilities=MappingProxyType(capabilities),
    )


def _with_sim(
    said: ConfigFile,
    environ: Mapping[str, str],
    base: Path,
    pepper: bytes,
    tenant_key: Secret | None,
    generation: int,
    sim_url: str,
) -> Snapshot:
    findings = Findings(None)
    file, _ = complete(said, environ, sim_url, findings)
    snapshot = _snapshot(file, environ, base, pepper, tenant_key, generation, findings)
    findings.raise_if_any()
    return snapshot
