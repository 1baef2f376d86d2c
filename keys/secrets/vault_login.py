"""The ways to log in to Vault. What they present is itself a secret by reference, read anew at each login."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from keys.secret import Secret
from keys.secrets.env import EnvironmentSource
from keys.secrets.file import FileSource
from keys.secrets.reference import Reference
from keys.secrets.vault_client import Lease, VaultClient

#: Reads what is to be presented; raises FetchError. In a thread.
Reader = Callable[[], Secret]


class VaultLogin(Protocol):
    """One way to get a token."""

    def log_in(self, client: VaultClient) -> Lease:
        """In a thread; raises FetchError."""
        ...


@dataclass(frozen=True, slots=True)
class TokenLogin:
    """A token given from outside; read again, as somebody may renew or replace it where it is kept."""

    token: Reader

    def log_in(self, client: VaultClient) -> Lease:
        return client.look_up(self.token())


@dataclass(frozen=True, slots=True)
class AppRoleLogin:
    """Role id and secret id."""

    role_id: Reader
    secret_id: Reader
    mount: str = "approle"

    def log_in(self, client: VaultClient) -> Lease:
        return client.log_in_by_approle(self.role_id(), self.secret_id(), self.mount)


@dataclass(frozen=True, slots=True)
class KubernetesLogin:
    """The service account's token, which Kubernetes replaces in its file about every hour."""

    role: str
    jwt: Reader
    mount: str = "kubernetes"

    def log_in(self, client: VaultClient) -> Lease:
        return client.log_in_by_kubernetes(self.role, self.jwt(), self.mount)


def reader_of(reference: Reference, environ: Mapping[str, str]) -> Reader:
    """Reads `reference`, which is one to the environment or to a file."""
    if reference.scheme == "env":
        return lambda: EnvironmentSource(environ).read(reference).secret
    if reference.scheme == "file":
        return lambda: FileSource().read(reference).secret
    raise ValueError("what leads to vault cannot be in it")
