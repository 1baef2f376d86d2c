"""A worker's place in the supervisor: whoever dies in it is replaced within two seconds.

Replacement never stops, only slows down; a worker that cannot even start leaves its words on stderr.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from gateway.clock import Clock
from gateway.serving.backoff import Backoff
from gateway.serving.child import Child

log = logging.getLogger(__name__)


class Seat:
    """Keeps one worker alive from `keep` until `close`.

    `life` names the process of the moment; `state` is starting, serving or gone.
    """

    def __init__(
        self,
        number: int,
        socket: Path,
        arguments: list[str],
        data_fd: int,
        clock: Clock,
        ended: Callable[[str], None],
    ) -> None:
        self.number = number
        self.socket = socket
        self.state = "starting"
        self.lives = 0
        self.first_ready = asyncio.Event()
        self._arguments = arguments
        self._data_fd = data_fd
        self._clock = clock
        self._ended = ended
        self._child: Child | None = None
        self._leaving = False
        self._keeper: asyncio.Task[None] | None = None

    @property
    def life(self) -> str:
        return f"{self.number}.{self.lives}"

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None and self._child.alive else None

    def keep(self) -> None:
        self._keeper = asyncio.create_task(self._keep(), name=f"seat-{self.number}")

    def terminate(self) -> None:
        """No more replacements; the worker drains."""
        self._leaving = True
        if self._child is not None and self._child.alive:
            self._child.terminate()
        elif self._keeper is not None:
            self._keeper.cancel()

    def hang_up(self) -> None:
        """The worker reads its configuration file again."""
        if self._child is not None and self.state == "serving":
            self._child.hang_up()

    def kill(self) -> None:
        self._leaving = True
        if self._child is not None:
            self._child.kill()

    async def empty(self) -> None:
        """Return when the worker has ended; after `terminate`."""
        if self._keeper is not None:
            await asyncio.gather(self._keeper, return_exceptions=True)

    async def _keep(self) -> None:
        backoff = Backoff()
        while True:
            began = self._clock.monotonic()
            self.lives += 1
            self.state = "starting"
            try:
                status = await self._live()
            except OSError as error:
                status = error.errno or 1
                log.error("worker %d could not be started: %s", self.number, error.strerror)
            self.state = "gone"
            self._ended(self.life)
            if self._leaving:
                return
            pause_s = backoff.after(self._clock.monotonic() - began)
            log.error("worker %d ended with status %d; another in %.2f s", self.number, status, pause_s)
            await asyncio.sleep(pause_s)

    async def _live(self) -> int:
        """One worker from its start to its end; its exit status."""
        child = self._child = await Child.start(
            "gateway.serving.worker", [str(self.number), *self._arguments], [self._data_fd]
        )
        if self._leaving:
            child.terminate()
        if await child.ready():
            self.state = "serving"
            self.first_ready.set()
            log.info("worker %d serves as process %d", self.number, child.pid)
        return await child.wait()
