"""What makes the head of a reply acceptable, beyond what the parser in its strict mode already refuses.

llhttp refuses duplicate or malformed lengths, a length beside chunked, folded or malformed header lines, bad
chunk sizes and whatever does not start like HTTP. It lets through what is refused here: other versions, other
transfer codings (it would read them to the end of the connection), strange statuses, heads without end.
"""

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


def ends_with_connection(status: int, headers: list[tuple[bytes, bytes]], version: str) -> bool:
    """Whether only the end of the connection ends the body; refuses a head whose framing is in doubt."""
    if version != "1.1" and version != "1.0":
        raise RefusedError("not HTTP/1.0 or 1.1")
    framed = False
    for name, value in headers:
        if name == b"content-length":
            framed = True
        elif name == b"transfer-encoding":
            if framed or version == "1.0" or value.strip().lower() != b"chunked":
                raise RefusedError("a transfer-encoding other than one chunked")
            framed = True
    return not framed and status != 204 and status != 304


def check_size(headers: list[tuple[bytes, bytes]], limit: int) -> None:
    """Called when the head came together with enough else to be over the limit."""
    if sum(len(name) + len(value) + 4 for name, value in headers) > limit:
        raise RefusedError("a header block over the limit")
