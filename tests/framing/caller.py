"""A caller that writes and reads bytes, so that it can say what no HTTP library would."""

import asyncio
import contextlib
import re
import socket
import struct
from dataclasses import dataclass
from types import TracebackType
from typing import Self

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    status: int
    head: bytes
    body: bytes

    @property
    def closes(self) -> bool:
        return b"\r\nconnection: close" in self.head.lower()


class Caller:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.reset()

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def reset(self) -> None:
        """Break the connection off: RST."""
        sock = self.writer.get_extra_info("socket")
        if sock is not None and not self.writer.transport.is_closing():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def to_the_end(self) -> bytes:
        """Everything until the server's FIN, or reset."""
        got = bytearray()
        with contextlib.suppress(ConnectionError):
            while piece := await self.reader.read(65536):
                got += piece
        return bytes(got)

    async def until(self, mark: bytes) -> bytes:
        return await self.reader.readuntil(mark)

    async def answer(self, *, bodiless: bool = False) -> Answer:
        """The next answer, by its own framing."""
        head = await self.until(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        length = _LENGTH.search(head)
        if bodiless or status in (100, 204, 304):
            return Answer(status, head, b"")
        if length is not None:
            return Answer(status, head, await self.reader.readexactly(int(length[1])))
        assert b"transfer-encoding: chunked" in head
        body = bytearray()
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += await self.reader.readexactly(size)
            assert await self.reader.readexactly(2) == b"\r\n"
        assert await self.reader.readexactly(2) == b"\r\n"
        return Answer(status, head, bytes(body))


def get(path: str, *lines: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: a", *lines, "", ""]).encode()


def post(path: str, body: bytes, *lines: str) -> bytes:
    head = [f"POST {path} HTTP/1.1", "Host: a", f"Content-Length: {len(body)}", *lines, "", ""]
    return "\r\n".join(head).encode() + body


def only_answer(raw: bytes) -> Answer:
    """The one answer in `raw`; fails if anything follows it."""
    head, _, body = raw.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    assert length is not None, raw
    assert len(body) == int(length[1]), raw
    return Answer(int(head.split(b" ", 2)[1]), head + b"\r\n", body)
