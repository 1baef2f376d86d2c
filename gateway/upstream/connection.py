"""One HTTP/1.1 connection to a provider: the parser, the state, and the one timer.

A provider is untrusted input: framing is strict (httptools in its strict mode, and what it leaves open is
closed here), every size and time has a bound, and only a connection whose last response ended cleanly, with
nothing after it, is used again. When the provider goes away the response in flight gets an `UpstreamFailure`;
an idle connection just leaves its pool.

Hot path (about 16 us an exchange): one write, one future a wait, no task, and one timer handle that stays armed
from exchange to exchange and looks at a deadline attribute when it fires.
"""

import asyncio
import select
from collections.abc import Callable
from typing import Protocol, cast

import httptools

from gateway.settings.snapshot import Bounds
from gateway.upstream.deadline import Deadline
from gateway.upstream.failures import Kind, UpstreamFailure
from gateway.upstream.framing import RefusedError, check_interim, check_size, ends_with_connection
from gateway.upstream.response import Response
from gateway.upstream.states import (
    BODY,
    BUSY,
    CLOSED,
    COMPLETE,
    CONNECTING,
    IDLE,
    LEGAL,
    SENDING,
    WAITING_HEAD,
    State,
)
from gateway.upstream.tls import said_goodbye

#: Above this a copy to join head and body costs more than a second buffer in the same write.
_JOIN_MAX = 64 * 1024


#: The most that one read takes.
READ_BYTES = 16 * 1024


class Owner(Protocol):
    """The pool, as its connections use it."""

    def give_back(self, connection: "Connection") -> None: ...

    def gone(self, connection: "Connection") -> None: ...


class Connection(Deadline, asyncio.BufferedProtocol):
    """See `states` for its life. Its pool is told when it is free and when it is gone.

    Reads go into `room`, which connections of one loop share since each read is parsed at once. Small reads and a
    pause after the first that nobody took keep what thousands of slow readers hold small.
    """

    __slots__ = (
        "_bodyless",
        "_eof_ends",
        "_fields",
        "_head_max",
        "_held",
        "_held_max",
        "_informational",
        "_owner",
        "_parser",
        "_paused",
        "_poll",
        "_response",
        "_room",
        "_seen",
        "_transport",
        "_unsent",
        "_waiter",
        "_write_paused",
        "exchanges",
        "idle_since",
        "on_body",
        "parts",
        "state",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, owner: Owner, bounds: Bounds, room: memoryview | None = None
    ) -> None:
        super().__init__(loop)
        self._room = memoryview(bytearray(READ_BYTES)) if room is None else room
        self._owner = owner
        self._head_max = bounds.reply_header_bytes
        self._held_max = bounds.stream_buffer_bytes // 32
        self.state: State = CONNECTING
        self.exchanges = 0
        self.idle_since = 0.0
        self._transport: asyncio.Transport | None = None
        self._poll: Callable[[int], list[tuple[int, int]]] | None = None
        self._response: Response | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._fields: list[
            tuple[bytes, bytes]
        ] = []  # the response's headers; after its head, trailers for nobody
        self.parts: list[bytes] = []  # body bytes not yet taken
        self._held = 0  # upper bound of their size
        self._seen = 0  # head bytes so far; then framing bytes since the last body byte
        self._informational = 0
        self._bodyless = False  # HEAD
        self._eof_ends = False  # the body has no length: FIN is its end
        self._unsent = False  # pieces of the request body are still to come
        self._paused = False
        self._write_paused = False
        self.on_body: Callable[[bytes], None] = self.parts.append  # the parser calls the list itself
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)

    # ---- what the pool and `send` do with it

    def ready(self) -> None:
        """The transport is ours, through proxy and TLS: exchanges may begin."""
        self._move(IDLE)

    def usable(self) -> bool:
        """Still idle and healthy. One `poll` of the socket sees what the event loop has not read yet: a FIN, or
        bytes that would be taken for the answer to the next request."""
        transport, poll = self._transport, self._poll
        if self.state is not IDLE or transport is None or transport.is_closing():
            return False
        return poll is None or not poll(0)

    def begin(self, head: bytes, body: bytes | None, first_byte_s: float, exchange_s: float) -> Response:
        """Write `head` (and `body`, unless None: pieces follow by `push`) and start the time limits."""
        transport = self._transport
        assert transport is not None
        response = self._response = Response(self, self.exchanges > 0)
        self._fields = response.headers
        self.exchanges += 1
        self._bodyless = head.startswith(b"HEAD ")
        self._eof_ends = False
        self._unsent = body is None
        self._seen = self._informational = 0
        self.start(first_byte_s, exchange_s)
        if body is None:
            self._move(SENDING)
            transport.write(head)
        else:
            assert self.state is IDLE
            self.state = WAITING_HEAD
            if len(body) > _JOIN_MAX:
                transport.writelines((head, body))
            else:
                transport.write(head + body)
        return response

    async def push(self, piece: bytes) -> bool:
        """Write a piece of the request body under back-pressure; False when no more should be sent."""
        if self.state is SENDING and self._transport is not None:
            self._transport.write(piece)
            while self._write_paused and self.state is SENDING:
                await self.wait()
        return self.state is SENDING

    def pushed_all(self) -> None:
        self._unsent = False
        if self.state is SENDING:
            self._move(WAITING_HEAD)

    def wait(self) -> asyncio.Future[None]:
        """Done at the next event: a head, body bytes, the end, a failure, room to write."""
        assert self._waiter is None or self._waiter.done(), "two coroutines wait on one response"
        waiter = self._waiter = self._loop.create_future()
        return waiter

    def take(self) -> bytes:
        """Buffered body bytes, joined; reading resumes if it was paused."""
        parts = self.parts
        count = len(parts)
        if not count:
            return b""
        data = parts[0] if count == 1 else b"".join(parts)
        parts.clear()
        self._held = 0
        if self._paused:
            self._paused = False
            if self.state is not CLOSED and self._transport is not None:
                self.resume()  # the pause was ours, not the provider's
                self._transport.resume_reading()
        return data

    def finish(self) -> None:
        """The holder let go: back to the pool after a clean end, closed otherwise."""
        transport = self._transport
        if self.state is not COMPLETE or transport is None:
            self._fail("closed", "released before its end")
        elif self._unsent or transport.get_write_buffer_size():
            self._drop()  # the reply came before the request was out
        else:
            self.state = IDLE
            self._response = None
            self.idle_since = self._time()
            self._owner.give_back(self)

    def abandon(self) -> None:
        """The holder has no more use for the reply."""
        self.parts.clear()
        self._fail("closed", "aborted")

    def discard(self) -> None:
        """Close, whatever it is doing."""
        self._fail("closed", "the connection was closed")

    # ---- time

    def _limit(self) -> float | None:
        if self.state not in BUSY:
            return None
        return self._end if self._paused else self._deadline

    def _overdue(self, whole: bool) -> None:
        if whole:
            self._fail("exchange_timeout", "the exchange took too long")
        else:
            self._fail("timeout", "the provider made no progress in time")

    # ---- what the transport reports

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # cast: uvloop's transports are no asyncio.Transport by inheritance
        self._transport = cast(asyncio.Transport, transport)
        socket = transport.get_extra_info("socket")
        if socket is not None:
            poller = select.poll()
            poller.register(socket.fileno(), select.POLLIN)
            self._poll = poller.poll

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 (the room is as large as reads shall be)
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(self._room[:nbytes])

    def data_received(self, data: bytes | memoryview) -> None:
        parser = self._parser
        if self.state not in BUSY or parser is None:
            self._drop()  # nothing was asked: whatever this is, the next exchange must not meet it
            return
        parts = self.parts
        count = len(parts)
        self._seen += len(data)
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._unparsable(error)
        if len(parts) != count:
            self._seen = 0
            self._held += len(data)
            if self.state is BODY:
                self._body_arrived()
        elif self._seen > self._head_max and self.state in BUSY:
            self._fail("garbage", "a header block, trailer or chunk extension over the limit")
        if self._waiter is not None and self.state is not WAITING_HEAD and self.state is not SENDING:
            self._wake()

    def _body_arrived(self) -> None:
        response = self._response
        if response is not None and response.auto_extend is not None:
            self.extend(response.auto_extend)
        if self._held > self._held_max and not self._paused and self._transport is not None:
            self._paused = True
            self.suspend()
            self._transport.pause_reading()

    def _unparsable(self, error: Exception) -> None:
        if self.state is COMPLETE:
            self._drop()  # bytes after the end: the response itself is fine
            return
        reason = error.__context__ if isinstance(error.__context__, RefusedError) else error
        self._fail("garbage", str(reason)[:120] if reason.args else "not HTTP/1.1")

    def eof_received(self) -> None:
        """The provider says no more. That ends a body without length only if it is its own word."""
        transport = self._transport
        if (
            self.state is BODY
            and self._eof_ends
            and transport is not None
            and said_goodbye(transport.get_extra_info("ssl_object"))
        ):
            self._completed()
            self._wake()
            self._drop()
        else:
            self._ended(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended(exc)
        self._transport = None

    def _ended(self, exc: Exception | None) -> None:
        state = self.state
        if state not in BUSY:
            self._drop()
        elif state is not BODY and self._seen == 0 and self._informational == 0:
            self._fail("reset", "the connection ended before any byte of a reply", unanswered=True)
        elif exc is not None:
            self._fail("reset", "the connection broke in the middle of a reply")
        else:
            self._fail("incomplete", "the reply ended before its framing said so")

    def pause_writing(self) -> None:
        self._write_paused = True

    def resume_writing(self) -> None:
        self._write_paused = False
        if self.state is SENDING:
            self._wake()

    # ---- what the parser reports (`on_body` is an attribute)

    def on_message_begin(self) -> None:
        if self.state is COMPLETE:
            raise RefusedError("bytes after the end of the response")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        parser, response = self._parser, self._response
        assert parser is not None and response is not None
        status = parser.get_status_code()
        if not 200 <= status <= 599:
            self._informational += 1
            check_interim(status, self._informational)
            return
        if self._seen > self._head_max:
            check_size(response.headers, self._head_max)
        self._eof_ends = ends_with_connection(status, response.headers, parser)
        response.status = status
        self._fields = []
        self._seen = 0
        assert BODY in LEGAL[self.state]
        self.state = BODY
        if self._bodyless:
            self._completed()
            raise RefusedError("the parser would wait for a body")

    def on_message_complete(self) -> None:
        response, parser = self._response, self._parser
        assert response is not None and parser is not None
        if not response.status:
            response.headers.clear()  # a 1xx
            return
        assert self.state is BODY
        self.state = COMPLETE
        response.complete = True
        if not parser.should_keep_alive():
            raise RefusedError("not kept alive")

    # ---- ends

    def _completed(self) -> None:
        self._move(COMPLETE)
        response = self._response
        assert response is not None
        response.complete = True

    def _fail(self, kind: Kind, message: str, *, unanswered: bool = False) -> None:
        response = self._response
        if response is not None and not response.complete and response.failure is None:
            response.failure = UpstreamFailure(kind, message, sent=True, unanswered=unanswered)
        self._drop()
        self._wake()

    def _drop(self) -> None:
        """Close for good, by abort: what is unsent is not wanted and no answer is waited for."""
        if self.state is CLOSED:
            return
        self._move(CLOSED)
        self._disarm()
        self._parser = self._poll = None  # the parser holds our methods: a cycle
        if self._transport is not None:
            self._transport.abort()
        self._owner.gone(self)

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def _move(self, to: State) -> None:
        assert to in LEGAL[self.state], f"{self.state.name} -> {to.name}"
        self.state = to
