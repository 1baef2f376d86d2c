"""The caller's side of an exchange: what has been said to them, and what may still be said.

An answer is a whole reply, a stream of events or a body that is passed on; whichever has begun decides how a
later failure can be told: as a status, as an error frame, or only by breaking the connection.
"""

import asyncio
from collections.abc import Callable
from math import isfinite
from typing import Protocol, TypeVar

from gateway.admission.expected_wait import Forecast
from gateway.dialects.errors import error_body, error_frame, error_head, error_status
from gateway.dialects.openai_stream import ResponsesStream
from gateway.dialects.responses.stream_out import ResponsesWriter
from gateway.errors import CLIENT_CLOSED, SHUTTING_DOWN, GatewayError
from gateway.exchange import Exchange
from gateway.pipeline.reserve import Reservation
from gateway.pipeline.served_by import attempted_by

_EVENTS = (
    b"content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\nx-accel-buffering: no\r\n"
)
#: By dialect. Google's SDKs take a comment for JSON, so that nothing can be said to them (wire reference §1.3).
_KEEP_ALIVES = {
    "openai": b": keep-alive\n\n",
    "anthropic": b'event: ping\ndata: {"type": "ping"}\n\n',
    "gemini": b"",
}
#: How often a caller whose stream waits in line is told where it stands, unless keep-alives are due more often.
_QUEUED_S = 3.0


class Answering(Protocol):
    """What an answer is given through."""

    @property
    def gone(self) -> bool: ...
    @property
    def write_paused(self) -> bool: ...

    def respond(self, status: int, head: bytes, body: bytes) -> None: ...
    def start(self, status: int, head: bytes, first: bytes = b"", end: bool = False) -> None: ...
    def write(self, data: bytes) -> bool: ...
    def finish(self, last: bytes = b"") -> None: ...
    def abort(self) -> None: ...
    async def drain(self) -> None: ...


class Connection(Answering, Protocol):
    """What the server's protocol offers for one exchange (`gateway.api.protocol`)."""

    named: dict[bytes, bytes]
    client: tuple[str, int] | None
    gone: bool
    on_gone: Callable[[], None] | None
    task: "asyncio.Task[None] | None"


_Wrapped = TypeVar("_Wrapped", bound=Answering)


class Caller:
    """One exchange's answer. `events_begun` and `body_begun` say what the caller has already seen."""

    __slots__ = (
        "_beat_s", "_connection", "_exchange", "_forecast", "_loop", "_pulse", "_spoke",
        "body_begun", "events_begun", "finished", "reservation", "responses",
    )  # fmt: skip

    def __init__(self, connection: Connection, exchange: Exchange) -> None:
        self._connection: Answering = connection
        self._exchange = exchange
        self._pulse: asyncio.TimerHandle | None = None
        self._spoke = False  # since the last beat
        self.events_begun = False
        self.body_begun = False
        self.finished = False
        self.reservation: Reservation | None = None  # within the limits of the caller's key, if it has any
        self.responses: ResponsesStream | ResponsesWriter | None = (
            None  # being relayed; how it must fail, should it have to
        )

    def through(self, wrap: Callable[[Answering], _Wrapped]) -> _Wrapped:
        """Answer through what `wrap` makes of the connection from now on."""
        wrapped = wrap(self._connection)
        self._connection = wrapped
        return wrapped

    def expect_events(
        self,
        loop: asyncio.AbstractEventLoop,
        commit_after_s: float,
        keep_alive_s: float,
        forecast: Callable[[str], Forecast | None],
    ) -> None:
        """A stream was asked for: hold the status line back, but not longer than `commit_after_s`.

        From then on a comment is sent before nothing was said for `keep_alive_s`: what is written only leaves a
        mark, and two beats to that time look for it. While it waits in line, the comment tells its `forecast`.
        """
        self._loop, self._beat_s, self._forecast = loop, keep_alive_s / 2, forecast
        self._pulse = loop.call_later(commit_after_s, self._beat)

    def identity(self) -> bytes:
        """The header lines that every answer carries."""
        request_id = self._exchange.request_id.encode()
        lines = b"x-request-id: " + request_id + b"\r\nrequest-id: " + request_id + b"\r\n"
        return lines if self.reservation is None else lines + self.reservation.head()

    def respond(self, status: int, head: bytes, body: bytes) -> None:
        """A whole reply at once."""
        exchange = self._exchange
        exchange.status = status
        self.finished = True
        request_id = exchange.request_id.encode()
        if self.reservation is not None:
            head += self.reservation.answered()
        self._connection.respond(
            status, b"%bx-request-id: %b\r\nrequest-id: %b\r\n" % (head, request_id, request_id), body
        )

    def begin_events(self, head: bytes, first: bytes = b"", end: bool = False) -> bool:
        """Commit to 200 and an event stream, unless that has happened, and send `first` (all of it, if `end`).

        True when the caller's buffer is full.
        """
        self._exchange.relayed_bytes += len(first)
        self._spoke = True
        if self.events_begun:
            if end:
                self._answered()
                self._connection.finish(first)
            elif first:
                self._connection.write(first)
        else:
            self.events_begun = True
            self._exchange.status = 200
            if end:
                self._answered()
            self._connection.start(200, _EVENTS + head + self.identity(), first, end)
        return self._connection.write_paused

    def begin_body(self, status: int, head: bytes) -> None:
        """Begin to pass a body on; `head` holds its content-length, if it is known."""
        self.body_begun = True
        self._exchange.status = status
        self._connection.start(status, head + self.identity())

    def write(self, data: bytes) -> bool:
        """Send on; True when the caller's buffer is full: `drain` before more is written."""
        self._exchange.relayed_bytes += len(data)
        self._spoke = True
        return self._connection.write(data)

    async def drain(self) -> None:
        """Wait until the caller has taken enough, or left."""
        await self._connection.drain()

    def finish(self, last: bytes = b"") -> None:
        """The clean end, after `last`."""
        self._exchange.relayed_bytes += len(last)
        self._answered()
        self.close()
        self._connection.finish(last)

    def fail(self, error: GatewayError) -> None:
        """Tell the caller of `error` in whatever way is still open; nothing, once they have their whole answer.

        Their connection may carry the next request by then.
        """
        if self.finished:
            return
        exchange, connection = self._exchange, self._connection
        exchange.code = error.condition.code or error.condition.name
        exchange.outcome = "client_closed" if error.condition is CLIENT_CLOSED else "error"
        self.close()
        if error.condition is CLIENT_CLOSED or connection.gone:
            exchange.status = CLIENT_CLOSED.status
        elif self.body_begun:
            connection.abort()  # a body that breaks off must not look complete
        elif self.events_begun:
            stream = self.responses
            sequence = stream.sequence if stream is not None else 0
            frame = error_frame(error, exchange.dialect, exchange.endpoint, exchange.request_id, sequence)
            if stream is not None:
                frame += stream.failed_frame(error)
            connection.write(frame)
            connection.finish()
        else:
            head = error_head(error) + attempted_by(exchange)
            if error.condition is SHUTTING_DOWN:
                head += b"connection: close\r\n"
            body = error_body(error, exchange.dialect, exchange.request_id)
            self.respond(error_status(error, exchange.dialect), head, body)

    def close(self) -> None:
        """Stop the keep-alives."""
        if self._pulse is not None:
            self._pulse.cancel()
            self._pulse = None

    def _answered(self) -> None:
        """The whole answer goes out now, and no more can be said."""
        self.finished = True
        if self.reservation is not None:
            self.reservation.answered()

    def _beat(self) -> None:
        """Nothing was said since the last beat: begin, or show that we are still there."""
        if self._connection.gone:
            return
        beat_s = self._beat_s
        if not self._spoke:
            self.begin_events(b"")
            keep_alive = _KEEP_ALIVES[self._exchange.dialect]
            if keep_alive and not self._connection.write_paused:
                place = self._forecast(self._exchange.request_id)
                self._connection.write(keep_alive if place is None else _queued(place))
                if place is not None:
                    beat_s = min(beat_s, _QUEUED_S)
        self._spoke = False
        self._pulse = self._loop.call_later(beat_s, self._beat)


def _queued(place: Forecast) -> bytes:
    """A comment for who waits: requests ahead, and seconds until it goes if anybody can tell."""
    eta = b" eta=%.1fs" % place.wait_s if isfinite(place.wait_s) else b""
    return b": queued pos=%d%b\n\n" % (place.position, eta)
