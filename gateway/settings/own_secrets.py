"""What a row of the database may not refer to: whoever may name a provider must not have our secrets sent there.

Ours are the variables `KAZE_…`, the data directory, what the configuration file has us let in by (at Vault, the
database, the ledger) or others at us (tenant keys), and what the system says of our process. The one rule for rows,
however they came to be there: asked by the admin API before a row is written, and by every snapshot that is made.
"""

from collections.abc import Iterator
from pathlib import Path

from gateway.settings.schema import ConfigFile
from keys.secrets.reference import MalformedReferenceError, Reference, parse

_VARIABLES = "KAZE_"
_SYSTEM = ("/proc", "/sys", "/dev")


class OwnSecrets:
    """Of the gateway with that data directory and that file, as far as they are known."""

    def __init__(self, data_dir: Path | None, file: ConfigFile | None) -> None:
        self._private = [Path(name) for name in _SYSTEM]
        if data_dir is not None:
            self._private.append(data_dir.resolve())
        self._identities = {one for one in map(_identity, self._private) if one is not None}
        named = frozenset() if file is None else frozenset(_named(file))
        self._named = {one for one in named if one.scheme != "file"}
        self._files = {Path(one.place).resolve() for one in named if one.scheme == "file"}

    def why_not(self, reference: Reference) -> str | None:
        """What is wrong with `reference` in a row; None when nothing is. Looks at the file system."""
        if reference.scheme == "env" and reference.place.startswith(_VARIABLES):
            return "is a variable of the gateway's own"
        if reference in self._named:
            return "is a secret of the gateway's own"
        if reference.scheme == "file":
            try:
                place = Path(reference.place).resolve()
            except (OSError, ValueError, RuntimeError):
                return "is no path"
            if place in self._files or self._is_private(place):
                return "is a file of the gateway's, or of the system, and not for providers"
        return None

    def _is_private(self, place: Path) -> bool:
        """By name, and by what the directories are: another name may lead to the same one."""
        return any(place.is_relative_to(private) for private in self._private) or any(
            _identity(directory) in self._identities for directory in place.parents
        )


def _identity(directory: Path) -> tuple[int, int] | None:
    try:
        found = directory.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _named(file: ConfigFile) -> Iterator[Reference]:
    said: list[str | None] = [file.database, file.database_owner, file.database_replica, file.ledger]
    if file.vault is not None:
        auth = file.vault.auth
        said.append(auth.token)
        if auth.approle is not None:
            said += [auth.approle.role_id, auth.approle.secret_id]
        if auth.kubernetes is not None:
            said.append(auth.kubernetes.jwt)
    said += [key.secret for tenant in file.tenants for key in tenant.keys]
    for text in said:
        try:
            yield parse(text or "")
        except MalformedReferenceError:  # a URL, or nothing
            continue
