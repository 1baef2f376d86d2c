"""From a reply to what happens on the socket, and everything that can go wrong there.

`steps` yields bytes (one write each), floats (seconds to wait) and, where the connection must not live on, an
`End`. The server does what it is told; nothing here touches a socket, so every fault is tested as a list.
"""

import gzip
from collections.abc import Iterable, Iterator
from enum import Enum

from provider_sim.fault import NONE, Fault
from provider_sim.message import Reply


class End(Enum):
    """How a connection ends instead of waiting for the next request."""

    CLOSE = "close"
    RESET = "reset"
    HANG = "hang"


Step = bytes | float | End

REASONS = {
    100: "Continue", 200: "OK", 201: "Created", 204: "No Content", 301: "Moved Permanently", 302: "Found",
    307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized",
    402: "Payment Required", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    408: "Request Timeout", 409: "Conflict", 413: "Payload Too Large", 415: "Unsupported Media Type",
    422: "Unprocessable Entity", 429: "Too Many Requests", 500: "Internal Server Error",
    502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout", 529: "Site is overloaded",
}  # fmt: skip
STATUS_LINES = {status: f"HTTP/1.1 {status} {reason}\r\n".encode() for status, reason in REASONS.items()}
GARBAGE = bytes((i * 89 + 7) % 256 for i in range(512))
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
WRITE_MAX = 65_536


def head(reply: Reply, identity: bytes, framing: bytes, keep_alive: bool) -> bytes:
    """Status line and headers. `identity` are the provider's own header lines, `framing` the body's."""
    line = STATUS_LINES.get(reply.status) or f"HTTP/1.1 {reply.status} Simulated\r\n".encode()
    parts = [line, identity]
    if reply.content_type:
        parts += (b"content-type: ", reply.content_type, b"\r\n")
    for name, value in reply.headers:
        parts += (name, b": ", value, b"\r\n")
    parts += (framing, b"" if keep_alive else b"connection: close\r\n", b"\r\n")
    return b"".join(parts)


def plain(reply: Reply, identity: bytes, keep_alive: bool) -> bytes:
    """The whole reply in one write: the path of a load test, without pacing and without faults."""
    if reply.frames is None:
        framing = b"" if reply.status == 204 else b"content-length: %d\r\n" % len(reply.body)
        return head(reply, identity, framing, keep_alive) + reply.body
    parts = [head(reply, identity, b"transfer-encoding: chunked\r\n", keep_alive)]
    for frame in reply.frames:
        parts += (b"%x\r\n" % len(frame), frame, b"\r\n")
    parts.append(LAST_CHUNK)
    return b"".join(parts)


def steps(
    reply: Reply, identity: bytes, keep_alive: bool, fault: Fault = NONE, gap_s: float = 0.0
) -> Iterator[Step]:
    """The reply as steps, with the socket-level part of `fault` applied."""
    if fault.hang == -1:
        yield End.HANG
        return
    if fault.continues:
        yield CONTINUE * fault.continues
    if fault.reset == 0:
        yield End.RESET
        return
    if fault.garbage:
        yield GARBAGE
        yield End.CLOSE
        return
    chunked = (reply.frames is not None or fault.endless or fault.trailers) and fault.content_length is None
    data = _compressed(reply, fault)
    if fault.truncate is not None:
        data = [b"".join(data)[: fault.truncate]]
    yield head(reply, identity, _framing(reply, data, chunked, fault), keep_alive)
    if fault.think_ms:
        yield fault.think_ms / 1000
    limit, end = _limit(fault)
    yield from _paced(_limited(_bodies(data, reply, fault), limit), gap_s, chunked, fault)
    if end is not None:
        yield end
    elif chunked:
        yield b"0\r\nx-sim-trailer: 1\r\n\r\n" if fault.trailers else LAST_CHUNK


def _compressed(reply: Reply, fault: Fault) -> list[bytes]:
    """The body's pieces, after what is done to the body as a whole."""
    data = [reply.body] if reply.frames is None else list(reply.frames)
    if fault.gzip_bomb is not None:
        data = [gzip.compress(bytes(fault.gzip_bomb), 9)]
    if fault.gzip_bomb is not None or fault.gzip_lie:
        reply.headers.append((b"content-encoding", b"gzip"))
    if fault.header_bytes is not None:
        reply.headers.append((b"x-sim-filler", b"x" * fault.header_bytes))
    return data


def _framing(reply: Reply, data: list[bytes], chunked: bool, fault: Fault) -> bytes:
    if chunked:
        trailer = b"trailer: x-sim-trailer\r\n" if fault.trailers else b""
        return b"transfer-encoding: chunked\r\n" + trailer
    length = sum(map(len, data)) + (fault.content_length or 0)
    framing = b"" if reply.status == 204 else b"content-length: %d\r\n" % max(0, length)
    return framing + b"content-length: %d\r\n" % (length + 7) if fault.two_lengths else framing


def _limit(fault: Fault) -> tuple[int | None, End | None]:
    """After how many body bytes the connection ends, and how."""
    if fault.cut is not None:
        return fault.cut, End.CLOSE
    if fault.reset is not None:
        return fault.reset, End.RESET
    if fault.hang is not None:
        return fault.hang, End.HANG
    return None, None


def _bodies(data: list[bytes], reply: Reply, fault: Fault) -> Iterator[bytes]:
    if fault.drip is not None:
        whole = b"".join(data)
        for i in range(0, len(whole), max(1, fault.drip)):
            yield whole[i : i + max(1, fault.drip)]
    elif not fault.endless:
        yield from data
    else:
        streamed = reply.frames is not None and len(data) > 2
        repeated = data[len(data) // 2] if streamed else b" " * 1024
        yield from data[: len(data) // 2 + 1] if streamed else data
        while True:
            yield repeated


def _limited(data: Iterable[bytes], limit: int | None) -> Iterator[bytes]:
    left = limit
    for piece in data:
        if left is None:
            yield piece
        elif left > 0:
            yield piece[:left]
            left -= len(piece)
        else:
            return


def _paced(data: Iterable[bytes], gap_s: float, chunked: bool, fault: Fault) -> Iterator[Step]:
    held: list[bytes] = []
    first = True
    for piece in data:
        if not piece:
            continue
        if gap_s and not first and not fault.one_packet:
            yield gap_s
        first = False
        framed = b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece
        if fault.one_packet:
            held.append(framed)
        elif len(framed) > 4 * WRITE_MAX:
            # Big pieces go out in parts, so that a slow reader holds back the sender.
            yield from (framed[i : i + WRITE_MAX] for i in range(0, len(framed), WRITE_MAX))
        else:
            yield framed
    if held:
        yield b"".join(held)


def raw(data: bytes, then: str, delay_s: float) -> Iterator[Step]:
    """`data` exactly as it is, and then `keep`, `close`, `reset` or `hang`."""
    if delay_s:
        yield delay_s
    yield data
    end = {"close": End.CLOSE, "reset": End.RESET, "hang": End.HANG}.get(then)
    if end is not None:
        yield end


def delayed(made: Iterable[Step], delay_s: float) -> Iterator[Step]:
    if delay_s:
        yield delay_s
    yield from made
