"""The database, the ledger and Vault as they are configured; nothing here connects to them."""

from collections.abc import Mapping
from pathlib import Path as FilePath

from gateway.settings import endpoint
from gateway.settings.ledger_url import LedgerUrlError
from gateway.settings.ledger_url import parse as parse_ledger_url
from gateway.settings.places import Findings
from gateway.settings.problem import Path
from gateway.settings.resolve_providers import find_ca_file, find_secret
from gateway.settings.schema import ConfigFile, VaultAuthSection, VaultSection
from gateway.settings.server import DatabaseStore, Store
from keys.secret import Secret

_DATABASE = {"postgresql": "postgresql", "postgres": "postgresql"}
_LEDGER = {
    scheme: scheme
    for scheme in (
        "redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster",
    )
}  # fmt: skip


def database_of(file: ConfigFile, environ: Mapping[str, str], findings: Findings) -> DatabaseStore:
    """The embedded server, one by URL, or none."""

    def by_url(value: str | None, name: str, message: str = "must be postgresql://…") -> Store | None:
        return None if value is None else _by_url(value, _DATABASE, message, (name,), environ, findings)

    owner = by_url(file.database_owner, "database_owner")
    replica = by_url(file.database_replica, "database_replica")
    if file.database in ("embedded", "none"):
        for name, value in (("database_owner", owner), ("database_replica", replica)):
            if value is not None:
                findings.add((name,), "is for a database that is given by its URL")
        return DatabaseStore(file.database)
    database = by_url(file.database, "database", "must be embedded, none or postgresql://…")
    assert database is not None
    return DatabaseStore(
        database.kind,
        database.url,
        None if owner is None else owner.url,
        None if replica is None else replica.url,
        file.database_prepared_statements,
    )


def ledger_of(file: ConfigFile, environ: Mapping[str, str], findings: Findings) -> Store:
    """Memory for one worker, a Valkey of our own for several, unless told otherwise."""
    kind = file.ledger or ("memory" if file.workers == 1 else "embedded")
    if kind == "memory" and file.workers > 1:
        findings.add(("ledger",), f"memory is for one worker, and workers is {file.workers}")
    if kind in ("memory", "embedded"):
        return Store(kind)
    message = (
        "must be memory, embedded, redis://…, rediss://…, unix://…, redis+sentinel://… or redis+cluster://…"
    )
    store = _by_url(kind, _LEDGER, message, ("ledger",), environ, findings)
    if store.url is not None:
        try:
            parse_ledger_url(store.url.reveal())
        except LedgerUrlError as error:
            findings.add(("ledger",), str(error))
    return store


def vault_of(
    file: ConfigFile, environ: Mapping[str, str], base: FilePath, findings: Findings
) -> VaultSection | None:
    """Exactly one way to log in, its secrets given by reference, its address not in clear."""
    if file.vault is None:
        return None
    vault, path = file.vault, ("vault",)
    try:
        origin, _ = endpoint.parse(vault.address)
    except endpoint.EndpointError as error:
        findings.add((*path, "address"), str(error))
    else:
        if not origin.tls and not endpoint.is_loopback(origin.host):
            findings.add((*path, "address"), "http:// sends every secret in clear; use https://")
    if vault.ttl_s > vault.stale_max_s:
        findings.add((*path, "stale_max_s"), "is less than ttl_s")
    elif vault.ttl_s == vault.stale_max_s:
        message = "is no longer than ttl_s: pools are out as soon as Vault is away when a secret is due again"
        findings.warn((*path, "stale_max_s"), message)
    _check_login(vault.auth, environ, (*path, "auth"), findings)
    return vault.model_copy(update={"ca_file": find_ca_file(vault.ca_file, base, path, findings)})


def _check_login(auth: VaultAuthSection, environ: Mapping[str, str], path: Path, findings: Findings) -> None:
    given: dict[Path, str] = {}
    if auth.approle is not None:
        given[*path, "approle", "role_id"] = auth.approle.role_id
        given[*path, "approle", "secret_id"] = auth.approle.secret_id
    if auth.kubernetes is not None:
        given[*path, "kubernetes", "jwt"] = auth.kubernetes.jwt
    if auth.token is not None:
        given[*path, "token"] = auth.token
    if [auth.approle, auth.kubernetes, auth.token].count(None) != 2:
        findings.add(path, "takes exactly one of approle, kubernetes, token")
    for at, reference in given.items():
        if reference.startswith("vault:"):
            findings.add(at, "is needed to get at vault, so it cannot be in it")
        else:
            find_secret(reference, environ, at, findings)


def _by_url(
    value: str,
    kinds: Mapping[str, str],
    message: str,
    path: Path,
    environ: Mapping[str, str],
    findings: Findings,
) -> Store:
    if value.startswith(("env:", "file:")):
        secret = find_secret(value, environ, path, findings)
        if secret is None:
            return Store("embedded")
        value = secret.reveal()
    kind = kinds.get(value.partition("://")[0])
    if kind is None or not value.partition("://")[2] or not value.isprintable() or " " in value:
        findings.add(path, message)
        return Store("embedded")
    return Store(kind, Secret(value))
