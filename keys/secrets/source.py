"""What all places that secrets come from have in common: what they give, and how they say that they cannot.

No exception of theirs has a secret in it, in its words, in its context, or in a variable of a frame of its
traceback: whoever holds a plain value returns what is wrong, and somebody who never saw it raises.
"""

import hmac
import re
import secrets
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from keys.secret import Secret
from keys.secrets.reference import Reference

#: The largest secret that is taken, in bytes.
SIZE_MAX = 64 * 1024

_VISIBLE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?\Z")


class Fault(Enum):
    """Why there is no secret."""

    MISSING = "missing"  # there is nothing there
    DENIED = "denied"  # it may be there, but not for us
    MALFORMED = "malformed"  # what is there cannot be one
    AWAY = "away"  # the place itself does not answer


class FetchError(Exception):
    """A secret that could not be fetched; the message names where it should have been."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


@dataclass(frozen=True, slots=True, eq=False)
class Fetched:
    """A secret as its place has it now. `version` is equal as long as the secret is, and says nothing of it.

    `exposed`: others on this machine can read it where it is kept.
    """

    secret: Secret
    version: str
    exposed: bool = False


class SecretSource(Protocol):
    """A place that secrets come from."""

    async def fetch(self, reference: Reference) -> Fetched:
        """What is there now; raises FetchError. Bounded in time."""
        ...


class Fingerprint:
    """Versions for places that have none: a hash of the value under a key that only this process knows."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def of(self, secret: Secret) -> str:
        return hmac.digest(self._key, secret.reveal().encode(), "sha256").hex()[:12]


def unfit(secret: Secret) -> str | None:
    """Why `secret` cannot stand in a header as it is, or None."""
    if not _VISIBLE.match(secret.reveal()):
        return "the secret holds control, non-ASCII or surrounding white-space characters"
    return None
