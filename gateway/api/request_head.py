"""What a request head must look like, beyond what llhttp already refuses.

llhttp (strict) refuses bare CR and LF, obs-fold, control characters, spaces before the colon, doubled or
malformed Content-Length and Content-Length beside Transfer-Encoding. What it lets through and two readers
could understand differently is refused here.
"""

import re

from gateway.errors import BAD_FRAMING, HEADERS_TOO_LARGE, METHOD_NOT_SUPPORTED, URI_TOO_LONG, Condition
from gateway.settings.snapshot import Bounds

Headers = list[tuple[bytes, bytes]]

#: The methods that any route could have. TRACE, CONNECT and the WebDAV, RTSP and ICE ones that llhttp knows
#: are refused before routing.
_METHODS = {name.encode(): name for name in ("GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS")}

#: To llhttp the second is the first.
_CONNECTION = frozenset({b"connection", b"proxy-connection"})
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,255})(?::[0-9]{1,5})?").fullmatch
_UNKNOWN_METHOD = re.compile(rb"[A-Za-z]{1,24} \S+ HTTP/1\.[01]\r\n").match

#: A header line's `: ` and CRLF count too, as the bytes they are.
_LINE_BYTES = 4
#: Method, spaces, version and a few empty lines, in the count of an unfinished head.
_FIRST_LINE_BYTES = 64


class HeadError(Exception):
    """This request is not served, and nothing after it on its connection is read as a request."""

    def __init__(self, condition: Condition, message: str) -> None:
        super().__init__(message)
        self.condition = condition
        self.message = message


def check_size(headers: Headers, bounds: Bounds) -> None:
    """Refuse a head that is too large, by the exact sum."""
    if len(headers) > bounds.header_count:
        raise HeadError(HEADERS_TOO_LARGE, f"More than {bounds.header_count} headers.")
    size = sum(len(name) + len(value) for name, value in headers) + _LINE_BYTES * len(headers)
    if size > bounds.header_bytes:
        raise HeadError(HEADERS_TOO_LARGE, f"Headers of more than {bounds.header_bytes} bytes.")


def check_unfinished(arrived: int, url: bytes, headers: Headers, bounds: Bounds) -> None:
    """Refuse a head of which `arrived` bytes are here already, before its end has come."""
    check_url(url, bounds)
    if len(headers) > bounds.header_count or arrived - len(url) > bounds.header_bytes + _FIRST_LINE_BYTES:
        check_size(headers, bounds)
        raise HeadError(HEADERS_TOO_LARGE, f"Headers of more than {bounds.header_bytes} bytes.")


def check_url(url: bytes, bounds: Bounds) -> None:
    """Refuse a URL over the limit."""
    if len(url) > bounds.url_bytes:
        raise HeadError(URI_TOO_LONG, f"The URL is longer than {bounds.url_bytes} bytes.")


def known_method(method: bytes) -> str:
    """The method as text; refuses those that no route has."""
    name = _METHODS.get(method)
    if name is None:
        raise HeadError(METHOD_NOT_SUPPORTED, "Method is not supported.")
    return name


def check_target(version: str, url: bytes, host: bytes | None) -> None:
    """Refuse what two readers could take for different targets.

    Absolute form is refused although RFC 9112 §3.2.2 asks for it: it is a second place for a host.
    """
    if version not in ("1.1", "1.0"):
        raise HeadError(BAD_FRAMING, "Only HTTP/1.1 and HTTP/1.0 are understood.")
    if url[:1] != b"/" or url.find(b"#") >= 0 or url.find(b"\\") >= 0:
        raise HeadError(BAD_FRAMING, "The request target must be a path.")
    if host is None:
        if version == "1.1":
            raise HeadError(BAD_FRAMING, "There must be exactly one Host header.")
    elif _HOST(host) is None:
        raise HeadError(BAD_FRAMING, "The Host header is not a host.")


def check_framing(version: str, headers: Headers, named: dict[bytes, bytes]) -> bool:
    """Refuse what two readers could cut differently; returns whether the caller awaits 100 Continue.

    `named` is `headers` as a mapping (the last of equal names wins).
    """
    if len(named) != len(headers):
        _check_doubled(headers)
    coding = named.get(b"transfer-encoding")
    if coding is not None and (version == "1.0" or coding.strip(b" \t").lower() != b"chunked"):
        raise HeadError(BAD_FRAMING, "Transfer-Encoding may only be `chunked`, in HTTP/1.1.")
    expected = named.get(b"expect")
    return expected is not None and expected.lower() == b"100-continue"


def _check_doubled(headers: Headers) -> None:
    names = [name for name, _ in headers]
    if names.count(b"host") > 1:
        raise HeadError(BAD_FRAMING, "There must be exactly one Host header.")
    if names.count(b"transfer-encoding") > 1:
        raise HeadError(BAD_FRAMING, "Transfer-Encoding may only be `chunked`, in HTTP/1.1.")


def refusal_of_garbage(data: bytes, bad_method: bool) -> HeadError:
    """What is said to bytes that the parser refused; an unknown method in a sound line is told apart."""
    if bad_method and _UNKNOWN_METHOD(data):
        return HeadError(METHOD_NOT_SUPPORTED, "Method is not supported.")
    return HeadError(BAD_FRAMING, "This is not an HTTP/1.1 request that can be read in only one way.")


def without_upgrade(method: bytes, url: bytes, headers: Headers) -> bytes:
    """The same head as that of a plain request; the connection ends after it.

    `upgrade` alone asks for nothing. It stays, so that the application can say that it speaks no WebSocket.
    """
    lines = [b"%b: %b\r\n" % pair for pair in headers if pair[0] not in _CONNECTION]
    return b"%b %b HTTP/1.1\r\n%bconnection: close\r\n\r\n" % (method, url, b"".join(lines))
