"""Our own load generator: keep-alive connections in a closed loop, every answer checked.

Each caller sends its next request when the last answer was complete and right. Answers are kept as they
arrive and judged when they are whole, so that reading costs as little as Python allows.

    BENCH_TENANT_KEY=… python -m loadtests.generator --port 8080 --model bench/static --concurrency 16
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
from dataclasses import dataclass
from time import perf_counter
from typing import cast

import uvloop

from loadtests.answer_check import LAST_CHUNK, content_length, fault, head_length
from loadtests.canned import REQUEST_BYTES, STREAM_FRAMES, request_body
from loadtests.tally import Tally

PATH = "/v1/chat/completions"
KEY_VARIABLE = "BENCH_TENANT_KEY"
LINGER_S = 5.0
"""How long answers under way at the end may take; what is still missing then is a fault."""


@dataclass(frozen=True, slots=True)
class Load:
    """What to send, how often at once, for how long."""

    port: int
    request: bytes
    concurrency: int
    seconds: float
    frames: int = 0
    """Content frames a stream must have; 0 for JSON answers."""
    spread: float = 0.0
    """Seconds over which callers begin, at random moments, so that paced streams do not march in step."""
    host: str = "127.0.0.1"


def request_bytes(body: bytes, key: str, host: str = "127.0.0.1") -> bytes:
    """A whole HTTP request as an SDK would send it, headers kept to what matters."""
    head = (
        f"POST {PATH} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Caller(asyncio.Protocol):
    """One connection: one request in flight, the next one as soon as the answer is complete."""

    def __init__(self, load: Load, tally: Tally, until: float) -> None:
        self._load, self._tally, self._until = load, tally, until
        self._transport: asyncio.Transport | None = None
        self._pieces: list[bytes] = []
        self._missing = 0
        """Bytes still to come of an answer of stated length."""
        self._chunked = False
        self._waiting = False
        self._began = 0.0
        loop = asyncio.get_running_loop()
        self._time = loop.time
        self.left: asyncio.Future[None] = loop.create_future()
        """Done when this connection is over, for whatever reason."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._ask()

    def _ask(self) -> None:
        assert self._transport is not None
        if self._time() >= self._until:
            self._transport.close()
            return
        self._pieces, self._missing, self._chunked = [], 0, False
        self._waiting, self._began = True, perf_counter()
        self._transport.write(self._load.request)

    def data_received(self, data: bytes) -> None:
        self._pieces.append(data)
        if self._chunked:
            if self._ends(data):
                self._complete()
        elif self._missing:
            self._missing -= len(data)
            if self._missing <= 0:
                self._complete()
        else:
            self._begin()

    def _ends(self, data: bytes) -> bool:
        """Whether the last chunk has arrived; its few bytes may come in several reads."""
        if len(data) < len(LAST_CHUNK):
            data = b"".join(self._pieces[-len(LAST_CHUNK) :])
        return data.endswith(LAST_CHUNK)

    def _begin(self) -> None:
        data = b"".join(self._pieces)
        start = head_length(data)
        if not start:
            return
        if self._load.frames and len(data) > start:
            self._tally.first_bytes.append(perf_counter() - self._began)
        elif self._load.frames:
            return  # the head alone: the first byte that counts is one of the body
        stated = content_length(data[:start])
        if stated is None:
            self._chunked = True
            if data.endswith(LAST_CHUNK):
                self._complete()
        else:
            self._missing = start + stated - len(data)
            if self._missing <= 0:
                self._complete()

    def _complete(self) -> None:
        now = perf_counter()
        data = b"".join(self._pieces)
        start = head_length(data)
        wrong = fault(data[:start], data[start:], frames=self._load.frames)
        self._waiting = False
        if wrong:
            self._tally.faults[wrong] += 1
        else:
            self._tally.latencies.append(now - self._began)
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting:
            self._tally.faults[f"connection lost before the answer was complete: {exc}"] += 1
            self._waiting = False
        if not self.left.done():
            self.left.set_result(None)

    def give_up(self) -> None:
        """Count what is still missing as a fault and let go."""
        if self._waiting:
            self._tally.faults["no complete answer in time"] += 1
            self._waiting = False
        if self._transport is not None:
            self._transport.abort()


async def run(load: Load) -> Tally:
    """Apply the load and wait for the last answers."""
    loop = asyncio.get_running_loop()
    tally = Tally()
    began = loop.time()
    until = began + load.seconds
    moments = random.Random(1)
    callers: set[Caller] = set()

    async def caller(delay: float) -> None:
        if delay:
            await asyncio.sleep(delay)
        while loop.time() < until:  # a server may close a connection after an answer; call again
            try:
                _, mine = await loop.create_connection(
                    lambda: Caller(load, tally, until), load.host, load.port
                )
            except OSError as error:
                tally.faults[f"cannot connect: {error}"] += 1
                return
            callers.add(mine)
            await mine.left
            callers.discard(mine)

    delays = [moments.random() * load.spread for _ in range(load.concurrency)]
    tasks = [asyncio.ensure_future(caller(delay)) for delay in delays]
    await asyncio.wait(tasks, timeout=load.seconds + LINGER_S)
    for late in tuple(callers):
        late.give_up()
    await asyncio.gather(*tasks)
    tally.seconds = max(load.seconds, min(loop.time() - began, load.seconds + LINGER_S))
    return tally


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="loadtests.generator",
        description="Closed-loop load on one endpoint; prints its report as JSON.",
        epilog=f"The tenant key is taken from the environment: {KEY_VARIABLE}.",
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", default="bench/static", help="default: %(default)s")
    parser.add_argument("--concurrency", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--body-bytes", type=int, default=REQUEST_BYTES)
    parser.add_argument("--stream", action="store_true", help="ask for streams and check their frames")
    parser.add_argument("--frames", type=int, default=STREAM_FRAMES, help="content frames of a right stream")
    parser.add_argument("--spread", type=float, default=0.0, help="seconds over which callers begin")
    return parser.parse_args()


def main() -> None:
    """One load as the command line says it."""
    given = _arguments()
    body = request_body(given.model, stream=given.stream, size=given.body_bytes)
    load = Load(
        port=given.port,
        request=request_bytes(body, os.environ.get(KEY_VARIABLE, "none")),
        concurrency=given.concurrency,
        seconds=given.seconds,
        frames=given.frames if given.stream else 0,
        spread=given.spread,
    )
    json.dump(uvloop.run(run(load)).report(), sys.stdout)


if __name__ == "__main__":
    main()
