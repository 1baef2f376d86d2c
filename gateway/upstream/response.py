"""A reply as it arrives: what the caller of `send` holds until it lets go of the connection.

Body bytes pile up on the connection and are taken out here, several reads joined into one. What arrived before
a failure is handed out first, then the failure is raised: a caller never loses bytes that came, and never takes
a cut reply for a whole one. The holder must end with `release()` (or `abort()`) on every way out.
"""

import asyncio
from typing import Protocol

from gateway.record import Record, field
from gateway.upstream.failures import UpstreamFailure


class Source(Protocol):
    """The connection, as its response uses it."""

    parts: list[bytes]

    def take(self) -> bytes: ...

    def wait(self) -> asyncio.Future[None]: ...

    def extend(self, seconds: float) -> None: ...

    def abandon(self) -> None: ...

    def finish(self) -> None: ...


class Response(Record, eq=False):
    """One exchange on a connection. Only one coroutine may wait on it at a time."""

    _connection: Source | None
    reused: bool
    _rest: bytes = b""
    status: int = 0  # until the head is whole
    #: Names lower-cased, order kept; 1xx and trailers left out.
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    complete: bool = False  # the body ended cleanly: its framing is satisfied
    failure: UpstreamFailure | None = None
    #: When set every read that brought body bytes extends the time limit by this; the SSE relay sets it None
    #: and calls `extend` per data frame, so that pings and drips do not count as progress.
    auto_extend: float | None = None
    connect_s: float = 0.0

    def header(self, name: bytes) -> bytes | None:
        """The first value of `name`, which must be in lower case."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def buffered(self) -> bytes:
        """The body bytes that are here now, taken out; b"" when there are none."""
        connection = self._connection
        if connection is not None:
            return connection.take()
        rest, self._rest = self._rest, b""
        return rest

    async def chunk(self) -> bytes:
        """The next body bytes, as they arrived; b"" once the body ended cleanly."""
        while True:
            connection = self._connection
            if connection is None:
                data = self.buffered()
                if data or self.complete:
                    return data
            elif connection.parts:
                return connection.take()
            elif self.complete:
                return b""
            if self.failure is not None:
                raise self.failure
            if connection is None:
                raise UpstreamFailure("closed", "the response was released", sent=True)
            try:
                await connection.wait()
            except (
                BaseException
            ):  # cancelled: the rest of the body is nobody's, so the connection cannot go on
                self.abort()
                raise

    async def read(self, limit: int) -> bytes:
        """The whole body, `too_large` past `limit`. No task switch when it is already here."""
        if self.complete:
            data = self.buffered()
        else:
            declared = self.header(b"content-length")
            if declared is not None and int(declared) > limit:
                raise self.oversize()
            data = await self._gather(limit)
        if len(data) > limit:
            raise self.oversize()
        return data

    async def _gather(self, limit: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        while piece := await self.chunk():
            parts.append(piece)
            size += len(piece)
            if size > limit:
                raise self.oversize()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def oversize(self) -> UpstreamFailure:
        """What to raise when more comes than is taken in; nothing more of it does."""
        self.abort()
        return UpstreamFailure("too_large", "the reply is larger than allowed", sent=True)

    def extend(self, seconds: float) -> None:
        """The next progress must come within `seconds` from now; never past the end of the whole exchange."""
        if self._connection is not None:
            self._connection.extend(seconds)

    def abort(self) -> None:
        """Close the connection at once and drop what is unread; a pending `chunk` or `read` raises 'closed'."""
        connection = self._connection
        if connection is not None:
            self._connection = None
            connection.abandon()
        self._rest = b""

    def release(self) -> None:
        """Let go, once. After a clean end the connection returns to the pool, otherwise it is closed."""
        connection = self._connection
        if connection is not None:
            self._connection = None
            if self.complete and connection.parts:
                self._rest = connection.take()
            connection.finish()
