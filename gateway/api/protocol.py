"""uvicorn's httptools protocol with the bounds of the contract on sizes, times and framing.

`bounded_protocol(bounds)` makes the class that uvicorn is given as `http=`; its attributes are the bounds in
force (`bounds` may be replaced), the live connections with their counts (`live`), and the ids of bare answers.
Every request's scope holds its `BoundedCycle` as `kaze.connection`.

A connection reads requests until one is refused, asks for the connection to end, or is answered before its
body was read. From then on it is deaf: nothing that still arrives is ever read as a request.
"""

import struct
from collections import deque
from socket import IPPROTO_TCP, SO_LINGER, SOL_SOCKET
from typing import Any, ClassVar, cast
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import get_local_addr, get_path_with_query_string, get_remote_addr, is_ssl

from gateway.api.bare_reply import bare_body, bare_head, bare_reply
from gateway.api.cycle import BoundedCycle, Message
from gateway.api.request_head import (
    HeadError,
    Headers,
    check_head,
    check_size,
    check_unfinished,
    check_url,
    known_method,
    refusal_of_garbage,
    without_upgrade,
)
from gateway.api.sweep import LiveConnections
from gateway.errors import BAD_FRAMING, OVERLOADED, REQUEST_TIMEOUT, Condition
from gateway.pipeline.request_id import RequestIds
from gateway.settings.snapshot import Bounds

#: How much is parsed before the queue of requests is looked at again.
_SLICE = 8 * 1024
#: How many requests may wait behind the one being answered.
_PIPELINED = 16
#: Chunk extensions and sizes that may arrive without a byte of body.
_DRY_BYTES = 16 * 1024
#: After a last answer: how long, and how many more bytes, are taken so that the caller gets to read it.
#: Closing with bytes unread would reset the connection and lose the answer on its way.
_LINGER_S = 1.0
_LINGER_BYTES = 32 * 1024
#: Bytes the kernel takes per connection beyond what it can send; the rest stays where it is counted.
_KERNEL_UNSENT = 32 * 1024
_TCP_NOTSENT_LOWAT = 25
_EMPTY_LINES = 16


class BoundedProtocol(HttpToolsProtocol):
    """One connection of a caller."""

    bounds: ClassVar[Bounds]
    live: ClassVar[LiveConnections]
    ids: ClassVar[RequestIds]
    keep_alive_s: ClassVar[float | None]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._active: BoundedCycle | None = None  # being answered
        self._waiting: deque[BoundedCycle] = deque()  # read, and behind it
        self._taking: BoundedCycle | None = None  # whose body is being read
        self._in_head = False
        self._since = 0.0  # first byte of this head, or last answer, or accept
        self._served = False
        self._head_bytes = 0
        self._dry_bytes = 0
        self._held = b""  # arrived, not to be parsed before the queue is shorter
        self._deaf = False
        self._refusal: HeadError | None = None
        self._last_words: bytes | None = None  # refusal that follows the answers still due
        self._linger_until: float | None = None
        self._linger_bytes = _LINGER_BYTES
        self._unsent = 0
        self._stalled_since = 0.0
        self._default_of: list[tuple[bytes, bytes]] = []
        self._default_lines = b""
        if self.keep_alive_s is not None:
            self.timeout_keep_alive = cast(int, self.keep_alive_s)

    # ---- connection

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.flow = FlowControl(transport)
        self._since = self._stalled_since = self.loop.time()
        cap = self.bounds.connections
        if len(self.connections) >= cap + cap // 8 + 8:  # even saying no must have an end
            self.live.rejected_connections += 1
            self._deaf = True
            transport.abort()
            return
        self.connections.add(self)
        self.live.join(self)
        self.server = get_local_addr(transport)
        self.client = get_remote_addr(transport)
        self.scheme = "https" if is_ssl(transport) else "http"
        # Half for what waits, half for the part that is written when there was just room.
        transport.set_write_buffer_limits(high=self.bounds.stream_buffer_bytes // 2)
        sock = transport.get_extra_info("socket")
        if sock is not None and self.server is not None and self.server[1] is not None:
            sock.setsockopt(IPPROTO_TCP, _TCP_NOTSENT_LOWAT, _KERNEL_UNSENT)
        if len(self.connections) > cap:
            self.live.rejected_connections += 1
            self._refuse(OVERLOADED, "Too many connections.")

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.discard(self)
        self.live.leave(self)
        self._leave()
        if self.flow is not None:
            self.flow.resume_writing()
        self.parser = None  # type: ignore[assignment]
        self._taking = None
        if exc is None:
            self.transport.close()

    def eof_received(self) -> None:
        if self._active is not None or self._waiting:
            # The caller has left: what it has not read is of no use, and the exchange ends now.
            self._deaf = True
            self._leave()
            self.transport.abort()

    def _leave(self) -> None:
        """Tell every unfinished exchange that its caller is gone."""
        cycles = [*self._waiting] if self._active is None else [self._active, *self._waiting]
        self._active = None
        self._waiting.clear()
        for cycle in cycles:
            cycle.lose()

    def cut(self) -> None:
        """Reset the connection, so that an answer that ends with the connection cannot look finished."""
        self._deaf = True
        if not self.transport.is_closing():
            sock = self.transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()
        self._leave()

    def shutdown(self) -> None:
        """Graceful stop: idle connections close, others with their present answer."""
        if self._active is None:
            self.transport.close()
        else:
            self._active.keep_alive = False
            self._deaf = self._deaf or self._taking is None
            self._waiting.clear()

    # ---- bytes in

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            self._discard(len(data))
        elif self._held or len(data) > _SLICE:
            self._feed_slices(self._held + data)
        else:
            self._feed(data)

    def _feed_slices(self, data: bytes) -> None:
        """Parse until enough requests wait, so that one packet cannot queue thousands."""
        self._held = b""
        for at in range(0, len(data), _SLICE):
            if self._deaf:
                self._discard(len(data) - at)
                return
            if len(self._waiting) >= _PIPELINED:
                self._held = data[at:]
                self.flow.pause_reading()
                return
            self._feed(data[at : at + _SLICE])

    def _feed(self, data: bytes) -> None:
        at_start = False
        if self._taking is None:
            at_start = self._head_bytes == 0
            self._head_bytes += len(data)
        else:
            self._dry_bytes += len(data)
        try:
            self.parser.feed_data(data)
            if self._head_bytes:
                self._check_unfinished()
            elif self._dry_bytes > _DRY_BYTES:
                raise HeadError(BAD_FRAMING, "Too much framing around too little body.")
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except HeadError as refusal:
            self._refuse(refusal.condition, refusal.message)
        except httptools.HttpParserError:
            if self._deaf and self._refusal is None:
                return  # a request after the last one
            reason, self._refusal = self._refusal or refusal_of_garbage(data, at_start=at_start), None
            self._refuse(reason.condition, reason.message)

    def _check_unfinished(self) -> None:
        if self._in_head:
            check_unfinished(self._head_bytes, self.url, self.headers, self.bounds)
        elif self._head_bytes > _EMPTY_LINES:
            raise HeadError(BAD_FRAMING, "Empty lines in place of a request.")

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Parse the head again as a plain request.

        httptools takes what follows such a head for the new protocol, though the body still comes first.
        """
        method = self.parser.get_method()
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._feed(without_upgrade(method, self.url, self.headers) + rest)

    def _discard(self, count: int) -> None:
        """Take bytes that nobody will look at; not without end."""
        if self._linger_until is not None:
            self._linger_bytes -= count
            if self._linger_bytes < 0:
                self.flow.pause_reading()

    # ---- parser callbacks. What they raise stops the parser; the reason is kept beside it.

    def on_message_begin(self) -> None:
        if self._deaf:
            raise HeadError(BAD_FRAMING, "After the last request.")
        self._in_head = True
        self._since = self.loop.time()
        self.url = b""
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            self._refusal = HeadError(BAD_FRAMING, "Trailers are not accepted.")
            raise self._refusal
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        try:
            self._accept_head()
        except HeadError as refusal:
            self._refusal = refusal
            raise

    def _accept_head(self) -> None:
        parser, headers, url = self.parser, self.headers, self.url
        bounds = self.bounds
        arrived, self._head_bytes = self._head_bytes, 0
        self._in_head = False
        # The count may lack what came in one slice with the request before.
        if len(headers) > bounds.header_count or arrived + _SLICE > bounds.header_bytes:
            check_size(headers, bounds)
        check_url(url, bounds)
        method = known_method(parser.get_method())
        version = parser.get_http_version()
        awaits_continue = check_head(version, url, headers)
        if parser.should_upgrade():
            return  # comes again without that wish
        keep_alive = version == "1.1" and parser.should_keep_alive()
        cycle = BoundedCycle(self, self._scope(method, version, url, headers), keep_alive, awaits_continue)
        cycle.arrived_at = self._since
        self._taking = cycle
        if self._active is None and not self.flow.write_paused:
            self._begin(cycle)
        else:
            self._waiting.append(cycle)
            if len(self._waiting) >= _PIPELINED:
                self.flow.pause_reading()

    def _scope(self, method: str, version: str, url: bytes, headers: Headers) -> Message:
        raw_path, _, query = url.partition(b"?")
        path = raw_path.decode("ascii")
        if "%" in path:
            path = unquote(path)
        return {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": self.root_path,
            "headers": headers,
            "state": self.app_state.copy(),
            "method": method,
            "path": self.root_path + path,
            "raw_path": self.root_path.encode("ascii") + raw_path if self.root_path else raw_path,
            "query_string": query,
        }

    def _begin(self, cycle: BoundedCycle) -> None:
        assert cycle.scope is not None
        self._active = cycle
        cycle.scope["kaze.connection"] = cycle
        self._start_asgi_task(cast(Any, cycle), self.app)

    def on_body(self, body: bytes) -> None:
        cycle = self._taking
        if cycle is None:
            return
        self._dry_bytes = 0
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.wake()

    def on_message_complete(self) -> None:
        cycle = self._taking
        if cycle is None:
            return
        cycle.more_body = False
        self._taking = None
        self._dry_bytes = 0
        if not cycle.keep_alive:
            self._deaf = True
        if self.flow.read_paused and len(self._waiting) < _PIPELINED:
            self.flow.resume_reading()  # to notice when the caller leaves
        cycle.wake()

    # ---- answers out

    def default_lines(self) -> bytes:
        """uvicorn's own header lines (date, server), joined again whenever it renews them."""
        default = self.server_state.default_headers
        if default is not self._default_of:
            self._default_of = default
            self._default_lines = b"".join([b"%b: %b\r\n" % pair for pair in default])
        return self._default_lines

    def log_access(self, scope: Message, status: int) -> None:
        """uvicorn's access line, where that is switched on."""
        if self.access_log:
            path = get_path_with_query_string(cast(Any, scope))
            peer = f"{self.client[0]}:{self.client[1]}" if self.client else ""
            line = '%s - "%s %s HTTP/%s" %d'
            self.access_logger.info(line, peer, scope["method"], path, scope["http_version"], status)

    def answered(self, cycle: BoundedCycle) -> None:
        """`cycle`'s answer is complete: go on with the next request, or part."""
        self.server_state.total_requests += 1
        self._active = None
        self._served = True
        if self.transport.is_closing():
            return
        if cycle.more_body:
            self._part()
        elif not cycle.keep_alive:
            self._deaf = True
            self._waiting.clear()
            self.transport.close()
        elif self._waiting:
            self._next()
        elif self._last_words is not None:
            self._say_last_words()
        else:
            if not self._in_head:
                self._since = self.loop.time()
            self._read_on()

    def _next(self) -> None:
        """Begin the request that has waited longest, unless the caller does not read its answers."""
        if self.flow.write_paused:
            return
        self._begin(self._waiting.popleft())
        if len(self._waiting) < _PIPELINED // 2:
            self._read_on()

    def _read_on(self) -> None:
        if self.flow.read_paused:
            self._since = self.loop.time()
            self.flow.resume_reading()
        if self._held:
            held, self._held = self._held, b""
            self._feed_slices(held)

    def answer_bare(self, cycle: BoundedCycle, condition: Condition, message: str) -> None:
        """Answer for an application that did not, and end the connection."""
        cycle.keep_alive = False
        head = bare_head(condition, self.ids.next(self.loop.time()))
        cycle.respond(condition.status, head, bare_body(condition, message))

    def _refuse(self, condition: Condition, message: str) -> None:
        """Say no to what is being read, after the answers still due, and hear nothing more."""
        self._deaf = True
        self._in_head = False
        self._held = b""
        taking, self._taking = self._taking, None
        if taking is not None:  # its body cannot be told from what follows
            if taking is self._active:
                if taking.response_started:
                    self.cut()
                    return
                self._active = None
            else:
                self._waiting.remove(taking)
            taking.lose()
        self.live.refused[condition.name] += 1
        request_id = self.ids.next(self.loop.time())
        self._last_words = bare_reply(condition, message, request_id, self.default_lines())
        if self._active is None and not self._waiting:
            self._say_last_words()

    def _say_last_words(self) -> None:
        assert self._last_words is not None
        self.transport.write(self._last_words)
        self._last_words = None
        self._part()

    def _part(self) -> None:
        """End the connection while bytes of the caller may still be on their way."""
        self._deaf = True
        self._taking = None
        self._held = b""
        if not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write_eof()
        self.flow.resume_reading()
        self._linger_until = self.loop.time() + _LINGER_S

    # ---- back-pressure and time

    def resume_writing(self) -> None:
        self.flow.resume_writing()
        self._stalled_since = self.loop.time()
        if self._active is None and self._waiting:
            self._next()

    def swept(self, now: float) -> None:
        """End what has lasted too long."""
        if self._is_stalled(now):
            self.live.stalled_connections += 1
            self.cut()
        elif self._linger_until is not None:
            if now > self._linger_until:
                self.transport.close()
        elif self._in_head:
            if now - self._since > self.bounds.header_read_s and not self.flow.read_paused:
                self._refuse(REQUEST_TIMEOUT, "The request's head did not arrive in time.")
        elif self._active is not None:
            self._sweep_body(self._active, now)
        elif not self._waiting:
            patience = self.timeout_keep_alive if self._served else self.bounds.header_read_s
            if now - self._since > patience:
                self.transport.close()

    def _sweep_body(self, cycle: BoundedCycle, now: float) -> None:
        waiting_since = cycle.waiting_since
        if waiting_since is not None and (
            now - waiting_since > self.bounds.body_gap_s or now - cycle.arrived_at > self.bounds.body_read_s
        ):
            cycle.time_out_body()

    def _is_stalled(self, now: float) -> bool:
        """Whether the caller has taken nothing of what waits for it, for too long."""
        unsent = self.transport.get_write_buffer_size()
        before, self._unsent = self._unsent, unsent
        if unsent == 0 or unsent < before:
            self._stalled_since = now
            return False
        return now - self._stalled_since > self.bounds.client_stall_s


def bounded_protocol(bounds: Bounds, keep_alive_s: float | None = None) -> type[BoundedProtocol]:
    """The protocol class for one listener: `uvicorn.Config(http=bounded_protocol(bounds), ws="none")`.

    Idle connections are kept for `keep_alive_s`, or uvicorn's `timeout_keep_alive`. Two listeners should have
    a class each, so that their counts are apart.
    """
    attributes = {
        "bounds": bounds,
        "live": LiveConnections(bounds, keep_alive_s),
        "ids": RequestIds(),
        "keep_alive_s": keep_alive_s,
    }
    return type("BoundedProtocol", (BoundedProtocol,), attributes)
