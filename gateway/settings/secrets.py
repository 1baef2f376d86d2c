"""Secret references of a configuration, looked up when it is read: `env:NAME` and `file:/path`."""

from collections.abc import Mapping

from keys.secret import Secret
from keys.secrets.env import EnvironmentSource
from keys.secrets.file import FileSource
from keys.secrets.reference import MalformedReferenceError, parse
from keys.secrets.source import FetchError


class UnresolvedError(Exception):
    """A reference that gives no secret; the message names what it points to, never what was found."""


def resolve(reference: str, environ: Mapping[str, str]) -> Secret:
    """The secret behind `reference`; raises UnresolvedError."""
    try:
        parsed = parse(reference)
        if parsed.scheme == "env":
            return EnvironmentSource(environ).read(parsed).secret
        if parsed.scheme == "file":
            return FileSource().read(parsed).secret
    except (MalformedReferenceError, FetchError) as error:
        raise UnresolvedError(str(error)) from None
    raise UnresolvedError("vault: is not for this; use env:NAME or file:/path")
