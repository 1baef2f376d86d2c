"""Where provider secrets are kept, as the configuration says.

The client of Vault is loaded only where there is one. What is away is the cache's affair.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keys.secrets.file import FileSource
from keys.secrets.freshness import CachePolicy
from keys.secrets.reference import Reference, Scheme, parse
from keys.secrets.source import SecretSource

if TYPE_CHECKING:
    from gateway.settings.schema import VaultAuthSection, VaultSection
    from keys.secrets.vault import VaultSource
    from keys.secrets.vault_login import VaultLogin


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """By scheme; `vault` is started and closed by whoever uses them."""

    by_scheme: Mapping[Scheme, SecretSource]
    policy: CachePolicy
    vault: "VaultSource | None" = None


def secret_sources(
    vault: "VaultSection | None", environ: Mapping[str, str], monotonic: Callable[[], float]
) -> Sources:
    """Files, and Vault where it is configured. The environment is no place to look twice: it does not change."""
    files: dict[Scheme, SecretSource] = {"file": FileSource()}
    if vault is None:
        return Sources(files, CachePolicy())
    from keys.secrets.vault import VaultSource
    from keys.secrets.vault_client import VaultServer

    server = VaultServer(vault.address, vault.namespace, vault.ca_file)
    source = VaultSource(server, _login(vault.auth, environ), monotonic)
    policy = CachePolicy(ttl_s=vault.ttl_s, stale_max_s=vault.stale_max_s, watch_s=vault.watch_s)
    return Sources({**files, "vault": source}, policy, source)


def _login(auth: "VaultAuthSection", environ: Mapping[str, str]) -> "VaultLogin":
    from keys.secrets.vault_login import AppRoleLogin, KubernetesLogin, TokenLogin, reader_of

    if auth.approle is not None:
        role_id, secret_id = (
            reader_of(parse(reference), environ)
            for reference in (auth.approle.role_id, auth.approle.secret_id)
        )
        return AppRoleLogin(role_id, secret_id, auth.approle.mount)
    if auth.kubernetes is not None:
        jwt = reader_of(parse(auth.kubernetes.jwt), environ)
        return KubernetesLogin(auth.kubernetes.role, jwt, auth.kubernetes.mount)
    assert auth.token is not None, "exactly one way was checked when the configuration was read"
    return TokenLogin(reader_of(parse(auth.token), environ))


def is_looked_at(reference: Reference | None) -> bool:
    """Whether what is there may be another secret next time."""
    return reference is not None and reference.scheme != "env"
