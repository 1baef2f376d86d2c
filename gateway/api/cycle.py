"""One request and its answer on a connection: `scope["kaze.connection"]`.

Takes the place of uvicorn's `RequestResponseCycle`. The gateway answers through plain calls (`respond`, or
`start`, `write`, `finish`) with header lines it has already made; Starlette goes through ASGI's `send`.
Header lines end in CRLF and names are lower case. One that holds `content-length` sets how the body is
framed; `connection: close` ends the connection after this answer.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from gateway.api.flow import FlowControl
from gateway.errors import INTERNAL, SHUTTING_DOWN, Condition

Message = MutableMapping[str, Any]
App = Callable[[Any, Any, Any], Awaitable[None]]

#: What header lines may consist of, besides the CRLF at the end of each.
_PLAIN = bytes(byte for byte in range(256) if byte == 0x09 or (byte >= 0x20 and byte != 0x7F))
_LENGTH = re.compile(rb"(?:^|\n)content-length: *([0-9]+)\r\n").search
_CHUNKED = re.compile(rb"(?:^|\n)transfer-encoding: *chunked\r\n", re.IGNORECASE).search
_CLOSE = re.compile(rb"(?:^|\n)connection: *close\r\n", re.IGNORECASE).search
_BODILESS = frozenset({204, 304})

logger = logging.getLogger("uvicorn.error")


class Line(Protocol):
    """What a cycle needs of its connection."""

    transport: asyncio.Transport
    flow: FlowControl
    loop: asyncio.AbstractEventLoop
    client: tuple[str, int] | None
    access_log: bool

    def default_lines(self) -> bytes: ...
    def answered(self, cycle: "BoundedCycle") -> None: ...
    def ran(self, cycle: "BoundedCycle") -> None: ...
    def answer_bare(self, cycle: "BoundedCycle", condition: Condition, message: str) -> None: ...
    def log_access(self, scope: Message, status: int) -> None: ...
    def cut(self) -> None: ...


class BoundedCycle:
    """State of one exchange. `gone` says that the caller has left before the answer was complete."""

    __slots__ = (
        "_chunked",
        "_end_told",
        "_head_only",
        "_left",
        "_line",
        "_version",
        "arrived_at",
        "awaits_continue",
        "body",
        "body_timed_out",
        "gone",
        "keep_alive",
        "more_body",
        "named",
        "on_gone",
        "response_complete",
        "response_started",
        "scope",
        "task",
        "waiter",
        "waiting_since",
    )  # fmt: skip

    def __init__(
        self,
        line: Line,
        scope: Message,
        named: dict[bytes, bytes],
        keep_alive: bool,
        awaits_continue: bool,
    ) -> None:
        self._line = line
        self.scope: Message | None = scope
        self.named = named  # the headers as a mapping; the last of equal names wins
        self.keep_alive = keep_alive
        self.awaits_continue = awaits_continue
        self._head_only: bool = scope["method"] == "HEAD"
        self._version: str = scope["http_version"]
        #: Called once, at once, when the caller leaves before the answer is complete.
        self.on_gone: Callable[[], None] | None = None
        self.task: asyncio.Task[None] | None = None  # that answers
        self.gone = False
        self.body_timed_out = False
        self.arrived_at = 0.0
        self.waiting_since: float | None = None
        self.body: bytes | bytearray = b""  # the first piece as it came: mostly there is no other
        self.more_body = True
        self._end_told = False
        self.waiter: asyncio.Future[None] | None = None
        self.response_started = False
        self.response_complete = False
        self._chunked = False
        self._left: int | None = None  # what content-length still promises

    @property
    def client(self) -> tuple[str, int] | None:
        """Where the connection comes from."""
        return self._line.client

    @property
    def write_paused(self) -> bool:
        """Whether the caller's buffer is full: `drain` before more is written."""
        return self._line.flow.write_paused

    async def drain(self) -> None:
        """Return when there is room again, or the caller has left."""
        if not self.gone:
            await self._line.flow.drain()

    # ---- answers, by plain calls

    def respond(self, status: int, head: bytes, body: bytes) -> None:
        """A complete answer in one write. Does nothing if the caller has left."""
        if self.gone:
            return
        if status in _BODILESS:
            body, length = b"", b""
        else:
            length = b"content-length: %d\r\n" % len(body)
        lines = self._begin(status, head, length)
        if self._head_only:
            body = b""
        self._line.transport.write(lines + body)
        self._complete()

    def start(self, status: int, head: bytes, first: bytes = b"", end: bool = False) -> None:
        """Begin an answer of which more follows: chunked, unless `head` holds its content-length.

        `first` goes out in the same write, and so does the end of the answer if that is all: a write is a call of
        the kernel, and streams have few of them to give away.

        A caller of HTTP/1.0 gets the body unframed, to the end of the connection.
        """
        if self.gone:
            return
        framing = b""
        found = _LENGTH(head) if head.find(b"content-length:") >= 0 else None
        if self._head_only or status in _BODILESS:
            self._head_only = True
        elif found is not None:
            self._left = int(found[1])
        elif self._version == "1.0":
            self.keep_alive = False
        else:
            self._chunked = True
            if head.find(b"transfer-encoding:") < 0 or _CHUNKED(head) is None:
                framing = b"transfer-encoding: chunked\r\n"
        lines = self._begin(status, head, framing)
        if not self._chunked:
            self._line.transport.write(lines)
            self.write(first)
            if end:
                self.finish()
            return
        self._line.transport.write(lines + _framed(first, end))
        if end:
            self._complete()

    def write(self, data: bytes) -> bool:
        """Send a part of the body; whether the caller's buffer is full now: `drain` before more is written."""
        line = self._line
        if self.gone or not data or self._head_only:
            return line.flow.write_paused
        if not self.response_started or self.response_complete:
            raise RuntimeError("A body part outside an answer.")
        if self._chunked:
            line.transport.write(b"%x\r\n%b\r\n" % (len(data), data))
            return line.flow.write_paused
        if self._left is not None:
            if len(data) > self._left:
                self.abort()
                raise RuntimeError("Response content longer than Content-Length")
            self._left -= len(data)
        line.transport.write(data)
        return line.flow.write_paused

    def finish(self, last: bytes = b"") -> None:
        """The clean end of an answer that `start` began, after `last`."""
        if self.gone:
            return
        if last and not self._chunked:
            self.write(last)
        if not self.response_started or self.response_complete:
            raise RuntimeError("The end of an answer that is not under way.")
        if self._left:
            self.abort()
            raise RuntimeError("Response content shorter than Content-Length")
        if self._chunked:
            self._line.transport.write(_framed(last, True))
        self._complete()

    def abort(self) -> None:
        """Reset the connection at once: what was sent must not look finished.

        Whoever calls this is not told by `on_gone` what they did themselves.
        """
        self.on_gone = None
        self._line.cut()

    def _begin(self, status: int, head: bytes, framing: bytes) -> bytes:
        """Status line and headers, with what keep-alive asks for."""
        if self.response_started:
            raise RuntimeError("The answer has already begun.")
        self.response_started = True
        self.awaits_continue = False
        line = self._line
        closing = b"\r\n"
        if head.find(b"connection:") >= 0 and _CLOSE(head) is not None:
            self.keep_alive = False
        elif self.more_body or not self.keep_alive:
            # A body that is not wanted is not read either, so there can be no next request.
            self.keep_alive = False
            closing = b"connection: close\r\n\r\n"
        if line.access_log and self.scope is not None:
            line.log_access(self.scope, status)
        return STATUS_LINE[status] + line.default_lines() + head + framing + closing

    def _complete(self) -> None:
        self.response_complete = True
        self.on_gone = None
        if self.waiter is not None:
            self.wake()
        self._line.answered(self)

    # ---- what the connection tells

    def wake(self) -> None:
        """Something `receive` waits for has happened."""
        waiter = self.waiter
        if waiter is not None:
            self.waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def lose(self) -> None:
        """The caller has left. Tells the exchange, unless it is over."""
        if self.gone or self.response_complete:
            return
        self.gone = True
        self.wake()
        on_gone, self.on_gone = self.on_gone, None
        if on_gone is not None:
            try:
                on_gone()
            except Exception:
                logger.exception("The exchange could not be told that its caller has left.")

    def time_out_body(self) -> None:
        """The body comes too slowly: `receive` ends and `body_timed_out` says why."""
        self.body_timed_out = True
        self.wake()

    # ---- ASGI

    async def run_asgi(self, app: App) -> None:
        """Run the application; whatever it does, the caller gets an answer or a broken connection."""
        try:
            answer = app(self.scope, self.receive, self.send)
            if not self._line.access_log:
                self.scope = None  # it holds the head, and waiting may be long
            await answer
            if not self.response_complete and not self.gone:
                logger.error("ASGI callable returned without completing response.")
                self._fail(INTERNAL, "The request could not be answered.")
        except asyncio.CancelledError:
            self._fail(SHUTTING_DOWN, "The gateway is shutting down.")
            raise
        except Exception:
            logger.exception("Exception in ASGI application\n")
            self._fail(INTERNAL, "The request could not be answered.")
        finally:
            self.on_gone = None
            self._line.ran(self)
            # The scope holds this object: without this every request would be left to the cycle collector.
            self.scope = None

    def _fail(self, condition: Condition, message: str) -> None:
        if self.gone or self.response_complete:
            return
        if self.response_started:
            self.abort()
        else:
            self._line.answer_bare(self, condition, message)

    def body_now(self) -> bytes | None:
        """The whole request body, if all of it has arrived; None when it must be awaited with `receive`."""
        if self.more_body or self._end_told or self.gone or self.body_timed_out:
            return None
        self._end_told = True
        body, self.body = bytes(self.body), b""
        return body

    async def receive(self) -> Message:
        """The body as it comes; `http.disconnect` once there is nobody to answer, or it comes too slowly."""
        line = self._line
        if self.awaits_continue and self.more_body and not self.gone:
            self.awaits_continue = False
            line.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not (self.gone or self.response_complete or self.body_timed_out):
            if self.body or not (self.more_body or self._end_told):
                body, self.body = bytes(self.body), b""
                self._end_told = not self.more_body
                return {"type": "http.request", "body": body, "more_body": self.more_body}
            if self.more_body:
                line.flow.resume_reading()
                self.waiting_since = line.loop.time()
            self.waiter = line.loop.create_future()
            try:
                await self.waiter
            finally:
                self.waiting_since = None
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """ASGI's way to answer, for Starlette; header lines are checked, unlike those of `respond`."""
        if self._line.flow.write_paused:
            await self.drain()
        if self.gone:
            return
        kind = message["type"]
        if self.response_complete:
            raise RuntimeError(f"Unexpected ASGI message '{kind}' sent, after response already completed.")
        if not self.response_started:
            if kind != "http.response.start":
                raise RuntimeError(f"Expected ASGI message 'http.response.start', but got '{kind}'.")
            lines = [b"%b: %b\r\n" % (name.lower(), value) for name, value in message.get("headers", ())]
            head = b"".join(lines)
            if head.translate(None, _PLAIN) != b"\r\n" * len(lines):
                raise RuntimeError("Invalid HTTP header.")
            self.start(message["status"], head)
            return
        if kind != "http.response.body":
            raise RuntimeError(f"Expected ASGI message 'http.response.body', but got '{kind}'.")
        self.write(message.get("body", b""))
        if not message.get("more_body", False):
            self.finish()


def _framed(data: bytes, end: bool) -> bytes:
    """`data` as a chunk (none when empty), and the last chunk after it."""
    chunk = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
    return chunk + b"0\r\n\r\n" if end else chunk
