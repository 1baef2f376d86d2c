"""Secret references: `env:NAME`, `file:/path` and `vault:mount/path#field`. Literals are refused."""

import re
from collections.abc import Mapping
from pathlib import Path

from keys.secret import Secret

FILE_MAX = 64 * 1024

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")
#: A variable's name is repeated in messages only in capitals; anything else may be a misplaced secret.
_SHOWN_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,63}\Z")
_VISIBLE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?\Z")


class UnresolvedError(Exception):
    """A reference that gives no secret; the message names what it points to, never what was found."""


def resolve(reference: str, environ: Mapping[str, str]) -> Secret:
    """The secret behind `reference`; raises UnresolvedError."""
    scheme, colon, rest = reference.partition(":")
    if colon and scheme == "env":
        return Secret(_checked(_from_environment(rest, environ)))
    if colon and scheme == "file":
        return Secret(_checked(_from_file(rest)))
    if colon and scheme == "vault":
        raise UnresolvedError("vault is not available in this build; use env:NAME or file:/path")
    raise UnresolvedError("must be a reference (env:NAME, file:/path or vault:…), never the secret itself")


def _from_environment(name: str, environ: Mapping[str, str]) -> str:
    if not _NAME.match(name):
        raise UnresolvedError("env: takes the name of an environment variable")
    value = environ.get(name)
    shown = name if _SHOWN_NAME.match(name) else "the variable that it names"
    if value is None:
        raise UnresolvedError(f"{shown} is not set in the environment")
    if not value:
        raise UnresolvedError(f"{shown} is empty in the environment")
    return value


def _from_file(name: str) -> str:
    if not name.startswith("/"):
        raise UnresolvedError("file: takes an absolute path")
    try:
        path = Path(name)
        # A pipe or a device would hang or never end.
        if not path.is_file():
            raise UnresolvedError("the file that it names does not exist or is not a regular file")
        with path.open("rb") as stream:
            content = stream.read(FILE_MAX + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise UnresolvedError(f"the file that it names cannot be read: {reason}") from None
    if len(content) > FILE_MAX:
        raise UnresolvedError(f"the file that it names is larger than {FILE_MAX // 1024} KiB")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise UnresolvedError("the file that it names is not text") from None
    value = text.removesuffix("\n").removesuffix("\r")
    if not value:
        raise UnresolvedError("the file that it names is empty")
    return value


def _checked(value: str) -> str:
    """`value`, if it can stand in a header as it is."""
    if not _VISIBLE.match(value):
        raise UnresolvedError("the secret holds control, non-ASCII or surrounding white-space characters")
    return value
