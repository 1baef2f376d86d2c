"""Images, sounds and documents as Gemini's parts: inline, or named where Google itself can get them."""

import base64

from gateway.capabilities import Capabilities
from gateway.chat import ChatRequest, Json, JsonObject, Media
from gateway.dialects.gemini.file_types import type_of_name
from gateway.dialects.googles import GOOGLES
from gateway.dialects.json_fields import path
from gateway.dialects.losses import Losses
from gateway.dialects.named_by_url import not_got
from gateway.dialects.text_document import document_words
from gateway.errors import REQUEST_TOO_LARGE, UNSUPPORTED_VALUE, GatewayError

#: Of what a request may hold inline, in bytes as they are sent.
_INLINE_MAX = 20 * 1024 * 1024
_RESOLUTIONS = {
    "low": "MEDIA_RESOLUTION_LOW",
    "high": "MEDIA_RESOLUTION_HIGH",
    "original": "MEDIA_RESOLUTION_ULTRA_HIGH",
}
#: Models before Gemini 3 know no more than this.
_ULTRA, _HIGH = _RESOLUTIONS["original"], _RESOLUTIONS["high"]


class MediaParts:
    """The attachments of one request. `resolution` is what all of its images are to have, "" where each has its own
    or nothing was asked.
    """

    __slots__ = ("_can", "_inline", "_losses", "_name", "resolution")

    def __init__(self, request: ChatRequest, can: Capabilities, losses: Losses) -> None:
        self._can = can
        self._inline = 0
        self._losses = losses
        self._name = request.named("name")
        self.resolution = "" if can.call_ids else _of_all(request, losses)

    def parts(self, media: Media) -> list[JsonObject]:
        """Raises GatewayError for what the model cannot get, and for too much."""
        part = self._part(media)
        if self._can.call_ids and media.detail in _RESOLUTIONS:
            part["mediaResolution"] = {"level": _RESOLUTIONS[media.detail]}
        return [part]

    def _part(self, media: Media) -> JsonObject:
        if media.text:
            data = base64.b64encode(document_words(media, media.text).encode()).decode()
            return self._inlined(media, "text/plain", data)
        if media.name:
            self._losses.dropped(path(media.at, self._name))
        if media.data:
            return self._inlined(media, media.media_type, media.data)
        uri = media.url or media.file_id
        if GOOGLES.match(uri) is None and media.file_id:
            raise GatewayError(
                UNSUPPORTED_VALUE, f"`{media.at}`: this model cannot get it from there.", param=media.at
            )
        if GOOGLES.match(uri) is None and not self._can.fetches_urls:
            raise not_got(media)
        file: dict[str, Json] = {"fileUri": uri}
        if media_type := media.media_type or type_of_name(uri):
            file["mimeType"] = media_type
        return {"fileData": file}

    def _inlined(self, media: Media, media_type: str, data: str) -> JsonObject:
        self._inline += len(data)
        if self._inline > _INLINE_MAX:
            raise GatewayError(
                REQUEST_TOO_LARGE,
                f"`{media.at}`: this model takes {_INLINE_MAX} bytes of attachments.",
                param=media.at,
            )
        if not media_type:
            raise GatewayError(
                UNSUPPORTED_VALUE, f"`{media.at}`: what kind of data it is must be said.", param=media.at
            )
        return {"inlineData": {"mimeType": media_type, "data": data}}


def _of_all(request: ChatRequest, losses: Losses) -> str:
    """The one resolution that all images ask for; where they differ each has the usual one, with a warning."""
    images = [
        block
        for turn in request.turns
        for block in turn.blocks
        if isinstance(block, Media) and block.kind == "image"
    ]
    details = {image.detail if image.detail in _RESOLUTIONS else "" for image in images}
    if len(details) > 1:
        for image in images:
            if image.detail in _RESOLUTIONS:
                losses.dropped(f"{image.at}.detail")
        return ""
    found = _RESOLUTIONS.get(details.pop(), "") if details else ""
    return _HIGH if found == _ULTRA else found
