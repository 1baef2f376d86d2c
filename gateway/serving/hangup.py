"""SIGHUP asks a daemon to read its configuration again. Its handler cannot wait for that: a task does.

Another one that comes meanwhile is carried out as well, as the file may have changed once more.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable

from storage.background import end_tasks


class Hangups:
    """Each has `reload` run, until this is closed."""

    def __init__(self, reload: Callable[[], Awaitable[None]]) -> None:
        self._reload = reload
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._receive)

    def _receive(self) -> None:
        if self._closed:
            return
        task = asyncio.create_task(self._run(), name="reload")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self) -> None:
        await self._reload()

    async def close(self) -> None:
        """No more; what is under way is given up."""
        self._closed = True  # the handler stays: without one the signal would end the process
        await end_tasks(*self._tasks)
