"""uvicorn's httptools protocol with the bounds of the contract on sizes, times and framing.

`bounded_protocol(bounds)` makes the class that uvicorn is given as `http=`; its attributes are the bounds in
force (`bounds` may be replaced), the live connections with their counts (`live`), and the ids of bare answers.
Every request's scope holds its `BoundedCycle` as `kaze.connection`.

A connection reads requests until one is refused, asks for the connection to end, or is answered before its
body was read. From then on it is deaf: nothing that still arrives is ever read as a request.
"""

import asyncio
import struct
from socket import IPPROTO_TCP, SO_LINGER, SOL_SOCKET, TCP_NOTSENT_LOWAT
from typing import Any, ClassVar, cast

from uvicorn.protocols.utils import get_local_addr, get_path_with_query_string, get_remote_addr

from gateway.api.bare_reply import bare_body, bare_head, bare_reply
from gateway.api.cycle import BoundedCycle, Message
from gateway.api.flow import FlowControl
from gateway.api.request_reader import PIPELINED, RequestReader
from gateway.api.sweep import LiveConnections, Told
from gateway.errors import OVERLOADED, REQUEST_TIMEOUT, Condition
from gateway.pipeline.request_id import RequestIds
from gateway.settings.snapshot import Bounds

#: After a last answer: how long, and how many more bytes, are taken so that the caller gets to read it.
#: Closing with bytes unread would reset the connection and lose the answer on its way.
_LINGER_S = 1.0
_LINGER_BYTES = 32 * 1024
#: Bytes the kernel takes per connection beyond what it can send; the rest stays where it is counted.
_KERNEL_UNSENT = 32 * 1024


class BoundedProtocol(RequestReader):
    """One connection of a caller."""

    live: ClassVar[LiveConnections]
    ids: ClassVar[RequestIds]
    keep_alive_s: ClassVar[float | None]
    problems: ClassVar[bool]

    __slots__ = (
        "_active", "_default_lines", "_default_of", "_last_words", "_linger_until", "_served", "_stalled_since",
        "_turned_away", "_unsent",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._active: BoundedCycle | None = None  # being answered
        self._served = False
        self._turned_away = False
        self._last_words: bytes | None = None  # refusal that follows the answers still due
        self._linger_until: float | None = None
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
        cap, live = self.bounds.connections, self.live
        self._turned_away = len(self.connections) - live.turned_away >= cap
        self.connections.add(self)
        if self._turned_away:
            live.rejected_connections += 1
            live.turned_away += 1
            if live.turned_away > cap // 8 + 8:  # even saying no must have an end
                self._deaf = True
                transport.abort()
                return
        self.live.join(self)
        self.server = get_local_addr(transport)
        self.client = get_remote_addr(transport)
        # Room is left for the part that is written when there was just room; and thousands may read slowly.
        transport.set_write_buffer_limits(high=self.bounds.stream_buffer_bytes // 16)
        sock = transport.get_extra_info("socket")
        if sock is not None and self.server is not None and self.server[1] is not None:
            sock.setsockopt(IPPROTO_TCP, TCP_NOTSENT_LOWAT, _KERNEL_UNSENT)
        if self._turned_away:
            self.refuse(OVERLOADED, "Too many connections.")

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.discard(self)
        self.live.leave(self)
        if self._turned_away:
            self.live.turned_away -= 1
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

    # ---- requests in, from the reader

    def arrived(
        self, scope: Message, named: dict[bytes, bytes], keep_alive: bool, awaits_continue: bool
    ) -> BoundedCycle:
        cycle = BoundedCycle(self, scope, named, keep_alive, awaits_continue)
        if self._active is None and not self.flow.write_paused:
            cycle.arrived_at = self._since
            self._begin(cycle)
        else:
            self._waiting.append(cycle)
            if len(self._waiting) >= PIPELINED:
                self.flow.pause_reading()
        return cycle

    def _begin(self, cycle: BoundedCycle) -> None:
        assert cycle.scope is not None
        self._active = cycle
        cycle.scope["kaze.connection"] = cycle
        # Not `loop.create_task`: uvloop's passes no name on, and making one up costs as much as making the task.
        task = cycle.task = asyncio.Task(cycle.run_asgi(self.app), loop=self.loop, name="request")
        self.tasks.add(task)

    def ran(self, cycle: BoundedCycle) -> None:
        """The application has returned, whatever became of its answer."""
        assert cycle.task is not None
        self.tasks.discard(cycle.task)

    # ---- answers out

    def default_lines(self) -> bytes:
        """uvicorn's own header lines (date, server), joined again whenever it renews them."""
        default = self.server_state.default_headers
        if default is not self._default_of:
            self._default_of = default
            self._default_lines = b"".join([b"%b: %b\r\n" % pair for pair in default])
        return self._default_lines

    def log_access(self, scope: Message, status: int) -> None:
        """uvicorn's access line; called only where that is switched on."""
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
            if self._held or self.flow.read_paused:
                self._read_on()

    def _next(self) -> None:
        """Begin the request that has waited longest, unless the caller does not read its answers."""
        if self.flow.write_paused:
            return
        cycle = self._waiting.pop(0)
        cycle.arrived_at = self.loop.time()
        self._begin(cycle)
        if len(self._waiting) < PIPELINED // 2:
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
        head = bare_head(condition, self.ids.next(self.loop.time()), problem=self.problems)
        cycle.respond(condition.status, head, bare_body(condition, message, problem=self.problems))

    def refuse(self, condition: Condition, message: str) -> None:
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
        request_id = self.ids.next(self.loop.time())
        self.live.note_refusal(condition, request_id)
        self._last_words = bare_reply(
            condition, message, request_id, self.default_lines(), problem=self.problems
        )
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
        self._spare_bytes = _LINGER_BYTES

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
        elif self.transport.is_closing():
            return
        elif self._linger_until is not None:
            if now > self._linger_until:
                self.transport.close()
        elif self._in_head:
            if now - self._since > self.bounds.header_read_s and not self.flow.read_paused:
                self.refuse(REQUEST_TIMEOUT, "The request's head did not arrive in time.")
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


def bounded_protocol(
    bounds: Bounds, keep_alive_s: float | None = None, told: Told | None = None, *, problems: bool = False
) -> type[BoundedProtocol]:
    """The protocol class for one listener: `uvicorn.Config(http=bounded_protocol(bounds), ws="none")`.

    Idle connections are kept for `keep_alive_s`, or uvicorn's `timeout_keep_alive`. Two listeners should have
    a class each, so that their counts are apart. `told` hears of requests that are refused here, which
    is said by `problems` (RFC 9457) where those are asked for.
    """
    attributes = {
        "__slots__": (),
        "bounds": bounds,
        "live": LiveConnections(bounds, keep_alive_s, told),
        "ids": RequestIds(),
        "keep_alive_s": keep_alive_s,
        "problems": problems,
    }
    return type("BoundedProtocol", (BoundedProtocol,), attributes)
