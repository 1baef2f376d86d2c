"""A caller's connection that remembers the answer going through it, if that is a whole success of bounded size.

The end of the answer is held back until `release`, so that it can be stored before the caller has all of it.
"""

from collections.abc import Callable
from functools import partial

from gateway.pipeline.caller import Answering
from gateway.pipeline.kept_answers import Answer
from gateway.pipeline.wrapping import Wrapping

#: What belongs to one request and not to its answer.
_OWN = frozenset({b"x-request-id", b"request-id", b"content-length", b"server-timing", b"x-gateway-queue-ms"})
_LIMITS = (b"x-ratelimit-", b"anthropic-ratelimit-")
_WARNINGS = b"x-gateway-warnings: "


class AnswerRecorder(Wrapping):
    """`answer` is there once the whole of it went through. With a `warning` the caller is told so beside it."""

    def __init__(self, connection: Answering, bytes_max: int, warning: bytes = b"") -> None:
        super().__init__(connection)
        self._warning = warning
        self._last: Callable[[], None] | None = None  # what is held back
        self._holds = True
        self._left = bytes_max
        self._status = 0
        self._head = b""
        self._parts: list[bytes] = []
        self.answer: Answer | None = None

    def respond(self, status: int, head: bytes, body: bytes) -> None:
        self._begin(status, head, body)
        self._end(partial(self._connection.respond, status, self._warned(status, head), body))

    def start(self, status: int, head: bytes, first: bytes = b"", end: bool = False) -> None:
        self._begin(status, head, first)
        start = partial(self._connection.start, status, self._warned(status, head), first, end)
        if end:
            self._end(start)
        else:
            start()

    def write(self, data: bytes) -> bool:
        self._add(data)
        return self._connection.write(data)

    def finish(self, last: bytes = b"") -> None:
        self._add(last)
        self._end(partial(self._connection.finish, last))

    def release(self) -> None:
        """Nothing is held back any more."""
        self._holds = False
        last, self._last = self._last, None
        if last is not None:
            last()

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

    def _end(self, last: Callable[[], None]) -> None:
        if self._holds:
            self._last = last
        else:
            last()
        if 200 <= self._status < 300 and self._left >= 0:
            self.answer = Answer(self._status, self._head, b"".join(self._parts))

    def _warned(self, status: int, head: bytes) -> bytes:
        if not self._warning or status >= 300:  # an error is kept nowhere
            return head
        if _WARNINGS in head:
            return head.replace(_WARNINGS, _WARNINGS + self._warning + b"; ", 1)
        return head + _WARNINGS + self._warning + b"\r\n"
