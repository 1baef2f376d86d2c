"""What 10,000 waiting requests take in the whole gateway, beside their bodies.

A provider that no longer answers, one provider key with few places, and as many callers' connections as there are
requests. Each connection first has one request answered and is idle, so that what a connection costs at all is
known apart; then each sends one that waits. What the process grows by from then on, less the bodies, is what
waiting costs: the line, the exchange, its task, and whatever is held of the request.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from loadtests.canned import request_body
from loadtests.peers import Peer, choose_cores, free_port, python
from loadtests.process_cost import largest_own
from loadtests.slow_readers import allow_many_files
from loadtests.static_upstream import JSON_ANSWERS

BODY_BYTES = 2_000
_KEY_VARIABLE = "BENCH_TENANT_KEY"
_AT_A_TIME = 64
_PLACES = 16
_SETTLE_S = 1.5
#: Slowly enough that the gateway keeps up: what a storm of arrivals takes for a moment is another question.
_GAP_S = 0.06
_WAIT_S = 120.0

#: Caps by class and tenant would turn most of one tenant's away: the line is made large enough for its part.
_CONFIG = """\
bounds: {{connections: {room}}}
queue: {{depth_max: {room}, bytes_max: 1000000000}}
providers:
  - {{id: bench, dialect: openai, base_url: "http://127.0.0.1:{port}/v1"}}
pools:
  - id: bench-key
    provider: bench
    secret: "env:BENCH_PROVIDER_KEY"
    tenants: ["*"]
    limits: {{rpm: 10000000, itpm: 10000000000, otpm: 10000000000, concurrency: {places}}}
tenants:
  - id: bench
    keys: [{{id: load, secret: "env:{key}", priority: conversation}}]
"""

#: As an SDK sends them.
_HEAD = (
    "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip, deflate\r\n"
    "Connection: keep-alive\r\nAccept: application/json\r\nContent-Type: application/json\r\n"
    "User-Agent: OpenAI/Python 1.109.1\r\nX-Stainless-Lang: python\r\nX-Stainless-Package-Version: 1.109.1\r\n"
    "X-Stainless-OS: Linux\r\nX-Stainless-Arch: x64\r\nX-Stainless-Runtime: CPython\r\n"
    "X-Stainless-Runtime-Version: 3.11.7\r\nAuthorization: Bearer {key}\r\nX-Stainless-Async: false\r\n"
    "x-stainless-retry-count: 0\r\nx-stainless-read-timeout: 600\r\nContent-Length: {length}\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Waited:
    """Bytes of the gateway's process, divided by the requests."""

    connection: float
    waiting: float
    """Beside the body."""
    bodies: int


class _Holding(asyncio.Protocol):
    """The provider: one answer to each request, until it is told to keep them all waiting."""

    holds = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._got = bytearray()

    def data_received(self, data: bytes) -> None:
        self._got += data
        end = self._got.find(b"\r\n\r\n")
        if end < 0 or type(self).holds:
            return
        at = self._got.find(b"content-length: ")
        if len(self._got) >= end + 4 + int(self._got[at + 16 : self._got.index(b"\r\n", at)]):
            self._got.clear()
            self._transport.write(JSON_ANSWERS["openai"])


class _Caller(asyncio.Protocol):
    """One connection; `answered` is set whenever something comes."""

    def __init__(self) -> None:
        self.answered = asyncio.Event()
        self.got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.got = data[:200]
        self.answered.set()

    def connection_lost(self, _exc: Exception | None) -> None:
        self.got = self.got or b"closed"
        self.answered.set()


async def _measure(gateway: Peer, upstream_port: int, request: bytes, count: int, body: int) -> Waited:
    loop = asyncio.get_running_loop()
    _Holding.holds = False
    server = await loop.create_server(_Holding, "127.0.0.1", upstream_port)
    callers: list[_Caller] = []
    door = asyncio.Semaphore(_AT_A_TIME)

    def resident() -> int:
        return largest_own(gateway.pid).rss

    async def connect() -> None:
        async with door:
            _, caller = await loop.create_connection(_Caller, "127.0.0.1", gateway.port)
            callers.append(caller)
            caller.transport.write(request)
            await caller.answered.wait()
            if not caller.got.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"no answer: {caller.got!r}")
            caller.got = b""
            caller.answered.clear()

    async def settled(done: Callable[[], bool]) -> int:
        until = time.monotonic() + _WAIT_S
        before, now = -1, resident()
        while before != now or not done():
            if time.monotonic() > until:
                raise RuntimeError("the gateway did not come to rest")
            await asyncio.sleep(_SETTLE_S)
            before, now = now, resident()
        return now

    async with server:
        await asyncio.gather(*(connect() for _ in range(200)))
        none = await settled(lambda: True)
        await asyncio.gather(*(connect() for _ in range(count)))
        idle = await settled(lambda: True)
        _Holding.holds = True
        for at in range(0, count, _AT_A_TIME):
            for caller in callers[200 + at : 200 + at + _AT_A_TIME]:
                caller.transport.write(request)
            await asyncio.sleep(_GAP_S)
        full = await settled(lambda: True)
        for caller in callers:
            if caller.got:
                raise RuntimeError(f"somebody does not wait: {caller.got!r}")
            caller.transport.abort()
    return Waited((idle - none) / count, (full - idle) / count - body, body * count)


def waiting_memory(count: int, *, body_bytes: int = BODY_BYTES, stream: bool = False) -> Waited:
    """Start a gateway, fill its line, and read what that took."""
    allow_many_files()
    cores = choose_cores()
    key, port, upstream = "kaze-bench-" + secrets.token_hex(16), free_port(), free_port()
    body = request_body("bench/static", stream=stream, size=body_bytes)
    with tempfile.TemporaryDirectory(prefix="kaze-queue-") as name:
        folder = Path(name)
        (folder / "kaze.yaml").write_text(
            _CONFIG.format(room=4 * count, port=upstream, places=_PLACES, key=_KEY_VARIABLE)
        )
        words = ["serve", "--config", str(folder / "kaze.yaml"), "--port", str(port)]
        words += ["--admin-port", str(free_port()), "--workers", "1", "--data-dir", str(folder / "data")]
        gateway = Peer(
            "gateway",
            python("gateway", *words),
            core=cores.gateway,
            port=port,
            log=folder / "gateway.log",
            ready_path="/readyz",
            environment={
                "BENCH_PROVIDER_KEY": "bench-provider-" + secrets.token_hex(16),
                _KEY_VARIABLE: key,
                "KAZE_ADMIN_KEY": "kaze-bench-" + secrets.token_hex(16),
                "PATH": os.environ.get("PATH", ""),
            },
        )
        request = _HEAD.format(key=key, length=len(body)).encode() + body
        with gateway:
            return asyncio.run(_measure(gateway, upstream, request, count, len(body)))
