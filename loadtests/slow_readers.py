"""Thousands of callers who open a stream, read a little and stop reading for a while.

What a gateway holds for them meanwhile is its memory. Afterwards everyone reads on and every stream must be
complete. Prints its tally as JSON.

    BENCH_TENANT_KEY=… python -m loadtests.slow_readers --port 8080 --streams 2000 --hold 6
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import socket
import sys
from dataclasses import dataclass
from time import perf_counter

import uvloop

from loadtests.answer_check import fault, head_length
from loadtests.canned import request_body
from loadtests.generator import KEY_VARIABLE, request_bytes
from loadtests.tally import Tally

FRAMES = 3000
"""About 600 kB a stream: more than a gateway may buffer for it, so that only back-pressure bounds memory."""
SIP_BYTES = 2000
RECEIVE_BUFFER = 16 * 1024
"""Small, so that the kernel does not read on behalf of a caller who does not."""
AT_A_TIME = 50
"""Connections being opened at once: the question is memory, not a storm of arrivals."""
ANSWER_S = 60.0


def allow_many_files() -> None:
    """Raise this process's (and its later children's) limit on open files as far as it may go."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _open(port: int, request: bytes) -> tuple[socket.socket, bytes]:
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    sock.setblocking(False)
    try:
        await loop.sock_connect(sock, ("127.0.0.1", port))
        await loop.sock_sendall(sock, request)
        sip = await loop.sock_recv(sock, SIP_BYTES)
    except BaseException:
        sock.close()
        raise
    return sock, sip


async def _read_on(sock: socket.socket, sip: bytes, frames: int) -> str:
    """Read to the end; why the stream is wrong, or nothing."""
    loop = asyncio.get_running_loop()
    pieces, tail = [sip], sip
    while not tail.endswith(b"0\r\n\r\n"):
        data = await loop.sock_recv(sock, 65536)
        if not data:
            return "connection closed before the stream was complete"
        pieces.append(data)
        tail = (tail + data)[-16:]
    whole = b"".join(pieces)
    start = head_length(whole)
    return fault(whole[:start], whole[start:], frames=frames)


@dataclass(frozen=True, slots=True)
class Crowd:
    """What came of a crowd."""

    held: int
    """Streams that really were open, all at the same time."""
    tally: Tally


async def run(port: int, streams: int, hold: float, key: str, frames: int = FRAMES) -> Crowd:
    """Open all, hold, read on to the end."""
    tally = Tally()
    began = perf_counter()
    body = request_body(f"bench/static-f{frames}", stream=True)
    request = request_bytes(body, key)
    door = asyncio.Semaphore(AT_A_TIME)
    all_hold = asyncio.Event()

    async def opened() -> tuple[socket.socket, bytes] | None:
        async with door:
            try:
                async with asyncio.timeout(ANSWER_S):
                    sock, sip = await _open(port, request)
            except (OSError, TimeoutError) as error:
                tally.faults[f"no stream: {error or 'no answer in time'}"] += 1
                return None
        if not sip.startswith(b"HTTP/1.1 200"):
            tally.faults[f"no stream: {sip[:160].decode('ascii', 'replace')!r}"] += 1
            sock.close()
            return None
        return sock, sip

    async def rest(sock: socket.socket, sip: bytes) -> None:
        await all_hold.wait()
        async with door:
            try:
                async with asyncio.timeout(ANSWER_S):
                    wrong = await _read_on(sock, sip, frames)
            except (OSError, TimeoutError) as error:
                wrong = f"broken while reading on: {error or 'too slow'}"
            finally:
                sock.close()
        if wrong:
            tally.faults[wrong] += 1
        else:
            tally.latencies.append(perf_counter() - began)

    holders = [one for one in await asyncio.gather(*(opened() for _ in range(streams))) if one is not None]
    await asyncio.sleep(hold)
    all_hold.set()
    await asyncio.gather(*(rest(*holder) for holder in holders))
    tally.seconds = perf_counter() - began
    return Crowd(len(holders), tally)


def main() -> None:
    """One crowd as the command line says it."""
    parser = argparse.ArgumentParser(prog="loadtests.slow_readers", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--streams", type=int, default=2000)
    parser.add_argument("--hold", type=float, default=6.0, help="seconds without reading")
    parser.add_argument("--frames", type=int, default=FRAMES, help="about 210 B each; default: %(default)s")
    given = parser.parse_args()
    allow_many_files()
    key = os.environ.get(KEY_VARIABLE, "none")
    crowd = uvloop.run(run(given.port, given.streams, given.hold, key, given.frames))
    json.dump({**crowd.tally.report(), "held": crowd.held}, sys.stdout)


if __name__ == "__main__":
    main()
