"""Whether a tenant key is good now, for this: its values, expiry, rotation, revocation and scope. Pure.

Moments are the wall clock's, with a time zone: they must mean the same on every host and after a restart. A
clock that jumps forward ends what would have ended by then, and what it jumps back over is good again.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from keys.digest import KeyDigest
from keys.scope import UNLIMITED, OutOfScope, Scope, Use

#: The present value of a key and the one before it.
VALUES_MAX = 2


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
    """A tenant key as far as letting somebody in goes. `values` has the present one first."""

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

    def rotated(self, digest: KeyDigest, now: datetime, overlap: timedelta) -> "KeyStanding":
        """With a new value; the present one is good for `overlap` more. One that was still ending ends now."""
        if any(value.digest == digest for value in self.values):
            raise ValueError("a new value is another one")
        if overlap < timedelta(0):
            raise ValueError("an overlap is not negative")
        before = replace(self.values[0], until=now + overlap)
        return replace(self, values=(KeyValue(digest), before)[:VALUES_MAX])

    def revoked(self, at: datetime) -> "KeyStanding":
        """Ended at `at` with all its values. Another revocation may make it earlier, never later."""
        return replace(self, revoked_at=at if self.revoked_at is None else min(at, self.revoked_at))

    def rewritten(self, under_previous: KeyDigest, under_current: KeyDigest) -> "KeyStanding":
        """The same value by its digest under the present pepper."""
        return replace(
            self,
            values=tuple(
                replace(value, digest=under_current) if value.digest == under_previous else value
                for value in self.values
            ),
        )
