"""Secrets from environment variables. They cannot be away; they change only with the process."""

from collections.abc import Mapping

from keys.secret import Secret
from keys.secrets.reference import Reference
from keys.secrets.source import Fault, Fetched, FetchError, Fingerprint, unfit


class EnvironmentSource:
    """Reads `environ` each time."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._fingerprint = Fingerprint()

    async def fetch(self, reference: Reference) -> Fetched:
        return self.read(reference)

    def read(self, reference: Reference) -> Fetched:
        """The same for those who are not in an event loop; raises FetchError."""
        shown = str(reference).removeprefix("env:").replace("…", "the variable that it names")
        if reference.place not in self._environ:
            raise FetchError(Fault.MISSING, f"{shown} is not set in the environment")
        secret = Secret(self._environ[reference.place])
        if not secret.reveal():
            raise FetchError(Fault.MISSING, f"{shown} is empty in the environment")
        wrong = unfit(secret)
        if wrong is not None:
            raise FetchError(Fault.MALFORMED, wrong)
        return Fetched(secret, self._fingerprint.of(secret))
