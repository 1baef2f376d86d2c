"""Versions of Anthropic's API, by the header that every request has (wire reference §0.1).

Since 2026-10-21 sampling parameters are refused whatever their value, documents in assistant messages, and
citations in user messages. Nobody's version is changed on the way to Anthropic itself.
"""

FIRST = "2023-06-01"
NEWEST = "2026-10-21"


def version_of(header: str) -> str:
    """The version that a caller speaks: the first where none is said, as its SDKs and curl lines are the oldest;
    one that is not known here is read like the newest."""
    return FIRST if header.strip() in ("", FIRST) else NEWEST


def version_line(samples: bool) -> bytes:
    """The header of our own requests; `samples`: with sampling parameters in them."""
    return b"anthropic-version: %b\r\n" % (FIRST if samples else NEWEST).encode()
