"""A caller that sees bytes: what an SDK would hide."""

import asyncio
import json
from typing import Any


def request(path: str, body: Any, *, key: str | None = "k", headers: str = "", method: str = "POST") -> bytes:
    """One HTTP/1.1 request as bytes."""
    data = b"" if body is None else json.dumps(body).encode()
    bearer = f"authorization: Bearer {key}\r\n" if key else ""
    head = f"{method} {path} HTTP/1.1\r\nhost: sim\r\n{bearer}{headers}content-length: {len(data)}\r\n\r\n"
    return head.encode() + data


def chat(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "chat", "messages": [{"role": "user", "content": text}], **more}


async def exchange(port: int, data: bytes, *, until_close: bool = True) -> bytes:
    """Send `data` with `connection: close` semantics and return everything that comes until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        if until_close:
            data = data.replace(b"\r\nhost:", b"\r\nconnection: close\r\nhost:", 1)
        writer.write(data)
        received = b""
        while piece := await reader.read(65536):
            received += piece
        return received
    finally:
        writer.close()


def split(reply: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (lower case, last wins) and the raw body."""
    head, _, body = reply.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
    return int(lines[0].split(" ")[1]), headers, body


def unchunked(body: bytes) -> list[bytes]:
    """The chunks of a chunked body; raises if it does not end properly."""
    chunks: list[bytes] = []
    while True:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            return chunks
        chunks.append(rest[:length])
        assert rest[length : length + 2] == b"\r\n"
        body = rest[length + 2 :]


async def post(port: int, path: str, body: Any, **how: Any) -> tuple[int, dict[str, str], bytes]:
    return split(await exchange(port, request(path, body, **how)))
