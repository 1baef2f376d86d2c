"""Opening a connection: name, TCP, egress proxy, TLS, in that order and to the configured origin only.

Addresses are raced a quarter of a second apart (RFC 8305's idea, which uvloop's `create_connection` does not
have), so that a black-holed IPv6 does not eat the time limit. The time limit itself is the pool's. When the
provider cannot be reached, or cannot prove who it is, no byte of a request has been written anywhere.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest

from gateway.settings.snapshot import Origin
from gateway.upstream.connection import Connection
from gateway.upstream.failures import UpstreamFailure
from gateway.upstream.proxy import Tunnel, connect_request
from gateway.upstream.states import CONNECTING
from gateway.upstream.tls import client_context
from keys.secret import Secret

_STAGGER_S = 0.25

_Address = tuple[socket.AddressFamily, tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Route:
    """Where to and by what way. `address` is the host's, where it was looked up before: it is not asked again."""

    origin: Origin
    proxy: Origin | None
    proxy_auth: Secret | None
    ca_file: str | None
    address: str | None = None


async def dial(route: Route, make: Callable[[], Connection]) -> Connection:
    """A connection that is ready, or an `UpstreamFailure` ('connect', 'tls'; never past the caller's timeout)."""
    try:
        if route.proxy is None:
            connection = await _straight(route, make)
        else:
            connection = await _through(route, route.proxy, make)
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or error.reason or "handshake failed"
        raise UpstreamFailure("tls", f"TLS: {reason}"[:160], sent=False) from error
    except TimeoutError:
        raise UpstreamFailure("connect_timeout", "the network gave up connecting", sent=False) from None
    except OSError as error:
        raise UpstreamFailure("connect", f"cannot connect: {_reason(error)}", sent=False) from error
    if connection.state is CONNECTING:  # else it spoke or left before it was asked, and is closed
        connection.ready()
    return connection


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__)[:160]


async def _straight(route: Route, make: Callable[[], Connection]) -> Connection:
    loop = asyncio.get_running_loop()
    origin = route.origin
    context = client_context(route.ca_file) if origin.tls else None
    sock = await _tcp(route.address or origin.host, origin.port)
    try:
        _, connection = await loop.create_connection(
            make, sock=sock, ssl=context, server_hostname=origin.host if context else None
        )
    except BaseException:
        sock.close()
        raise
    return connection


async def _through(route: Route, proxy: Origin, make: Callable[[], Connection]) -> Connection:
    loop = asyncio.get_running_loop()
    origin = route.origin
    context = client_context(route.ca_file) if origin.tls else None
    hop = client_context(route.ca_file) if proxy.tls else None  # whose authority is often as private
    sock = await _tcp(proxy.host, proxy.port)
    try:
        raw, tunnel = await loop.create_connection(
            lambda: Tunnel(loop), sock=sock, ssl=hop, server_hostname=proxy.host if hop else None
        )
    except BaseException:
        sock.close()
        raise
    transport: asyncio.Transport = raw
    try:
        transport.write(connect_request(origin, route.proxy_auth))
        await tunnel.opened
        connection = make()
        if context is None:
            transport.set_protocol(connection)
        else:
            wrapped = await loop.start_tls(transport, connection, context, server_hostname=origin.host)
            if wrapped is None:  # uvloop: the transport closed in the meantime
                raise ConnectionAbortedError("the egress proxy closed the connection")
            transport = wrapped
        connection.connection_made(transport)
        if context is None:
            transport.resume_reading()
    except BaseException:
        raw.abort()
        raise
    return connection


async def _tcp(host: str, port: int) -> socket.socket:
    """A connected socket: the first address that answers, each next one started when the last is slow."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = _interleaved([(info[0], info[4]) for info in found])
    if len(addresses) == 1:
        return await _one(*addresses[0])
    pending: set[asyncio.Task[socket.socket]] = set()
    last: OSError = OSError("the name has no address")
    try:
        while addresses or pending:
            if addresses:
                pending.add(loop.create_task(_one(*addresses.pop(0))))
            done, pending = await asyncio.wait(
                pending, timeout=_STAGGER_S if addresses else None, return_when=asyncio.FIRST_COMPLETED
            )
            winner: socket.socket | None = None
            for task in done:
                error = task.exception()
                if error is None and winner is None:
                    winner = task.result()
                elif error is None:
                    task.result().close()
                elif isinstance(error, OSError):
                    last = error
                else:
                    raise error
            if winner is not None:
                return winner
    finally:
        for task in pending:
            task.cancel()
            task.add_done_callback(_close_late)
    raise last


def _close_late(task: asyncio.Task[socket.socket]) -> None:
    """A loser of the race that connected all the same."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _one(family: socket.AddressFamily, address: tuple[object, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Providers that think for minutes are silent for minutes: without probes a NAT forgets the connection.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


def _interleaved(addresses: list[_Address]) -> list[_Address]:
    """Families in turn, the resolver's first family first, its order kept within each."""
    first = [a for a in addresses if a[0] == addresses[0][0]]
    others = [a for a in addresses if a[0] != addresses[0][0]]
    return [a for pair in zip_longest(first, others) for a in pair if a is not None]
