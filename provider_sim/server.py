"""The listening side: HTTP/1.1 over `asyncio.Protocol` and httptools, able to misbehave at the byte level.

One request of a connection is served at a time, in the order of arrival, whatever is pipelined. Bodies are
bounded. A reply without pauses is one write and no task; everything else runs in a task that follows the
steps of `delivery.py` and is cancelled when the caller leaves. A caller that closes its sending side has left,
as Go and uvicorn servers see it.
"""

import asyncio
import socket
import struct
from collections import deque
from typing import Protocol, cast
from urllib.parse import parse_qsl

import httptools

from provider_sim.delivery import CONTINUE, End
from provider_sim.exchange import Exchange
from provider_sim.message import Request
from provider_sim.stats import Stats

BODY_MAX = 256 * 1024 * 1024
PIPELINE_MAX = 64
LINGER_RESET = struct.pack("ii", 1, 0)
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
TOO_LARGE = b"HTTP/1.1 413 Payload Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Acceptor(Protocol):
    """What turns a request into an exchange."""

    stats: Stats

    def accept(self, request: Request) -> Exchange: ...


class Connection(asyncio.Protocol):
    """One accepted connection."""

    def __init__(self, acceptor: Acceptor, connections: set["Connection"]) -> None:
        self._acceptor = acceptor
        self._connections = connections
        self._number = 0
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Request] = deque()
        self._current: Exchange | None = None
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._closing = False
        self._reading = True
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._body_size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not subclasses of asyncio's, so this cannot be asserted.
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        stats = self._acceptor.stats
        stats.connections += 1
        stats.open_connections += 1
        self._number = stats.connections
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._closing = True
        self._transport = None
        self._connections.discard(self)
        self._acceptor.stats.open_connections -= 1
        self._waiting.clear()
        self._writable.set()
        if self._current is not None:
            # Here and not only in the task: a task cancelled before its first step never runs its handlers.
            self._current.finish("cancelled")
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._closing = True
        except httptools.HttpParserError:
            if not self._closing and self._transport is not None:
                self._closing = True
                self._transport.write(BAD_REQUEST)
                self._transport.close()

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers = []
        self._body = []
        self._body_size = 0

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        for name, value in self._headers:
            if (
                len(name) == 6
                and name.lower() == b"expect"
                and value.lower() == b"100-continue"
                and self._transport
            ):
                self._transport.write(CONTINUE)

    def on_body(self, body: bytes) -> None:
        self._body_size += len(body)
        if self._body_size > BODY_MAX:
            if self._transport is not None and not self._closing:
                self._closing = True
                self._transport.write(TOO_LARGE)
                self._transport.close()
            return
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self._closing:
            return
        target = self._target.decode("latin-1")
        path, _, query = target.partition("?")
        request = Request(
            self._parser.get_method().decode("latin-1"),
            target,
            path,
            dict(parse_qsl(query, keep_blank_values=True)) if query else {},
            self._headers,
            self._body[0] if len(self._body) == 1 else b"".join(self._body),
            self._number,
            # An upgrade is never granted, and after asking for one a caller may not go on in HTTP/1.1.
            self._parser.should_keep_alive() and not self._parser.should_upgrade(),
        )
        self._body = []
        self._waiting.append(request)
        if len(self._waiting) >= PIPELINE_MAX and self._reading and self._transport is not None:
            self._reading = False
            self._transport.pause_reading()
        if self._current is None:
            self._serve_waiting()

    def _serve_waiting(self) -> None:
        """Serve what has arrived; stops at the first reply that needs time."""
        while (
            self._waiting
            and self._transport is not None
            and self._task is None
            and not self._transport.is_closing()
        ):
            exchange = self._acceptor.accept(self._waiting.popleft())
            self._current = exchange
            if exchange.whole is None or not self._writable.is_set():
                self._task = asyncio.get_running_loop().create_task(self._deliver(exchange))
                return
            self._transport.write(exchange.whole)
            exchange.sent(len(exchange.whole), exchange.writes_total)
            exchange.finish("complete")
            self._current = None
            if not exchange.keep_alive:
                self._transport.close()
        if not self._reading and self._transport is not None and len(self._waiting) < PIPELINE_MAX:
            self._reading = True
            self._transport.resume_reading()

    async def _deliver(self, exchange: Exchange) -> None:
        """Follow the steps; then serve the next request or end the connection as told."""
        try:
            if exchange.place is not None:
                await exchange.place
            end = await self._follow(exchange)
        except asyncio.CancelledError:
            exchange.finish("cancelled")
            raise
        finally:
            self._task = None
            self._current = None
        exchange.finish("complete" if end is None else "aborted")
        if self._transport is None:
            return
        if end is End.RESET:
            self._reset()
        elif end is not None or not exchange.keep_alive:
            self._transport.close()
        else:
            self._serve_waiting()

    async def _follow(self, exchange: Exchange) -> End | None:
        writes = 0
        for step in (exchange.whole,) if exchange.whole is not None else exchange.steps:
            if isinstance(step, float):
                await asyncio.sleep(step)
            elif isinstance(step, End):
                if step is End.HANG:
                    # Only the caller's leaving (connection_lost cancels this task) ends it.
                    await asyncio.get_running_loop().create_future()
                return step
            else:
                if not self._writable.is_set():
                    await self._writable.wait()
                if self._transport is None:
                    raise asyncio.CancelledError
                writes += 1
                self._transport.write(step)
                exchange.sent(len(step), writes)
                if writes % 64 == 0:
                    # A long burst must not keep other connections waiting.
                    await asyncio.sleep(0)
        return None

    def _reset(self) -> None:
        """Send RST rather than FIN, after what has been written so far."""
        transport = self._transport
        if transport is None:
            return
        handle = transport.get_extra_info("socket")
        if handle is not None and handle.family != socket.AF_UNIX:
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
        # uvloop writes at the end of the loop's turn, so the abort is put one turn later.
        asyncio.get_running_loop().call_soon(asyncio.get_running_loop().call_soon, transport.abort)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
