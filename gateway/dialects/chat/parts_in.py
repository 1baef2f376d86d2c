"""The content of a caller's message: a string, or parts of several kinds."""

import base64
from collections.abc import Callable

from gateway.chat import Json, JsonObject, Media, Refusal, Text
from gateway.dialects.chat.cache_marks import cache_mark
from gateway.dialects.data_url import attached, media_type_of
from gateway.dialects.json_fields import (
    missing,
    path,
    required_mapping,
    required_text,
    text,
    wrong_type,
    wrong_value,
)

Part = Text | Media | Refusal
_PDF = "application/pdf"


def read_content(content: Json, at: str, kinds: "PartKinds") -> tuple[Part, ...]:
    """What the message at `at` says; nothing where all that it says is empty. Raises GatewayError."""
    if isinstance(content, str):
        return (Text(content),) if content else ()
    where = path(at, "content")
    if content is None:
        raise missing(where)
    if not isinstance(content, list):
        raise wrong_type(where, "a string or an array of parts")
    parts = [_part(part, path(where, index), kinds) for index, part in enumerate(content)]
    return tuple(part for part in parts if not isinstance(part, Text) or part.text)


def _part(part: Json, at: str, kinds: "PartKinds") -> Part:
    if not isinstance(part, dict):
        raise wrong_type(at, "an object")
    kind = required_text(part, "type", at)
    read = kinds.get(kind)
    if read is None:
        raise wrong_value(path(at, "type"), f"must be one of {', '.join(kinds)}")
    return read(part, at)


def _text(part: JsonObject, at: str) -> Text:
    return Text(required_text(part, "text", at), cache_mark(part))


def _refusal(part: JsonObject, at: str) -> Refusal:
    return Refusal(required_text(part, "refusal", at))


def _image(part: JsonObject, at: str) -> Media:
    stated, where = part.get("image_url"), path(at, "image_url")
    if isinstance(stated, str):
        url, detail = stated, ""
    else:
        inner = required_mapping(part, "image_url", at)
        url, detail = required_text(inner, "url", where), text(inner, "detail", where) or ""
        where = path(where, "url")
    cache = cache_mark(part)
    found = attached(url, where)
    if found is not None:
        return Media("image", at, found.media_type, found.data, detail=detail, cache=cache)
    if "://" not in url:
        raise wrong_value(where, "must be a URL")
    return Media("image", at, url=url, detail=detail, cache=cache)


def _audio(part: JsonObject, at: str) -> Media:
    inner, where = required_mapping(part, "input_audio", at), path(at, "input_audio")
    kind = "audio/" + required_text(inner, "format", where)
    data = required_text(inner, "data", where)
    return Media("audio", at, media_type_of(data, kind, path(where, "data")), data, cache=cache_mark(part))


def _file(part: JsonObject, at: str) -> Media:
    inner, where = required_mapping(part, "file", at), path(at, "file")
    name, cache = text(inner, "filename", where) or "", cache_mark(part)
    file_id = text(inner, "file_id", where)
    if file_id:
        return Media("document", at, file_id=file_id, name=name, cache=cache)
    data, where = required_text(inner, "file_data", where), path(where, "file_data")
    found = attached(data, where)
    if found is not None:
        media_type, data = found.media_type, found.data
    elif "://" in data:
        return Media("document", at, url=data, name=name, cache=cache)
    else:
        media_type = media_type_of(data, _PDF, where)
    if media_type.startswith("text/"):
        return Media("document", at, media_type, text=_decoded(data, where), name=name, cache=cache)
    if media_type.startswith("image/"):
        return Media("image", at, media_type, data, cache=cache)
    return Media("document", at, media_type, data, name=name, cache=cache)


def _decoded(data: str, at: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except ValueError:  # of either kind
        raise wrong_value(at, "must hold text in UTF-8, in base64") from None


PartKinds = dict[str, Callable[[JsonObject, str], Part]]
#: By who may say them.
INSTRUCTION_PARTS: PartKinds = {"text": _text}
USER_PARTS: PartKinds = {"text": _text, "image_url": _image, "input_audio": _audio, "file": _file}
ASSISTANT_PARTS: PartKinds = {"text": _text, "refusal": _refusal}
