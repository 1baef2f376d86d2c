"""Whether a tenant key is good now, for this: its values, expiry, rotation, revocation and scope. Pure.

Moments are the wall clock's, with a time zone: they must mean the same on every host and after a restart. A
clock that jumps forward ends what would have ended by then, and what it jumps back over is good again.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from keys.digest import KeyDigest
from keys.scope import UNLIMITED, OutOfScope, Scope, Use


class Ended(Enum):
    """Why a value is no credential (any more). Callers are told none of it: all are an unknown key to them."""

    UNKNOWN = "unknown"
    REVOKED = "revoked"
    EXPIRED = "expired"
    ROTATED = "rotated"


Refusal = Ended | OutOfScope


@dataclass(frozen=True, slots=True)
class KeyValue:
    """One value of a key, by its digest; `until` is when a rotation ends it."""

    digest: KeyDigest
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyStanding:
    """A tenant key as far as letting somebody in goes. `values` has the present one first, then those before it."""

    key_id: str
    values: tuple[KeyValue, ...]
    scope: Scope = UNLIMITED
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def ended(self, digest: KeyDigest, now: datetime) -> Ended | None:
        """Why the value with `digest` is no credential at `now`, or None: it is one."""
        value = next((value for value in self.values if value.digest == digest), None)
        if value is None:
            return Ended.UNKNOWN
        if self.revoked_at is not None and now >= self.revoked_at:
            return Ended.REVOKED
        if self.expires_at is not None and now >= self.expires_at:
            return Ended.EXPIRED
        if value.until is not None and now >= value.until:
            return Ended.ROTATED
        return None

    def refuses(self, digest: KeyDigest, use: Use, now: datetime) -> Refusal | None:
        """Why the value with `digest` may not be used so at `now`, or None: it may."""
        return self.ended(digest, now) or self.scope.refuses(use)
