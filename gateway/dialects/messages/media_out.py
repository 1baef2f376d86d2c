"""Images and documents as blocks for Anthropic (wire reference §2.1, parts of a user's message)."""

import base64
import binascii

from gateway.chat import DETAIL_OF_NOTHING, JsonObject, Media
from gateway.dialects.googles import check_anybodys
from gateway.dialects.json_fields import path, wrong_value
from gateway.dialects.losses import Losses
from gateway.dialects.named_by_url import not_got
from gateway.errors import UNSUPPORTED_VALUE, GatewayError

_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_PDF = "application/pdf"
_PLAIN = "text/plain"


def media_block(media: Media, losses: Losses) -> JsonObject:
    """Raises GatewayError with the caller's path for what Anthropic does not take."""
    if media.file_id:
        raise _unsupported(
            media, "is a file that is kept elsewhere than the model that serves this can reach"
        )
    check_anybodys(media)
    if media.kind == "image":
        if media.detail not in DETAIL_OF_NOTHING:
            losses.dropped(path(media.at, "detail"))
        return {"type": "image", "source": _image(media)}
    if media.kind == "audio":
        raise _unsupported(media, "is sound, which the model that serves this does not take")
    block: JsonObject = {"type": "document", "source": _document(media)}
    if media.name:
        block["title"] = media.name
    return block


def _image(media: Media) -> JsonObject:
    if media.url:
        return {"type": "url", "url": media.url}
    if media.media_type not in _IMAGES:
        raise _unsupported(media, "is not a JPEG, PNG, GIF or WebP image")
    return {"type": "base64", "media_type": media.media_type, "data": media.data}


def _document(media: Media) -> JsonObject:
    if media.url:
        if media.media_type not in ("", _PDF):
            raise not_got(media)
        return {"type": "url", "url": media.url}
    if media.data and media.media_type == _PDF:
        return {"type": "base64", "media_type": _PDF, "data": media.data}
    if not media.data:
        return {"type": "text", "media_type": _PLAIN, "data": media.text}
    if not media.media_type.startswith("text/"):
        raise _unsupported(media, "is neither a PDF nor text")
    try:
        said = base64.b64decode(media.data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise wrong_value(media.at, "must hold text in base64") from None
    return {"type": "text", "media_type": _PLAIN, "data": said}


def _unsupported(media: Media, what: str) -> GatewayError:
    return GatewayError(UNSUPPORTED_VALUE, f"`{media.at}` {what}.", param=media.at)
