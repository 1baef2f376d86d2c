"""A TCP proxy that can be cut: what is connected breaks off, and nothing connects until it is mended."""

import asyncio
import ssl
from types import TracebackType
from typing import Self

_PIECE = 65_536
#: PostgreSQL's word that it waits for the next statement.
_READY = b"Z\x00\x00\x00\x05I"


class CutProxy:
    """`async with CutProxy(unix socket or port) as proxy`: listens at `proxy.port`."""

    def __init__(self, upstream: str | int, tls: ssl.SSLContext | None = None) -> None:
        self.upstream = upstream  # may be another one for what connects from then on
        self._tls = tls
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.asked = 0  # pieces that went to the server
        self.mute = False  # answers are swallowed: the request arrives, its answer does not
        self.mute_at = b""  # from the request on that has this in it
        self.farewell = b""  # what PostgreSQL says as soon as it is ready, unasked
        self.farewells = 0

    async def __aenter__(self) -> Self:
        await self.mend()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()
        while self._writers:
            await asyncio.sleep(0)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        its_reader, its_writer = await self._connect()
        self._writers |= {writer, its_writer}
        try:
            await asyncio.gather(self._pump(reader, its_writer, False), self._pump(its_reader, writer, True))
        finally:
            self._writers -= {writer, its_writer}
            self._tasks.discard(task)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.upstream, int):
            return await asyncio.open_connection("127.0.0.1", self.upstream)
        return await asyncio.open_unix_connection(self.upstream)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: bool) -> None:
        try:
            while piece := await reader.read(_PIECE):
                self.asked += not answers
                if not answers and self.mute_at and self.mute_at in piece:
                    self.mute = True
                if answers and self.farewell and piece.endswith(_READY):
                    piece += self.farewell
                    self.farewells += 1
                if not (answers and self.mute):
                    writer.write(piece)
        except OSError:
            pass
        finally:
            writer.close()
