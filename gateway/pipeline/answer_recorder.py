"""A caller's connection that remembers the answer going through it, if that is a whole success of bounded size."""

from gateway.pipeline.caller import Answering
from gateway.pipeline.kept_answers import Answer

#: What belongs to one request and not to its answer.
_OWN = frozenset({b"x-request-id", b"request-id", b"content-length", b"server-timing", b"x-gateway-queue-ms"})
_LIMITS = (b"x-ratelimit-", b"anthropic-ratelimit-")


class AnswerRecorder:
    """`answer` is there once the whole of it went through."""

    def __init__(self, connection: Answering, bytes_max: int) -> None:
        self._connection = connection
        self._left = bytes_max
        self._status = 0
        self._head = b""
        self._parts: list[bytes] = []
        self.answer: Answer | None = None

    @property
    def gone(self) -> bool:
        return self._connection.gone

    @property
    def write_paused(self) -> bool:
        return self._connection.write_paused

    async def drain(self) -> None:
        await self._connection.drain()

    def respond(self, status: int, head: bytes, body: bytes) -> None:
        self._connection.respond(status, head, body)
        self._begin(status, head, body)
        self._end()

    def start(self, status: int, head: bytes, first: bytes = b"", end: bool = False) -> None:
        self._connection.start(status, head, first, end)
        self._begin(status, head, first)
        if end:
            self._end()

    def write(self, data: bytes) -> bool:
        self._add(data)
        return self._connection.write(data)

    def finish(self, last: bytes = b"") -> None:
        self._connection.finish(last)
        self._add(last)
        self._end()

    def abort(self) -> None:
        self._connection.abort()

    def _begin(self, status: int, head: bytes, first: bytes) -> None:
        self._status = status
        lines = head.split(b"\r\n")[:-1]
        self._head = b"".join(
            line + b"\r\n"
            for line in lines
            if line.partition(b":")[0] not in _OWN and not line.startswith(_LIMITS)
        )
        self._add(first)

    def _add(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left >= 0:
            self._parts.append(data)
        else:
            self._parts.clear()  # it will not be kept, so it need not be held

    def _end(self) -> None:
        if 200 <= self._status < 300 and self._left >= 0:
            self.answer = Answer(self._status, self._head, b"".join(self._parts))
