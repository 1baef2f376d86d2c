"""What makes the head of a reply acceptable, beyond what the parser in its strict mode already refuses.

llhttp refuses duplicate or malformed lengths, a length beside chunked, folded or malformed header lines, bad
chunk sizes and whatever does not start like HTTP. It lets through what is refused here: other versions, other
transfer codings (it would read them to the end of the connection), strange statuses, heads without end.
"""

from typing import Protocol

#: Informational responses before the real one.
INFORMATIONAL_MAX = 16


class RefusedError(Exception):
    """Raised inside a parser callback to stop the parser; its text is the reason."""


def check_interim(status: int, count: int) -> None:
    """Whether a head with `status` is the `count`th of the informational ones that may be skipped."""
    if status < 100 or status == 101 or status > 599:
        raise RefusedError("a status nobody asked for")
    if count > INFORMATIONAL_MAX:
        raise RefusedError("too many informational responses")


class Parser(Protocol):
    """What the parser says of the head it has just read."""

    def get_http_version(self) -> str: ...

    def should_keep_alive(self) -> bool: ...


def ends_with_connection(status: int, headers: list[tuple[bytes, bytes]], parser: Parser) -> bool:
    """Whether only the end of the connection ends the body; refuses a head whose framing is in doubt."""
    framed = coded = asked = False
    for name, value in headers:
        if name == b"content-length":
            framed = True
        elif name == b"transfer-encoding":
            if framed or value.strip().lower() != b"chunked":
                raise RefusedError("a transfer-encoding other than one chunked")
            framed = coded = True
        elif name == b"connection" or name == b"proxy-connection":
            asked = True
    # Who keeps the connection unasked speaks 1.1; the parser makes the version's text anew each time, at a price.
    if asked or not parser.should_keep_alive():
        version = parser.get_http_version()
        if version != "1.1" and version != "1.0":
            raise RefusedError("not HTTP/1.0 or 1.1")
        if coded and version == "1.0":
            raise RefusedError("a transfer-encoding other than one chunked")
    return not framed and status != 204 and status != 304


def check_size(headers: list[tuple[bytes, bytes]], limit: int) -> None:
    """Called when the head came together with enough else to be over the limit."""
    if sum(len(name) + len(value) + 4 for name, value in headers) > limit:
        raise RefusedError("a header block over the limit")
