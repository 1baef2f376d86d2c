"""The upstream of the benchmark: an OpenAI-like server that does as little as a server can.

A raw asyncio protocol over httptools. It answers a fixed JSON completion, or, when the body holds
`"stream":true`, a stream of frames, each its own write. The end of the model's name turns the knobs, since
that is what passes any gateway untouched: `static-f3000-d50-g20` streams 3,000 frames, the first after
50 ms, then one every 20 ms (defaults: 50 frames at once, as fast as they go), and `static-w10` writes
ten frames at a time.

    python -m loadtests.static_upstream --port 9101
"""

from __future__ import annotations

import argparse
import asyncio
import re
from functools import lru_cache, partial
from typing import NamedTuple, cast

import httptools
import uvloop

from loadtests.canned import (
    DONE,
    MARKER,
    STREAM_FRAMES,
    answer_body,
    frame,
    messages_answer_body,
    usage_frame,
)

HEAD_BYTES = 4096
"""How much of a request's body is looked at for the model and for what it asks of a stream."""

_MODEL = re.compile(rb'"model"\s*:\s*"[^"]*?static([^"]*)"')
_KNOB = re.compile(rb"-([fdgw])(\d+)")
_STREAM = re.compile(rb'"stream"\s*:\s*true')
_USAGE = re.compile(rb'"include_usage"\s*:\s*true')

_JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
#: By the dialect that is spoken. Streams are OpenAI's alone.
JSON_ANSWERS = {
    name: _JSON_HEAD % len(body) + body
    for name, body in (("openai", answer_body()), ("anthropic", messages_answer_body()))
}


class Script(NamedTuple):
    """How one stream goes: its pieces, each one write, and its pace in seconds."""

    pieces: tuple[bytes, ...]
    delay: float
    gap: float


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@lru_cache(maxsize=256)
def script(suffix: bytes, usage: bool) -> Script:
    """The stream that a model name ending in `suffix` asks for."""
    knobs = {name: int(value) for name, value in _KNOB.findall(suffix)}
    count = knobs.get(b"f", STREAM_FRAMES)
    frames = [_chunk(frame(f" word{at:04d} of a long tale, told in even steps")) for at in range(count - 1)]
    frames.append(_chunk(frame(MARKER.decode(), last=True)))
    together = max(1, knobs.get(b"w", 1))
    pieces = [b"".join(frames[at : at + together]) for at in range(0, count, together)]
    pieces[0] = _STREAM_HEAD + pieces[0]
    end = (_chunk(usage_frame()),) if usage else ()
    pieces += [*end, _chunk(DONE) + b"0\r\n\r\n"]
    return Script(tuple(pieces), knobs.get(b"d", 0) / 1000, knobs.get(b"g", 0) / 1000)


class StaticUpstream(asyncio.Protocol):
    """One connection from a gateway or a caller; requests one after another."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._transport: asyncio.Transport
        self._parser = httptools.HttpRequestParser(self)
        self._head = b""
        self._script: Script | None = None
        self._next = 0
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        # Without this a loop's transport would gather the frames into one write.
        self._transport.set_write_buffer_limits(high=0)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._script = None
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_message_begin(self) -> None:
        self._head = b""

    def on_body(self, body: bytes) -> None:
        if len(self._head) < HEAD_BYTES:
            self._head += body[:HEAD_BYTES]

    def on_message_complete(self) -> None:
        head = self._head
        if _STREAM.search(head) is None:
            self._transport.write(self._answer)
            return
        model = _MODEL.search(head)
        self._script = script(model[1] if model else b"", _USAGE.search(head) is not None)
        self._next = 0
        if self._script.delay:
            self._timer = asyncio.get_running_loop().call_later(self._script.delay, self._send)
        else:
            self._send()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._timer is None:
            self._send()

    def _send(self) -> None:
        """Write until the stream ends, its pace says wait, or the other side does not read."""
        self._timer = None
        current = self._script
        if current is None:
            return
        write, pieces = self._transport.write, current.pieces
        while self._next < len(pieces) and not self._paused:
            self._next += 1
            write(pieces[self._next - 1])
            if current.gap and self._next < len(pieces):
                self._timer = asyncio.get_running_loop().call_later(current.gap, self._send)
                return
        if self._next == len(pieces):
            self._script = None


async def serve(host: str, port: int, dialect: str = "openai") -> asyncio.Server:
    """Listen; the caller closes the server."""
    upstream = partial(StaticUpstream, JSON_ANSWERS[dialect])
    return await asyncio.get_running_loop().create_server(upstream, host, port, backlog=4096)


async def _forever(host: str, port: int, dialect: str) -> None:
    async with await serve(host, port, dialect) as server:
        await server.serve_forever()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="loadtests.static_upstream", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dialect", choices=sorted(JSON_ANSWERS), default="openai", help="of JSON answers")
    given = parser.parse_args()
    uvloop.run(_forever(given.host, given.port, given.dialect))


if __name__ == "__main__":
    main()
