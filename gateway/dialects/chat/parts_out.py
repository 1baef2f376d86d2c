"""Images, sounds and documents as parts of a message."""

from gateway.chat import JsonObject, Media
from gateway.dialects.googles import check_anybodys
from gateway.dialects.named_by_url import not_got
from gateway.dialects.text_document import document_words
from gateway.errors import UNSUPPORTED_VALUE, GatewayError

_SOUNDS = {"audio/wave": "wav", "audio/x-wav": "wav", "audio/vnd.wave": "wav", "audio/mpeg": "mp3"}
_NAMES = {"application/pdf": "document.pdf"}


def media_part(media: Media) -> JsonObject:
    """Raises GatewayError for what can only be named at another provider."""
    if media.file_id:
        raise _unsupported(media, "files are known by their ids only where they were uploaded")
    check_anybodys(media)
    if media.kind == "image":
        image: JsonObject = {"url": media.url or _data_url(media)}
        if media.detail:
            image["detail"] = media.detail
        return {"type": "image_url", "image_url": image}
    if media.text:
        return {"type": "text", "text": document_words(media, media.text)}
    if media.url:
        raise not_got(media)
    if media.kind == "audio":
        form = _SOUNDS.get(media.media_type) or media.media_type.removeprefix("audio/")
        return {"type": "input_audio", "input_audio": {"data": media.data, "format": form}}
    return {
        "type": "file",
        "file": {
            "filename": media.name or _NAMES.get(media.media_type, "document"),
            "file_data": _data_url(media),
        },
    }


def data_url(media_type: str, data: str) -> str:
    return f"data:{media_type};base64,{data}"


def _data_url(media: Media) -> str:
    return data_url(media.media_type, media.data)


def _unsupported(media: Media, why: str) -> GatewayError:
    return GatewayError(UNSUPPORTED_VALUE, f"`{media.at}`: {why}.", param=media.at)
