"""Read a request body within its bounds: refused by its declared length before a byte is read, or as it grows.

Times between pieces and in all are kept by the connection (`gateway.api.protocol`), which ends the read.
"""

from typing import Protocol

from starlette.types import Receive

from gateway.errors import (
    CLIENT_CLOSED,
    REQUEST_TIMEOUT,
    REQUEST_TOO_LARGE,
    UNSUPPORTED_ENCODING,
    UNSUPPORTED_MEDIA_TYPE,
    GatewayError,
)

__all__ = ["Receive"]


class TimedBody(Protocol):
    """What a connection says about the body it is reading."""

    body_timed_out: bool

    def body_now(self) -> bytes | None:
        """The whole body, if it has arrived already."""
        ...


def check_encoding(named: dict[bytes, bytes]) -> None:
    """Compressed bodies are not taken: a few bytes could become gigabytes."""
    encoding = named.get(b"content-encoding")
    if encoding is not None and encoding.strip().lower() not in (b"", b"identity"):
        raise GatewayError(UNSUPPORTED_ENCODING, "Compressed request bodies are not supported.")


def check_length(named: dict[bytes, bytes], limit: int) -> None:
    """Refuse a body that says it is too long, before reading it."""
    declared = named.get(b"content-length")
    if declared is not None and int(declared) > limit:
        raise too_large(limit)


def too_large(limit: int) -> GatewayError:
    return GatewayError(REQUEST_TOO_LARGE, f"The request body is larger than {limit} bytes.")


async def next_piece(receive: Receive, connection: TimedBody) -> tuple[bytes, bool]:
    """The next piece of the body and whether more follows.

    Raises GatewayError when the caller was too slow, or left.
    """
    message = await receive()
    if message["type"] == "http.disconnect":
        if connection.body_timed_out:
            raise GatewayError(REQUEST_TIMEOUT, "The request body took too long to arrive.")
        raise GatewayError(CLIENT_CLOSED, "The caller closed the connection.")
    return message.get("body", b""), message.get("more_body", False)


async def read_body(receive: Receive, connection: TimedBody, named: dict[bytes, bytes], limit: int) -> bytes:
    """The whole body in memory, at most `limit` bytes."""
    check_encoding(named)
    check_length(named, limit)
    pieces: list[bytes] = []
    size, more = 0, True
    while more:
        piece, more = await next_piece(receive, connection)
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        pieces.append(piece)
    return b"".join(pieces)


def check_json_type(named: dict[bytes, bytes]) -> None:
    """A JSON endpoint takes JSON; a body without a type is given the benefit of the doubt."""
    kind = named.get(b"content-type", b"application/json").partition(b";")[0].strip().lower()
    if kind != b"application/json" and not kind.endswith(b"+json"):
        if kind.startswith(b"multipart/"):
            raise GatewayError(UNSUPPORTED_MEDIA_TYPE, "This endpoint takes a JSON body, not a form.")
        if kind not in (b"text/plain", b"application/x-www-form-urlencoded", b"application/octet-stream"):
            raise GatewayError(UNSUPPORTED_MEDIA_TYPE, "The content-type must be application/json.")
        # curl's -d says "form" by default; what counts is whether the body is JSON, which is checked next.
