"""A caller: takes an answer in memory, may leave at any moment, and may do so at a chosen await of its exchange."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any


class CallerEnd:
    """As `gateway.pipeline.caller.Connection`: reads at once, and counts how often it was answered."""

    def __init__(self, named: dict[bytes, bytes]) -> None:
        self.named = named
        self.gone = False
        self.write_paused = False
        self.on_gone: Callable[[], None] | None = None
        self.task: asyncio.Task[None] | None = None
        self.status = 0
        self.head = b""
        self.ends = 0

    def leave(self) -> None:
        """The connection is lost."""
        self.gone = True
        if self.on_gone is not None:
            self.on_gone()

    def respond(self, status: int, head: bytes, body: bytes) -> None:
        self.status, self.head = status, head
        self.ends += 1

    def start(self, status: int, head: bytes, first: bytes = b"", end: bool = False) -> None:
        self.status, self.head = status, head
        self.ends += end

    def write(self, data: bytes) -> bool:
        return False

    def finish(self, last: bytes = b"") -> None:
        self.ends += 1

    def abort(self) -> None:
        self.ends += 1

    async def drain(self) -> None:
        pass


class EndingAt:
    """Awaits `work`, and calls `end` at its n-th suspension: in that turn, or when what it awaited is just there.

    The second is the harder one: what the exchange waited for has been given to it, and it will never see it.
    """

    def __init__(self, work: Awaitable[None], number: int, when_over: bool, end: Callable[[], None]) -> None:
        self._work, self._left, self._when_over, self._end = work, number, when_over, end

    def __await__(self) -> Generator[Any, Any, None]:
        steps = self._work.__await__()
        try:
            waited_for = next(steps)
            while True:
                self._left -= 1
                if self._left == 0:
                    self._arrange(waited_for)
                try:
                    sent = yield waited_for
                except BaseException as error:
                    waited_for = steps.throw(error)
                else:
                    waited_for = steps.send(sent)
        except StopIteration:
            return

    def _arrange(self, waited_for: Any) -> None:
        if self._when_over and asyncio.isfuture(waited_for):
            waited_for.add_done_callback(lambda _: self._end())
        else:
            asyncio.get_running_loop().call_soon(self._end)
