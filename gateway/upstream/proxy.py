"""The way through an egress proxy: one CONNECT, and the tunnel is the provider's own connection.

Only a proxy that the provider's configuration names is used; the environment's proxy variables are not read. A
proxy that is away, slow, refuses, or says anything beyond its answer is a failure to connect: the request's
bytes, and the provider's key with them, never reach the proxy in clear unless the provider itself is `http`.
"""

import asyncio
import base64
from typing import cast

from gateway.settings.snapshot import Origin
from gateway.upstream.failures import UpstreamFailure
from keys.secret import Secret

_ANSWER_MAX = 16 * 1024


class Tunnel(asyncio.Protocol):
    """Speaks on the proxy's transport until the tunnel stands; the connection's protocol replaces it."""

    __slots__ = ("_answer", "opened", "transport")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.opened: asyncio.Future[None] = loop.create_future()
        self.transport: asyncio.Transport | None = None
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # cast: uvloop's transports are no asyncio.Transport by inheritance
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, end, beyond = self._answer.partition(b"\r\n\r\n")
        if not end:
            if len(self._answer) > _ANSWER_MAX:
                self._refuse("the egress proxy's answer is too long")
            return
        version, _, status = head.partition(b"\r\n")[0].partition(b" ")
        if version not in (b"HTTP/1.1", b"HTTP/1.0"):
            self._refuse("the egress proxy does not speak HTTP")
        elif not (status[:3].isdigit() and status[:1] == b"2" and status[3:4] in (b"", b" ")):
            self._refuse("the egress proxy refused the tunnel")
        elif beyond:
            self._refuse("the egress proxy sent bytes of its own into the tunnel")
        elif not self.opened.done():
            self.opened.set_result(None)
            if self.transport is not None:
                self.transport.pause_reading()  # what follows is for the next protocol

    def eof_received(self) -> None:
        self._refuse("the egress proxy closed the connection")

    def connection_lost(self, _exc: Exception | None) -> None:
        self._refuse("the egress proxy closed the connection")

    def _refuse(self, message: str) -> None:
        if not self.opened.done():
            self.opened.set_exception(UpstreamFailure("connect", message, sent=False))
            self.opened.exception()  # it may be that nobody waits any more


def connect_request(origin: Origin, auth: Secret | None) -> bytes:
    """The CONNECT head for a tunnel to `origin`. `auth` is "user:password"."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    authority = f"{host}:{origin.port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if auth is not None:
        token = base64.b64encode(auth.reveal().encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {token}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
