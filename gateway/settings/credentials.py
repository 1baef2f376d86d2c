"""The gateway's own credentials: pepper, admin key and the first tenant key; given, kept or made once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.settings.endpoint import is_loopback
from gateway.settings.places import Findings
from keys import stored
from keys.digest import Peppers
from keys.pepper import PepperError, find_peppers
from keys.secret import Secret
from keys.strength import KEY_CHARS_MIN, weakness
from keys.tenant_key import mint


@dataclass(frozen=True, slots=True, eq=False)
class Created:
    """A credential that this start made; it is shown once."""

    name: str  # "admin key" | "tenant key"
    secret: Secret
    path: Path


class Credentials:
    """Finds or makes them. Without `persist` nothing is written: what is missing is made up for this once."""

    def __init__(self, data_dir: Path, environ: Mapping[str, str], findings: Findings, persist: bool) -> None:
        self._data_dir = data_dir
        self._environ = environ
        self._findings = findings
        self._persist = persist
        self.created: list[Created] = []

    def peppers(self) -> Peppers | None:
        """Of at least 32 bytes each; None after a problem."""
        try:
            found = find_peppers(self._data_dir, self._environ, persist=self._persist)
        except PepperError as error:
            if error.variable is None:
                self._findings.add(("data_dir",), str(error))
            else:
                self._findings.add_variable(error.variable, str(error))
            return None
        for name in found.exposed:
            self._warn_exposed(name)
        return found.peppers

    def admin_key(self, host: str) -> Secret:
        """Made up only for a gateway that other machines cannot reach."""
        given = self._given("KAZE_ADMIN_KEY", KEY_CHARS_MIN)
        if given is not None:
            return Secret(given)
        if not is_loopback(host) and not (self._data_dir / "admin-key").is_file():
            message = "listens beyond this machine, which needs an admin credential: set KAZE_ADMIN_KEY"
            self._findings.add(("host",), message)
            return Secret("")
        return Secret(self._kept("admin-key", lambda: mint("admin").reveal(), KEY_CHARS_MIN, "admin key"))

    def tenant_key(self) -> Secret:
        """The key of the tenant `default`, for a configuration without tenants."""
        return Secret(self._kept("tenant-key", lambda: mint("default").reveal(), KEY_CHARS_MIN, "tenant key"))

    def _given(self, variable: str, least: int) -> str | None:
        value = self._environ.get(variable)
        weak = None if value is None else weakness(value, least)
        if weak is not None:
            self._findings.add_variable(variable, weak)
        return value

    def _kept(self, name: str, make: Callable[[], str], least: int, show_as: str | None = None) -> str:
        path = self._data_dir / name
        try:
            if not self._persist:
                return stored.read(path) or make()
            value, made = stored.read_or_make(path, make)
        except stored.StoredError as error:
            self._findings.add(("data_dir",), str(error))
            return ""
        weak = weakness(value, least)
        if weak is not None:
            self._findings.add(("data_dir",), f"{name} in it {weak}")
        if stored.is_exposed(path):
            self._warn_exposed(name)
        if made and show_as is not None:
            self.created.append(Created(show_as, Secret(value), path))
        return value

    def _warn_exposed(self, name: str) -> None:
        self._findings.warn(("data_dir",), f"{name} in it is open to others; chmod 600 it")
