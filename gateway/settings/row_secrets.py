"""What a row of the database may refer to: whoever may name a provider must not have any secret of ours sent there.

It must be in a place that the configuration file sets aside for rows (`secrets.rows_may_read`), and even there it
must not be the gateway's own: the variables `KAZE_…`, the data directory, what the file has us let in by (at Vault,
the database, the ledger) or others at us (tenant keys), and what the system says of our process. The one rule for
rows, however they came to be there: asked by the admin API before a row is written, and for every snapshot.
"""

from collections.abc import Iterator
from pathlib import Path

from gateway.settings.schema import ConfigFile, SecretsSection
from keys.secrets.reference import MalformedReferenceError, Reference, parse

_OWN, _OF_PROVIDERS = "KAZE_", "KAZE_PROVIDER_"
_SYSTEM = ("/proc", "/sys", "/dev")
#: So many places are named to whoever asked for another one.
_NAMED_MAX = 8


class RowSecrets:
    """Of the gateway with that data directory and that file, as far as they are known."""

    def __init__(self, data_dir: Path | None, file: ConfigFile | None) -> None:
        self._private = [Path(name) for name in _SYSTEM]
        if data_dir is not None:
            self._private.append(data_dir.resolve())
        self._identities = {one for one in map(_identity, self._private) if one is not None}
        named = frozenset() if file is None else frozenset(_named(file))
        self._named = {one for one in named if one.scheme != "file"}
        self._files = {Path(one.place).resolve() for one in named if one.scheme == "file"}
        self._allowed = (SecretsSection() if file is None else file.secrets).rows_may_read

    def why_not(self, text: str) -> str | None:
        """What is wrong with the reference `text` in a row; None when nothing is. Looks at the file system."""
        try:
            reference = parse(text)
        except MalformedReferenceError as error:
            return str(error)
        if reference in self._named or _is_own_variable(reference):
            return "is a secret of the gateway's own"
        place = None
        if reference.scheme == "file":
            # Where it leads: by links and `..`, too.
            place = _resolved(reference.place)
            if place is None:
                return "is no path"
            if place in self._files or self._is_private(place):
                return "is a file of the gateway's, or of the system, and not for providers"
        if not any(_covers(allowed, reference, place) for allowed in self._allowed):
            return f"is not among the places that rows may refer to (secrets.rows_may_read): {self._said()}"
        return None

    def _said(self) -> str:
        more = ", …" if len(self._allowed) > _NAMED_MAX else ""
        return (", ".join(self._allowed[:_NAMED_MAX]) + more) or "none"

    def _is_private(self, place: Path) -> bool:
        """By name, and by what the directories are: another name may lead to the same one."""
        return any(place.is_relative_to(private) for private in self._private) or any(
            _identity(directory) in self._identities for directory in place.parents
        )


def _is_own_variable(reference: Reference) -> bool:
    name = reference.place
    return reference.scheme == "env" and name.startswith(_OWN) and not name.startswith(_OF_PROVIDERS)


def _covers(allowed: str, reference: Reference, place: Path | None) -> bool:
    """Whether `reference`, to a file that is in truth at `place`, is among the places `allowed`."""
    scheme, _, pattern = allowed.partition(":")
    if scheme != reference.scheme:
        return False
    start, star, _ = pattern.partition("*")
    if place is not None:
        there = _resolved(start)
        return there is not None and (place == there or (bool(star) and place.is_relative_to(there)))
    said = reference.place + (f"#{reference.field}" if reference.field else "")
    return said.startswith(start) if star else said == start


def _resolved(path: str) -> Path | None:
    try:
        return Path(path).resolve()
    except (OSError, ValueError, RuntimeError):
        return None


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
