"""What is kept of a key: its HMAC-SHA256 under a pepper, and which pepper that was.

A fast hash is right because the key is 256 random bits: nothing can be guessed at any speed, while a slow one
would be a way to tire the gateway out. Under a pepper, because a stolen table can then not even be tried for a
key that leaked elsewhere. A pepper is replaced by keeping the one before it: keys known under that one are
accepted, and written anew under the present one when they are next used.
"""

import hmac
from dataclasses import dataclass, field
from enum import Enum

_VERSION_CHARS = 8


def digest(pepper: bytes, key: str) -> bytes:
    """What a presented key is looked up by. A key that is no valid text has one too; nothing has the same."""
    return hmac.digest(pepper, key.encode("utf-8", "surrogatepass"), "sha256")


@dataclass(frozen=True, slots=True)
class KeyDigest:
    """As it is stored: `version` names the pepper."""

    version: str
    value: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Pepper:
    """One pepper. Its version is derived from it, so that nobody has to count and no two are mixed up."""

    value: bytes = field(repr=False)
    version: str = field(init=False)

    def __post_init__(self) -> None:
        name = hmac.digest(self.value, b"kaze: version of a pepper", "sha256").hex()[:_VERSION_CHARS]
        object.__setattr__(self, "version", name)

    def digest(self, key: str) -> KeyDigest:
        return KeyDigest(self.version, digest(self.value, key))


class Match(Enum):
    """How a presented key stands to a stored digest."""

    NO = "no"
    CURRENT = "current"
    PREVIOUS = "previous"  # under the pepper before: write it anew


@dataclass(frozen=True, slots=True, eq=False)
class Peppers:
    """The pepper new digests are made under, and the one before it while keys are still known by it."""

    current: Pepper
    previous: Pepper | None = None

    def digests(self, key: str) -> tuple[KeyDigest, ...]:
        """All that `key` may be stored as, the current one first."""
        if self.previous is None:
            return (self.current.digest(key),)
        return self.current.digest(key), self.previous.digest(key)

    def match(self, key: str, stored: KeyDigest) -> Match:
        """Whether `stored` is of `key`; takes equally long whatever the answer."""
        found = Match.NO
        for made, match in zip(self.digests(key), (Match.CURRENT, Match.PREVIOUS), strict=False):
            same = hmac.compare_digest(made.value, stored.value)
            if same and made.version == stored.version:
                found = match
        return found
