"""What a conversation carries besides text: images, sound and documents, which are not charged by their bytes.

The parsed messages say where it is, so nothing is searched for: a base64 text of megabytes costs no more than its
length, `data:` inside somebody's prose stays text, and an image named by its URL is seen as well. Formulas and
their sources stand with the priors in `gateway.admission.calibration`.
"""

from typing import Any

from gateway.record import Record

#: Past so many messages or parts the rest counts as text: a body of a million of them must not hold up the loop.
_LOOKED_AT_MAX = 2000
#: Low detail is 85 tokens where high detail is 765 (OpenAI, "Images and vision").
_LOW_DETAIL = 85 / 765
#: Base64 characters a second: PCM of 16 bit at 24 kHz (OpenAI's own), and what is compressed at 64 kbit/s.
_WAV_PER_S, _COMPRESSED_PER_S = 64_000, 10_667
#: Base64 characters of a page of a scanned or illustrated document, and how many pages providers take.
_PAGE_CHARS, _PAGES_MAX = 65_536, 100


class Attachments(Record):
    images: float = 0.0  # at full detail
    audio_s: float = 0.0
    pages: float = 0.0
    chars: int = 0  # of the body's bytes that are none of its text


def attachments(messages: list[Any]) -> Attachments | None:
    """Of messages (OpenAI's, Anthropic's, Gemini's) or a response's input items; None where all is text."""
    found: Attachments | None = None
    left = _LOOKED_AT_MAX
    for message in messages if len(messages) <= _LOOKED_AT_MAX else messages[:_LOOKED_AT_MAX]:
        if type(message) is not dict:
            continue
        content = message.get("content")
        if type(content) is str:
            continue
        if content is None:
            content = message.get("output")  # of a tool, which may answer with an image
        if content is None:
            content = message.get("parts")
        if type(content) is dict:
            content = [content]
        if type(content) is not list or left <= 0:
            continue
        found = found or Attachments()
        for part in content[:left]:
            if type(part) is dict:
                _take(part, found)
        left -= len(content)
    return found


def _take(part: dict[str, Any], found: Attachments) -> None:
    kind = part.get("type")
    if kind in ("image_url", "input_image", "computer_screenshot"):
        image = part.get("image_url")
        holder = image if type(image) is dict else part
        found.images += _LOW_DETAIL if holder.get("detail") == "low" else 1.0
        found.chars += _length(holder.get("url") if holder is image else image)
    elif kind == "input_audio":
        audio = part.get("input_audio")
        if type(audio) is dict:
            chars = _length(audio.get("data"))
            found.audio_s += chars / (_WAV_PER_S if audio.get("format") == "wav" else _COMPRESSED_PER_S)
            found.chars += chars
    elif kind in ("file", "input_file"):
        file = part.get("file")
        chars = _length((file if type(file) is dict else part).get("file_data"))
        _take_pages(chars, found)
    elif kind in ("image", "document"):
        source = part.get("source")
        _take_data(
            "image/" if kind == "image" else "",
            _length(source.get("data")) if type(source) is dict else 0,
            found,
        )
    elif kind is None and ("inlineData" in part or "fileData" in part):
        given = part.get("inlineData") or part.get("fileData")
        if type(given) is dict:
            _take_data(str(given.get("mimeType")), _length(given.get("data")), found)


def _take_data(media_type: str, chars: int, found: Attachments) -> None:
    if media_type.startswith("image/"):
        found.images += 1.0
        found.chars += chars
    elif media_type.startswith("audio/"):
        found.audio_s += chars / _COMPRESSED_PER_S
        found.chars += chars
    else:
        _take_pages(chars, found)


def _take_pages(chars: int, found: Attachments) -> None:
    found.pages += min(_PAGES_MAX, 1 + chars / _PAGE_CHARS)
    found.chars += chars


def _length(value: object) -> int:
    return len(value) if type(value) is str else 0
