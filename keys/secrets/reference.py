"""Where a secret is: `env:NAME`, `file:/path` or `vault:mount/path#field`. Never the secret itself.

Messages do not repeat what was given: it may be a secret in the wrong place.
"""

import re
from dataclasses import dataclass
from typing import Literal

Scheme = Literal["env", "file", "vault"]

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")
#: A variable's name is repeated in messages only in capitals; anything else may be a misplaced secret.
_SHOWN_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}\Z")
#: One step of a Vault path: nothing that a URL or Vault itself takes for more than a name.
_STEP = re.compile(r"[\x21-\x7e]{1,256}\Z")
_NOT_IN_STEPS = frozenset("?#%\\+*")
_STEPS_MAX = 32


class MalformedReferenceError(ValueError):
    """What was given is no reference."""


@dataclass(frozen=True, slots=True, repr=False)
class Reference:
    """One parsed. `place` is a variable, a path, or mount and path in Vault; `field` is for Vault alone."""

    scheme: Scheme
    place: str
    field: str = ""

    def __str__(self) -> str:
        if self.scheme == "env":
            return f"env:{self.place if _SHOWN_VARIABLE.match(self.place) else '…'}"
        return f"{self.scheme}:{self.place}" + (f"#{self.field}" if self.field else "")

    __repr__ = __str__


def parse(text: str) -> Reference:
    """The reference that `text` is; raises MalformedReferenceError."""
    scheme, colon, rest = text.partition(":")
    if colon and scheme == "env":
        if not _VARIABLE.match(rest):
            raise MalformedReferenceError("env: takes the name of an environment variable")
        return Reference("env", rest)
    if colon and scheme == "file":
        if not rest.startswith("/"):
            raise MalformedReferenceError("file: takes an absolute path")
        return Reference("file", rest)
    if colon and scheme == "vault":
        return _in_vault(rest)
    raise MalformedReferenceError(
        "must be a reference (env:NAME, file:/path or vault:…), never the secret itself"
    )


def _in_vault(rest: str) -> Reference:
    place, _, field = rest.partition("#")
    steps = place.split("/")
    if not (2 <= len(steps) <= _STEPS_MAX and all(_is_step(step) for step in (*steps, field))):
        raise MalformedReferenceError("vault: takes mount/path#field")
    return Reference("vault", place, field)


def _is_step(step: str) -> bool:
    return bool(_STEP.match(step)) and step not in (".", "..") and _NOT_IN_STEPS.isdisjoint(step)
