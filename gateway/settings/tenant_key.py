"""Keys that callers present: minted as `kz_<id>_<secret><crc>`, known by their HMAC only.

`secret` is 43 base62 characters (256 bits) and `crc` six more: the CRC-32 of all before it, so that scanners
and people can tell a key from a typing error without asking anyone.
"""

import hmac
import secrets
import string
import zlib

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SECRET_CHARS = 43
_CRC_CHARS = 6


def mint(key_id: str) -> str:
    """A new key; `key_id` is for people to know it by and part of the key."""
    body = f"kz_{key_id}_" + "".join(secrets.choice(_BASE62) for _ in range(_SECRET_CHARS))
    return body + _crc(body)


def well_formed(key: str) -> bool:
    """Whether `key` has the format and its check sum; says nothing about whether it is known."""
    parts = key.rsplit("_", 1)
    if not key.startswith("kz_") or len(parts[-1]) != _SECRET_CHARS + _CRC_CHARS or parts[0] in ("kz", "kz_"):
        return False
    if not all(char in _BASE62 for char in parts[-1]):
        return False
    return hmac.compare_digest(key[-_CRC_CHARS:], _crc(key[:-_CRC_CHARS]))


def digest(pepper: bytes, key: str) -> bytes:
    """What a presented key is looked up by: HMAC-SHA256 under the pepper."""
    return hmac.digest(pepper, key.encode(), "sha256")


def _crc(body: str) -> str:
    number = zlib.crc32(body.encode())
    text = ""
    for _ in range(_CRC_CHARS):
        number, digit = divmod(number, 62)
        text = _BASE62[digit] + text
    return text
