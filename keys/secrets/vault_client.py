"""Vault and OpenBao through hvac, one blocking call at a time: log in, renew, look up, read.

The only file that knows hvac. Nothing is taken from its environment (`VAULT_TOKEN`, `~/.vault-token`, proxies,
`.netrc`), no redirect is followed (the token would go with it) and TLS is always verified. hvac's exceptions
and the frames they come from hold tokens and secrets: each is thrown away and ours raised outside its handler.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import hvac  # type: ignore[import-untyped]
import requests
from hvac import exceptions as refused

from keys.secret import Secret
from keys.secrets.source import Fault, FetchError, unfit

_Answer = TypeVar("_Answer")
#: Connections kept, and so calls at once.
CALLS_MAX = 4


@dataclass(frozen=True, slots=True)
class VaultServer:
    """Which Vault, and how long a call may take: `connect_s` to be reached, `read_s` between bytes."""

    address: str
    namespace: str | None = None
    ca_file: str | None = None
    connect_s: float = 2.0
    read_s: float = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Lease:
    """A token and how long it lives from now; `ttl_s` None is for ever."""

    token: Secret
    ttl_s: float | None
    renewable: bool


@dataclass(frozen=True, slots=True)
class Mount:
    """Where a KV engine is mounted, and its version."""

    path: str
    version: int


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A field of a KV secret; version 1 of the engine has no versions."""

    secret: Secret
    version: int | None


class VaultClient:
    """Blocking, safe to use from several threads. Every method raises FetchError and nothing else."""

    def __init__(self, server: VaultServer) -> None:
        self._server = server
        self._session = session = requests.Session()
        session.trust_env = False
        session.verify = server.ca_file or True
        pool = requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=CALLS_MAX, pool_block=True)
        session.mount("https://", pool)
        session.mount("http://", pool)

    def close(self) -> None:
        self._session.close()

    def log_in_by_approle(self, role_id: Secret, secret_id: Secret, mount: str) -> Lease:
        return self._asked(
            lambda: _lease(
                self._hvac().auth.approle.login(
                    role_id.reveal(), secret_id.reveal(), use_token=False, mount_point=mount
                )["auth"]
            )
        )

    def log_in_by_kubernetes(self, role: str, jwt: Secret, mount: str) -> Lease:
        return self._asked(
            lambda: _lease(
                self._hvac().auth.kubernetes.login(role, jwt.reveal(), use_token=False, mount_point=mount)[
                    "auth"
                ]
            )
        )

    def look_up(self, token: Secret) -> Lease:
        """What is left of `token`."""

        def call() -> Lease:
            data = self._hvac(token).auth.token.lookup_self()["data"]
            for_ever = not data["ttl"] and not data.get("expire_time")
            return Lease(token, None if for_ever else float(data["ttl"]), bool(data.get("renewable")))

        return self._asked(call)

    def renew(self, token: Secret) -> Lease:
        return self._asked(lambda: _lease(self._hvac(token).auth.token.renew_self()["auth"]))

    def mount_of(self, token: Secret, place: str) -> Mount:
        """The engine that `place` is in: a mount's path may have slashes, and only the server knows its version."""

        def call() -> Mount:
            data = self._hvac(token).adapter.get(f"/v1/sys/internal/ui/mounts/{place}")["data"]
            options = data.get("options") or {}
            return Mount(str(data["path"]).strip("/"), int(options.get("version", "1")))

        return self._asked(call)

    def read(self, token: Secret, mount: Mount, place: str, field: str) -> Value:
        """`field` of what is at `place`; one that was deleted is missing."""
        path = place.removeprefix(mount.path).strip("/")

        def call() -> Value | FetchError:
            kv = self._hvac(token).secrets.kv
            if mount.version == 1:
                data, version = kv.v1.read_secret(path, mount_point=mount.path)["data"], None
            else:
                answer = kv.v2.read_secret_version(
                    path, mount_point=mount.path, raise_on_deleted_version=True
                )["data"]
                data, version = answer["data"], int(answer["metadata"]["version"])
            return _field(data, field, version)

        found = self._asked(call)
        if isinstance(found, FetchError):
            raise found
        return found

    def version(self, token: Secret, mount: Mount, place: str) -> int:
        """The present one of what is at `place`, in an engine that has versions."""
        path = place.removeprefix(mount.path).strip("/")

        def call() -> int:
            metadata = self._hvac(token).secrets.kv.v2.read_secret_metadata(path, mount_point=mount.path)
            return int(metadata["data"]["current_version"])

        return self._asked(call)

    def _hvac(self, token: Secret | None = None) -> Any:
        # An empty token and not None, for which hvac would look around.
        return hvac.Client(
            url=self._server.address,
            token="" if token is None else token.reveal(),
            verify=self._server.ca_file or True,
            timeout=(self._server.connect_s, self._server.read_s),
            allow_redirects=False,
            session=self._session,
            namespace=self._server.namespace,
        )

    def _asked(self, call: Callable[[], _Answer]) -> _Answer:
        fault, message = Fault.AWAY, "Vault answered with something else than was asked for"
        try:
            return call()
        except refused.InvalidPath:
            fault, message = Fault.MISSING, "Vault has nothing there"
        except (refused.Forbidden, refused.Unauthorized):
            fault, message = Fault.DENIED, "Vault denies it"
        except refused.InvalidRequest:
            fault, message = Fault.DENIED, "Vault refuses the request"
        except refused.RateLimitExceeded:
            message = "Vault limits our rate"
        except refused.VaultDown:
            message = "Vault is sealed or down"
        except refused.VaultError:
            message = "Vault failed"
        except requests.exceptions.SSLError:
            message = "Vault's certificate is not trusted"
        except requests.exceptions.Timeout:
            message = "Vault did not answer in time"
        except requests.exceptions.RequestException:
            message = "Vault cannot be reached"
        except (LookupError, TypeError, ValueError, AttributeError):
            pass
        raise FetchError(fault, message)


def _lease(auth: Any) -> Lease:
    ttl = float(auth["lease_duration"])
    return Lease(Secret(str(auth["client_token"])), ttl or None, bool(auth["renewable"]))


def _field(data: Any, name: str, version: int | None) -> Value | FetchError:
    """The field, or what is wrong with it: returned, as here all of the fields are in a plain variable."""
    if name not in data:
        return FetchError(Fault.MISSING, "Vault has no such field there")
    if not isinstance(data[name], str):
        return FetchError(Fault.MALFORMED, "the field in Vault is no text")
    secret = Secret(data[name])
    wrong = "the field in Vault is empty" if not data[name] else unfit(secret)
    return Value(secret, version) if wrong is None else FetchError(Fault.MALFORMED, wrong)
