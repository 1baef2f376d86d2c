"""Keeps a provider beside the gateway, the scripted one or that of the local models, always at the same port.

While it is away requests fail as with any provider that does not answer; it is started again within two
seconds.
"""

import asyncio
import logging
import socket
from collections.abc import Collection

from gateway.clock import Clock
from gateway.serving.backoff import Backoff
from gateway.serving.child import Child
from gateway.serving.refusal import StartError
from local_models.weights import NotInstalledError, require_installed
from storage.background import end_tasks

_START_S = 20.0
_STOP_S = 2.0
_READY_BYTES_MAX = 256
#: What people call them, by the provider's id.
_WORDS = {"sim": "the scripted provider", "local": "the provider of the local models"}

log = logging.getLogger(__name__)


def refuse_missing(companions: Collection[str]) -> None:
    """Raises StartError where one of them needs what is not installed."""
    if "local" in companions:
        try:
            require_installed()
        except NotInstalledError as error:
            raise StartError(f"with_local: {error}") from error


class ProviderBeside:
    """The provider `id`, started by `start`, kept by a task until `stop`."""

    def __init__(self, id: str, clock: Clock) -> None:
        self.id = id
        self._words = _WORDS[id]
        self._clock = clock
        self._child: Child | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._port = 0

    async def start(self) -> str:
        """The OpenAI base URL, once it listens; raises StartError when it does not come up."""
        try:
            async with asyncio.timeout(_START_S):
                self._child = child = await self._spawn()
        except (OSError, TimeoutError) as error:
            raise StartError(f"{self._words} did not start; its own words are above") from error
        self._keeper = asyncio.create_task(self._keep(child), name=self.id)
        return f"http://127.0.0.1:{self._port}/v1"

    async def stop(self) -> None:
        await end_tasks(self._keeper)
        if self._child is not None:
            await self._child.stop(_STOP_S)

    async def _spawn(self) -> Child:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            arguments = [self.id, "--port", str(self._port), "--ready-fd", str(theirs.fileno())]
            child = await Child.start("gateway.serving.companion", arguments, [theirs.fileno()], silent=True)
            theirs.close()
            try:
                line = await asyncio.get_running_loop().sock_recv(ours, _READY_BYTES_MAX)
                self._port = int(line.decode().strip().rpartition(":")[2])
            except (OSError, ValueError) as error:
                await child.stop(_STOP_S)
                raise ChildProcessError("ended before it was ready") from error
            except asyncio.CancelledError:
                child.kill()
                raise
        return child

    async def _keep(self, child: Child) -> None:
        backoff = Backoff()
        began = self._clock.monotonic()
        while True:
            if child.alive:
                status = await child.wait()
                log.error("%s ended with status %d; starting another", self._words, status)
            await asyncio.sleep(backoff.after(self._clock.monotonic() - began))
            began = self._clock.monotonic()
            try:
                async with asyncio.timeout(_START_S):
                    child = self._child = await self._spawn()
            except (OSError, TimeoutError) as error:
                log.error("%s did not start: %s", self._words, error)
