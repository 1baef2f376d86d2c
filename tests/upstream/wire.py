"""A provider that is a listening socket and nothing more: the test says every byte, and sees every byte.

Never an HTTP library, which would repair the attack.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any, Self

import pytest

from gateway.settings.snapshot import Bounds, Origin
from gateway.upstream.failures import Kind, UpstreamFailure
from gateway.upstream.pool import Pool
from gateway.upstream.response import Response
from gateway.upstream.send import send
from tests.clock import LIMIT_S, passes

GET = b"GET /v1/models HTTP/1.1\r\nhost: p\r\naccept-encoding: identity\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
HELLO = OK + b"content-length: 5\r\n\r\nhello"
LIMIT = 64 * 1024 * 1024


def post(body: bytes) -> bytes:
    return b"POST /v1/x HTTP/1.1\r\nhost: p\r\ncontent-length: %d\r\n\r\n" % len(body)


class Wire:
    """The provider's end of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.got = b""

    async def receive(self) -> bytes:
        """More bytes of the request; b"" when the client closed."""
        loop = asyncio.get_running_loop()
        try:
            data = await loop.sock_recv(self.sock, 65536)
        except ConnectionResetError:
            return b""
        self.got += data
        return data

    async def request(self, body: bytes = b"") -> bytes:
        """One request, taken off the wire."""
        while b"\r\n\r\n" not in self.got or not self.got.endswith(body):
            assert await self.receive(), "the client closed"
        taken, self.got = self.got, b""
        return taken

    async def say(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.sock, data)

    async def try_say(self, data: bytes) -> None:
        """As `say`, to a client that may have left in the middle."""
        try:
            await self.say(data)
        except (ConnectionResetError, BrokenPipeError):
            return

    async def gone(self) -> None:
        """Until the client closed."""
        while await self.receive():
            pass

    def fin(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Provider:
    """Listens; `accept` gives each connection in turn."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._listener.setblocking(False)
        self.origin = Origin("http", "127.0.0.1", self._listener.getsockname()[1])
        self.accepted = 0
        self._wires: list[Wire] = []
        self._pools: list[Pool] = []

    def pool(self, bounds: Bounds | None = None) -> Pool:
        pool = Pool(self.origin, bounds or Bounds())
        self._pools.append(pool)
        return pool

    async def accept(self) -> Wire:
        sock, _ = await asyncio.get_running_loop().sock_accept(self._listener)
        self.accepted += 1
        wire = Wire(sock)
        self._wires.append(wire)
        return wire

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for pool in self._pools:
            await pool.aclose()
            assert repr(pool).endswith("0 active, 0 idle, 0 waiting>"), pool
        for wire in self._wires:
            wire.sock.close()
        self._listener.close()


def sending(
    pool: Pool,
    head: bytes = GET,
    body: bytes | AsyncIterator[bytes] | None = None,
    first_byte_s: float = LIMIT_S * 10,
    exchange_s: float = LIMIT_S * 20,
) -> asyncio.Task[Response]:
    return asyncio.create_task(send(pool, head, body, first_byte_s=first_byte_s, exchange_s=exchange_s))


async def overdue(task: asyncio.Task[Any], kind: Kind) -> UpstreamFailure:
    """A limit of LIMIT_S from now on ends `task`, and not before it is over."""
    await passes(0.9 * LIMIT_S)
    assert not task.done()
    await passes(0.2 * LIMIT_S)
    with pytest.raises(UpstreamFailure) as failed:
        await task
    assert failed.value.kind == kind
    return failed.value


async def answered(provider: Provider, pool: Pool, answer: bytes = HELLO) -> tuple[Wire, Response]:
    """One exchange on a new connection, its whole answer said."""
    task = sending(pool)
    wire = await provider.accept()
    await wire.request()
    await wire.say(answer)
    return wire, await task


async def kept(provider: Provider, pool: Pool) -> Wire:
    """A connection that has served and is idle in the pool."""
    wire, response = await answered(provider, pool)
    assert await response.read(LIMIT) == b"hello"
    response.release()
    assert repr(pool).endswith("0 active, 1 idle, 0 waiting>")
    return wire
