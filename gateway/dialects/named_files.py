"""Which files a request's body names, found without parsing it: bodies with files in them are often large.

A key may be spelled with escapes (`"file\\u005fid"`), which a provider reads like any other, so those count too.
"""

import json
import re
from collections.abc import Iterator

_PLAIN, _BACKSLASH, _ESCAPED = b'"file_id', b"\\", b"\\u00"
_GAP = r"[ \t\r\n]*"
_NAME = "".join(rf"(?:{letter}|(?i:\\u{ord(letter):04x}))" for letter in "file_id")
#: A quote that is not escaped opens or ends a string; followed by this name and a colon it can only open a key.
_KEY = re.compile(rf'"(?<!\\"){_NAME}(?:s|\\u0073)?"{_GAP}:{_GAP}(\[{_GAP})?'.encode())
_STRING = re.compile(rf'("[^"\\]*(?:\\.[^"\\]*)*"){_GAP},?{_GAP}'.encode(), re.DOTALL)
_PREFIXES = ("file-", "file_")


def may_name_files(raw: bytes) -> bool:
    """Whether it is worth looking: nearly never, and then two searches are all that it costs.

    For a single byte, which many bodies have not, the search is several times faster.
    """
    return raw.find(_PLAIN) >= 0 or (raw.find(_BACKSLASH) >= 0 and raw.find(_ESCAPED) >= 0)


def named_files(raw: bytes) -> Iterator[str]:
    """The values of every `file_id` and `file_ids` in `raw`, valid JSON, that look like a file's id."""
    if not may_name_files(raw):
        return
    for key in _KEY.finditer(raw):
        at = key.end()
        while (found := _STRING.match(raw, at)) is not None:
            value = json.loads(found[1])
            if value.startswith(_PREFIXES):
                yield value
            if key[1] is None:
                break
            at = found.end()
