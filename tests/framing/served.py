"""A real uvicorn server with `BoundedProtocol` in front of a small application that notes what reaches it."""

import asyncio
import socket
from collections import Counter
from types import TracebackType
from typing import Any, Self, cast

import uvicorn

from gateway.api.cycle import BoundedCycle
from gateway.api.protocol import BoundedProtocol, bounded_protocol
from gateway.settings.snapshot import Bounds
from tests.clock import until
from tests.framing.caller import Caller


class Served:
    """`paths` are what the application was asked for; `gone` counts the exchanges whose caller left."""

    def __init__(self, bounds: Bounds | None = None, keep_alive_s: float = 75.0) -> None:
        self.protocol = bounded_protocol(bounds or Bounds(), keep_alive_s)
        self.live = self.protocol.live
        self.paths: list[str] = []
        self.bodies: list[bytes] = []
        self.outcomes: Counter[str] = Counter()
        self.begun = asyncio.Event()
        self.release = asyncio.Event()
        self.gone = asyncio.Event()
        self.gone_calls = 0
        self.ended = asyncio.Event()
        self.most_buffered = 0
        self.poured = 0
        self.most_at_once = 0
        self._at_once = 0

    async def __aenter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        config = uvicorn.Config(
            self._app,
            http=self.protocol,
            ws="none",
            interface="asgi3",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
        )
        config.load()
        self.server = uvicorn.Server(config)
        # What `serve` does, but for its ticks of 100 ms at the beginning and the end.
        self.server.lifespan = config.lifespan_class(config)
        await self.server.startup([self._socket])
        await self.server.on_tick(0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release.set()
        state = self.server.server_state
        for listening in self.server.servers:
            listening.close()
        for connection in list(state.connections):
            connection.transport.abort()
        if state.tasks:
            await asyncio.wait(state.tasks)
        await until(lambda: not state.connections)
        self._socket.close()
        assert self.live.open_connections == 0

    async def call(self) -> Caller:
        """A new connection."""
        reader, writer = await asyncio.open_connection(*self._socket.getsockname())
        return Caller(reader, writer)

    async def talk(self, data: bytes) -> bytes:
        """Send `data`; everything that comes back until the server closes."""
        async with await self.call() as caller:
            caller.send(data)
            return await caller.to_the_end()

    def lines(self) -> set[BoundedProtocol]:
        """The server's end of each connection."""
        return cast(set[BoundedProtocol], self.server.server_state.connections)

    def in_line(self) -> list[BoundedCycle]:
        """The requests that have been read and wait behind another, on any connection."""
        return [cycle for line in self.lines() for cycle in line._waiting]

    async def in_a_head(self) -> None:
        """Until the first bytes of a head are here."""
        await until(lambda: any(line._in_head for line in self.lines()))

    async def waiting_for_body(self, since: float = 0.0) -> float:
        """Until an application has all that came and waits for more, later than `since`; since when."""
        times: list[float] = []
        while not times:
            await asyncio.sleep(0)
            active = [line._active for line in self.lines() if line._active is not None]
            times = [cycle.waiting_since for cycle in active if (cycle.waiting_since or 0.0) > since]  # type: ignore[misc]
        return max(times)

    def _left(self) -> None:
        self.gone_calls += 1
        self.gone.set()

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        connection: BoundedCycle = scope["kaze.connection"]
        connection.on_gone = self._left
        self.paths.append(scope["path"])
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            action = getattr(self, "_" + scope["path"].split("/")[1], self._echo)
            await action(connection, scope, receive, send)
        finally:
            self._at_once -= 1
            self.ended.set()

    async def _body(self, receive: Any) -> bytes | None:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message["body"]
            if not message["more_body"]:
                return bytes(body)

    async def _echo(self, connection: BoundedCycle, scope: Any, receive: Any, send: Any) -> None:
        body = await self._body(receive)
        if body is None:
            self.outcomes["timed out" if connection.body_timed_out else "left"] += 1
            connection.respond(408, b"content-type: text/plain\r\n", b"too slow")
            return
        self.bodies.append(body)
        connection.respond(
            200, b"content-type: text/plain\r\n", f"{scope['method']} {scope['path']} ".encode() + body
        )

    async def _early(self, connection: BoundedCycle, scope: Any, receive: Any, send: Any) -> None:
        connection.respond(401, b"", b"no")

    async def _slow(self, connection: BoundedCycle, scope: Any, receive: Any, send: Any) -> None:
        await self._body(receive)
        self.begun.set()
        await self.release.wait()
        connection.respond(200, b"", scope["path"].encode())

    async def _stream(self, connection: BoundedCycle, scope: Any, receive: Any, send: Any) -> None:
        connection.start(200, b"content-type: text/event-stream\r\n")
        connection.write(b"one")
        self.begun.set()
        await self.release.wait()
        connection.write(b"two")
        connection.finish()

    async def _pour(self, connection: BoundedCycle, scope: Any, receive: Any, send: Any) -> None:
        """Write for as long as there is anybody; waits whenever the buffer is full."""
        connection.start(200, b"")
        transport = connection._line.transport
        while not connection.gone:
            connection.write(b"x" * 16384)
            self.poured += 1
            self.most_buffered = max(self.most_buffered, transport.get_write_buffer_size())
            if connection.write_paused:
                self.begun.set()
                await connection.drain()

    async def _broken(self, connection: BoundedCycle, scope: Any, receive: Any, send: Any) -> None:
        connection.start(200, b"")
        connection.write(b"half")
        connection.abort()

    async def _raise(self, connection: BoundedCycle, scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("on purpose")

    async def _nothing(self, connection: BoundedCycle, scope: Any, receive: Any, send: Any) -> None:
        return

    async def _length(self, connection: BoundedCycle, scope: Any, receive: Any, send: Any) -> None:
        connection.start(200, b"content-length: 6\r\n")
        connection.write(b"one")
        connection.write(b"two")
        connection.finish()

    async def _asgi(self, connection: BoundedCycle, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"b")]})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})

    async def _inject(self, connection: BoundedCycle, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"b\r\nx-c: d")]})
