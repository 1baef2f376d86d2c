"""What a file is by its name, where nobody says it: Google wants the type of what it is to fetch."""

from urllib.parse import urlsplit

_TYPES = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
    "heic": "image/heic", "heif": "image/heif", "pdf": "application/pdf", "txt": "text/plain", "csv": "text/csv",
    "html": "text/html", "md": "text/markdown", "wav": "audio/wav", "mp3": "audio/mp3", "flac": "audio/flac",
    "ogg": "audio/ogg", "aac": "audio/aac", "mp4": "video/mp4", "mov": "video/quicktime", "webm": "video/webm",
}  # fmt: skip


def type_of_name(url: str) -> str:
    """ "" where the name does not tell."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return ""
    return _TYPES.get(path.rpartition(".")[2].lower(), "")
