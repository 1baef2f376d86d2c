"""The entry: everything that was said, checked and resolved into `Settings`, or `ConfigError`.

Who serves nothing under it needs no secrets: `load_without_secrets`.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from gateway.settings.credentials import Credentials
from gateway.settings.declared import Declared
from gateway.settings.discover import check_not_self, complete
from gateway.settings.layers import combine, read_document
from gateway.settings.places import Findings
from gateway.settings.server import Settings
from gateway.settings.snapshot import Snapshot
from gateway.settings.stores import database_of, ledger_of, vault_of
from keys.digest import Pepper, Peppers, digest

_NOBODYS = Peppers(Pepper(bytes(32)))


def load(
    config: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, object],
    beside: Mapping[str, str] = MappingProxyType({}),
    *,
    persist: bool = True,
    generation: int = 1,
) -> Settings:
    """Read, check and resolve the configuration.

    `config` (or KAZE_CONFIG) names the file; without either there is none. `overrides` are command-line
    options by setting, None for those not given. `companions` that come back and whose base URLs `beside` did not
    have are to be started; go on with `with_beside(urls)`. `persist=False` writes nothing to disk
    (`kaze check`). Raises ConfigError with every problem that could be told.
    """
    source = _source(config, environ)
    document = None if source is None else read_document(source)
    findings = Findings(document)
    said = combine(document, environ, overrides, findings)
    file, companions = complete(said, environ, beside, findings)
    check_not_self(file, file.port, findings)
    if file.port == file.admin_port != 0:
        findings.add(("admin_port",), "must not be the same as port")
    database = database_of(file, environ, findings)
    ledger = ledger_of(file, environ, findings)
    base = Path() if source is None else source.parent
    vault = vault_of(file, environ, base, findings)
    # What is made is made last, for a configuration that is otherwise right: a refused start leaves nothing.
    digested = "" if document is None else document.digest
    data_dir = Path(file.data_dir)
    Declared(said, file, environ, base, data_dir, _NOBODYS, None).snapshot(generation, findings)
    findings.raise_if_any()
    credentials = Credentials(data_dir, environ, findings, persist)
    peppers = credentials.peppers()
    admin_key = credentials.admin_key(file.host)
    findings.raise_if_any()
    tenant_key = None if file.tenants else credentials.tenant_key()
    findings.raise_if_any()
    warnings = tuple(findings.warnings)
    assert peppers is not None
    declared = Declared(said, file, environ, base, data_dir, peppers, tenant_key, digested)
    snapshot = declared.snapshot(generation, findings)
    if digest(peppers.current.value, admin_key.reveal()) in snapshot.tenant_keys:
        findings.add_variable("KAZE_ADMIN_KEY", "is also a tenant key")
    findings.raise_if_any()
    return Settings(
        snapshot=snapshot,
        host=file.host,
        port=file.port,
        admin_port=file.admin_port,
        workers=file.workers,
        data_dir=data_dir,
        log_level=file.log_level,
        admin_key=admin_key,
        database=database,
        ledger=ledger,
        vault=vault,
        source=source,
        companions=companions,
        created=tuple(credentials.created),
        warnings=warnings,
        declared=declared,
    )


def load_without_secrets(config: Path | None, environ: Mapping[str, str]) -> Snapshot:
    """The same to explain it by: nothing that a secret stands for is looked up, nothing made or written.

    Tenant keys are not in it, nor provider keys' secrets. Raises ConfigError.
    """
    source = _source(config, environ)
    document = None if source is None else read_document(source)
    findings = Findings(document, secrets=False)
    said = combine(document, environ, {}, findings)
    file, _ = complete(said, environ, {}, findings)
    base = Path() if source is None else source.parent
    snapshot = Declared(said, file, environ, base, Path(file.data_dir), _NOBODYS, None).snapshot(1, findings)
    findings.raise_if_any()
    return snapshot


def _source(config: Path | None, environ: Mapping[str, str]) -> Path | None:
    return config or (Path(environ["KAZE_CONFIG"]) if environ.get("KAZE_CONFIG") else None)
