"""The keys that callers present: `kz_<id>_<secret><crc>`.

`id` is for people and the log to know a key by. `secret` is 43 base62 characters (256 bits) and `crc` six more,
the CRC-32 of all before it, so that scanners and people can tell a key from a typing error without asking
anyone. Being a key says nothing about being known: that is `keys.digest`.
"""

import hmac
import re
import secrets
import string
import zlib

from keys.secret import Secret

#: For scanners of code and logs.
PATTERN = r"kz_[a-z0-9]{1,64}_[0-9A-Za-z]{49}"

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SECRET_CHARS = 43
_CRC_CHARS = 6
_KEY_ID = re.compile(r"[a-z0-9]{1,64}\Z")
_KEY = re.compile(PATTERN + r"\Z")


def mint(key_id: str) -> Secret:
    """A new key by the name of `key_id`: 1 to 64 lower-case letters and digits."""
    if not _KEY_ID.match(key_id):
        raise ValueError("a key's id is 1 to 64 lower-case letters and digits")
    body = f"kz_{key_id}_" + "".join(secrets.choice(_BASE62) for _ in range(_SECRET_CHARS))
    return Secret(body + _crc(body))


def key_id_of(presented: str) -> str | None:
    """The id in a key that has the format and its check sum, None for what has not."""
    if not _KEY.match(presented):
        return None
    if not hmac.compare_digest(presented[-_CRC_CHARS:], _crc(presented[:-_CRC_CHARS])):
        return None
    return presented.split("_", 2)[1]


def _crc(body: str) -> str:
    number = zlib.crc32(body.encode())
    text = ""
    for _ in range(_CRC_CHARS):
        number, digit = divmod(number, 62)
        text = _BASE62[digit] + text
    return text
