"""Attachments inside a request: `data:` URLs, and what their bytes say they are."""

import base64

from gateway.dialects.json_fields import wrong_value
from gateway.record import Record

_BASE64 = ";base64"
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
)
_LOOKED_AT = 32  # letters of base64, 24 bytes


class Attached(Record, frozen=True):
    media_type: str
    data: str  # base64


def attached(url: str, at: str) -> Attached | None:
    """What a `data:` URL holds; None when it is no such URL. Raises GatewayError for one that is broken."""
    if url[:5].lower() != "data:":
        return None
    head, comma, data = url[5:].partition(",")
    if not comma or not head.endswith(_BASE64):
        raise wrong_value(at, "must be a data URL in base64")
    stated = head.removesuffix(_BASE64).partition(";")[0].lower()
    return Attached(media_type_of(data, stated, at), data)


def media_type_of(data: str, stated: str, at: str) -> str:
    """What the first bytes of `data` (base64) say; `stated` where they say nothing known.

    Raises GatewayError when it is no base64.
    """
    try:
        first = base64.b64decode(data[:_LOOKED_AT] if len(data) >= _LOOKED_AT else data, validate=True)
    except ValueError:  # letters that are none of base64, in ASCII or not
        raise wrong_value(at, "must hold base64") from None
    for magic, media_type in _MAGIC:
        if first.startswith(magic):
            return media_type
    if first[:4] == b"RIFF" and first[8:12] == b"WEBP":
        return "image/webp"
    return stated
