"""One exchange with a provider: take a connection, write, wait for the head of the reply.

The head is the caller's, bytes as they go out; that its values hold no CR, LF or NUL is the head builder's duty,
and `send` only checks that it is one header block and nothing behind it. It carries `accept-encoding: identity`
and the body's framing: for an `AsyncIterator` body too, whose pieces are written as they are (so it says
`content-length`, or the pieces are already chunked).

A provider that closed a kept-alive connection in the instant we used it has not seen the request: that, and
nothing else, is tried a second time, on a new connection and with what is left of the time.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from gateway.upstream.connection import Connection
from gateway.upstream.failures import UpstreamFailure
from gateway.upstream.pool import Pool
from gateway.upstream.response import Response

HolderT = TypeVar("HolderT")


async def send(
    pool: Pool,
    head: bytes,
    body: bytes | AsyncIterator[bytes] | None,
    first_byte_s: float,
    exchange_s: float,
    connected: Callable[[HolderT], None] | None = None,
    holder: HolderT | None = None,
) -> Response:
    """The response, its head whole and its body arriving; `UpstreamFailure` when none came.

    `connected` is told of `holder` when a connection was waited for and is there: the request leaves only now.
    """
    if head.find(b"\r\n\r\n") != len(head) - 4:
        raise ValueError("the head is not one header block")
    connection, connect_s = pool.idle(), 0.0
    if connection is None:
        connection, connect_s = await _connected(pool)
        if connected is not None and holder is not None:
            connected(holder)
    if body is None or isinstance(body, bytes):
        # Written out here and not in a coroutine of its own: this is every request but uploads.
        response = connection.begin(head, body or b"", first_byte_s, exchange_s)
        try:
            while not response.status and response.failure is None:
                await connection.wait()
        except BaseException:  # cancelled: half an exchange is of no use to anybody
            response.abort()
            raise
        if response.status:
            if connect_s:
                response.connect_s = connect_s
            return response
        failure = response.failure
        assert failure is not None
        if not failure.unanswered or connection.exchanges == 1:
            raise failure
    else:
        response = await _exchange(connection, head, body, first_byte_s, exchange_s)
        response.connect_s = connect_s
        return response
    left = connection.left()
    try:
        connection, connect_s = await _connected(pool)
        if connected is not None and holder is not None:
            connected(holder)
        response = await _exchange(connection, head, body, min(first_byte_s, left), left)
    except UpstreamFailure as failure:
        failure.sent = True  # by the first attempt, for all that is known
        raise
    response.connect_s = connect_s
    return response


async def _connected(pool: Pool) -> tuple[Connection, float]:
    """A connection that had to be opened or waited for, and how long that took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    connection = await pool.connect()
    return connection, loop.time() - began


async def _exchange(
    connection: Connection,
    head: bytes,
    body: bytes | AsyncIterator[bytes] | None,
    first_byte_s: float,
    exchange_s: float,
) -> Response:
    whole = b"" if body is None else body if isinstance(body, bytes) else None
    response = connection.begin(head, whole, first_byte_s, exchange_s)
    try:
        if body is not None and not isinstance(body, bytes):
            await _upload(connection, body, first_byte_s)
        while not response.status and response.failure is None:
            await connection.wait()
    except BaseException:  # cancelled, or the caller's body broke: half an exchange is of no use to anybody
        response.abort()
        raise
    if not response.status:
        assert response.failure is not None
        raise response.failure
    return response


async def _upload(connection: Connection, body: AsyncIterator[bytes], gap_s: float) -> None:
    """Write the pieces; stops at an early answer or a failure, which is noticed with the next piece.

    Each piece that found room is progress. How long the body itself may dawdle is the bound of whoever reads it.
    """
    async for piece in body:
        if not await connection.push(piece):
            return
        connection.extend(gap_s)
    connection.pushed_all()
