"""Ids of objects that live at one provider key (files, batches, uploads, stored responses), sealed for a tenant.

The id a caller gets names the provider key that owns the object, so any worker or host can route to it without
a table, and carries a tag over the tenant, so another tenant's copy of it opens nothing (wire reference §3.7).
`file-abc` becomes `file-gw1_<base64url(tag ‖ pool ‖ 0 ‖ real id)>`.
"""

import base64
import binascii
import hmac
import re
from dataclasses import dataclass

MARK = b"gw1_"
_TAG_BYTES = 9
_SEALED = re.compile(rb'"([a-z]{1,12}[-_]gw1_[A-Za-z0-9_-]{16,400})"')
_PREFIX = re.compile(r"^[a-z]{1,12}[-_]")


@dataclass(frozen=True, slots=True)
class Owned:
    """Where a sealed id leads: the pool id of the provider key, and the provider's own id."""

    pool: str
    real: str


class SealedIds:
    """Seals and opens ids under a key derived from the pepper for this purpose alone; what was sealed under the
    pepper before is opened while that one is known."""

    def __init__(self, pepper: bytes, previous: bytes | None = None) -> None:
        self._key = _key(pepper)
        self._opening = (self._key,) if previous is None else (self._key, _key(previous))

    def seal(self, tenant: str, pool: str, real: str) -> str:
        """The id that `tenant` gets for the object `real` at provider key `pool`."""
        payload = f"{pool}\0{real}".encode()
        prefix = match[0] if (match := _PREFIX.match(real)) else "obj_"
        text = base64.urlsafe_b64encode(_tag(self._key, tenant, payload) + payload).rstrip(b"=")
        return prefix + MARK.decode() + text.decode()

    def open(self, tenant: str, sealed: str) -> Owned | None:
        """What `sealed` stands for, or None when it is not one of this tenant's."""
        text = sealed.partition(MARK.decode())[2]
        try:
            packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (binascii.Error, ValueError):
            return None
        tag, payload = packed[:_TAG_BYTES], packed[_TAG_BYTES:]
        if not any(hmac.compare_digest(tag, _tag(key, tenant, payload)) for key in self._opening):
            return None
        pool, _, real = payload.decode().partition("\0")
        return Owned(pool, real)

    def open_all(self, tenant: str, body: bytes) -> tuple[bytes, dict[str, Owned]]:
        """`body` with every sealed id of this tenant replaced by the real one, and what they stand for.

        Only whole JSON strings are looked at: inside a string quotes are escaped, so text that merely mentions
        an id is left as it is.
        """
        found: dict[str, Owned] = {}

        def opened(match: re.Match[bytes]) -> bytes:
            sealed = match[1].decode()
            owned = self.open(tenant, sealed)
            if owned is None:
                return match[0]
            found[sealed] = owned
            return b'"' + owned.real.encode() + b'"'

        return _SEALED.sub(opened, body), found


def _key(pepper: bytes) -> bytes:
    return hmac.digest(pepper, b"kaze sealed ids", "sha256")


def _tag(key: bytes, tenant: str, payload: bytes) -> bytes:
    return hmac.digest(key, tenant.encode() + b"\0" + payload, "sha256")[:_TAG_BYTES]
