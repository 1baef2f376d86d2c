"""What kind of text a body is made of, from a few KB of its raw bytes: kinds differ in tokens a byte.

Kinds are those of the admission reference §6: ascii prose, ascii code and JSON, mixed scripts, CJK. Everything
here runs in C (`translate`, `isascii`, `count`), so that a look costs a few microseconds whatever is in it.
"""

import re
from typing import NamedTuple

#: Kinds of text, in the order of the reference.
PROSE, CODE, MIXED, CJK = range(4)

SAMPLE_BYTES = 4096
_PIECES = 8
_PIECE_BYTES = SAMPLE_BYTES // _PIECES
_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ "
_BASE64 = _LETTERS[:-1] + b"0123456789+/="
_ASCII = bytes(range(0x80))
#: All but the first bytes of three-byte characters from U+3000 on: kana, ideographs, hangul.
_NOT_CJK = bytes(set(range(256)) - set(range(0xE3, 0xEE)))
_ESCAPE = re.compile(rb"\\u[0-9a-fA-F]{4}")
_CJK_ESCAPE = re.compile(rb"\\u[3-9a-cA-C][0-9a-fA-F]{3}")
_ESCAPE_BYTES, _ESCAPED_BYTES = 6, 3  # `\u4f60`, and the character itself in UTF-8

#: More symbols than one in so many bytes are code: English prose has one in twenty to thirty, code one in five to
#: ten.
_BYTES_PER_SYMBOL = 11
#: Up to this share of bytes beyond ASCII is typography (quotes, dashes, a few accents), not another script.
_TYPOGRAPHY = 0.03
_CJK_HEAVY = 0.3


class Text(NamedTuple):
    """`share` is what remains of the raw bytes once escaped characters count as what they stand for."""

    kind: int
    share: float = 1.0


_AS_PROSE, _AS_CODE = Text(PROSE), Text(CODE)


def sample(raw: bytes, start: int, end: int, has_base64: bool = False) -> bytes:
    """At most 4 KB of `raw[start:end]`, from all over it; with `has_base64`, pieces of pure base64 are left out."""
    if end - start <= SAMPLE_BYTES:
        return raw[start:end]
    stride = (end - start - _PIECE_BYTES) // (_PIECES - 1)
    pieces = [raw[at : at + _PIECE_BYTES] for at in range(start, start + _PIECES * stride, stride)]
    if has_base64:
        pieces = [piece for piece in pieces if piece.translate(None, _BASE64)]
    return b"".join(pieces)


def text_kind(found: bytes, scaffolding: int = 0) -> Text:
    """The kind of `found`, of which `scaffolding` symbols are the JSON around the text and not the text's own."""
    size = len(found)
    symbols = found.translate(None, _LETTERS)
    many = (len(symbols) - scaffolding) * _BYTES_PER_SYMBOL > size
    if symbols.isascii():
        if not many:
            return _AS_PROSE
        # Only text with many backslashes can be a foreign script in escapes (`json.dumps` makes them).
        if symbols.count(b"\\") > size * _TYPOGRAPHY and (escapes := len(_ESCAPE.findall(found))):
            return _escaped(found, escapes)
        return _AS_CODE
    foreign = len(symbols.translate(None, _ASCII))
    if foreign <= size * _TYPOGRAPHY:
        code = (len(symbols) - foreign - scaffolding) * _BYTES_PER_SYMBOL > size
        return _AS_CODE if code else _AS_PROSE
    cjk = 3 * len(symbols.translate(None, _NOT_CJK))
    return Text(CJK if cjk > size * _CJK_HEAVY else MIXED)


def _escaped(found: bytes, escapes: int) -> Text:
    """The same for text in which characters beyond ASCII are written as `\\uXXXX`."""
    size = len(found)
    plain = size - escapes * (_ESCAPE_BYTES - _ESCAPED_BYTES)
    foreign = escapes * _ESCAPED_BYTES
    if foreign <= plain * _TYPOGRAPHY:
        return Text(CODE, plain / size)
    cjk = len(_CJK_ESCAPE.findall(found)) * _ESCAPED_BYTES
    return Text(CJK if cjk > plain * _CJK_HEAVY else MIXED, plain / size)
