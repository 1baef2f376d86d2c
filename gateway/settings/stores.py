"""The database, the ledger and Vault as they are configured; nothing here connects to them."""

from collections.abc import Mapping

from gateway.settings.places import Findings
from gateway.settings.problem import Path
from gateway.settings.resolve_providers import find_secret
from gateway.settings.schema import ConfigFile
from gateway.settings.server import Store
from keys.secret import Secret

_DATABASE = {"postgresql": "postgresql", "postgres": "postgresql"}
_LEDGER = {
    scheme: scheme
    for scheme in (
        "redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster",
    )
}  # fmt: skip


def database_of(file: ConfigFile, environ: Mapping[str, str], findings: Findings) -> Store:
    """The embedded server, or one by URL."""
    if file.database == "embedded":
        return Store("embedded")
    message = "must be embedded or postgresql://…"
    return _by_url(file.database, _DATABASE, message, ("database",), environ, findings)


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
    return _by_url(kind, _LEDGER, message, ("ledger",), environ, findings)


def check_vault(file: ConfigFile, environ: Mapping[str, str], findings: Findings) -> None:
    """Exactly one way to log in, its secrets given by reference, its address not in clear."""
    if file.vault is None:
        return
    auth = file.vault.auth
    if (auth.approle is None) == (auth.token is None):
        findings.add(("vault", "auth"), "takes exactly one of approle, token")
    if auth.token is not None:
        find_secret(auth.token, environ, ("vault", "auth", "token"), findings)
    if auth.approle is not None:
        path: Path = ("vault", "auth", "approle")
        find_secret(auth.approle.role_id, environ, (*path, "role_id"), findings)
        find_secret(auth.approle.secret_id, environ, (*path, "secret_id"), findings)


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
