"""Hearing of changes: the number that the database gives the configuration, told soon after it changed.

By a notice over a connection of its own, and by looking now and then, as a notice can be lost while that connection
is being made anew and none gets through a transaction pooler. When the database is away the last number stays.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from storage.background import end_tasks
from storage.connection import Connection
from storage.database import REFUSED, Database, DatabaseAwayError, DatabaseBusyError, connected

CHANNEL = "kaze_generation"
#: How soon a change is known without a notice.
LOOK_S = 1.0
_RETRY_S = 1.0
_CHECK_S = 5.0

log = logging.getLogger(__name__)


class GenerationWatch:
    """Calls `changed` with each number that is new, once and in order; the first is the one at the start."""

    def __init__(
        self, database: Database, dsn: str, changed: Callable[[int], None], look_s: float = LOOK_S
    ) -> None:
        self._database = database
        self._dsn = dsn
        self._changed = changed
        self._look_s = look_s
        self._known = 0
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Looks and listens until `close`; `database` must outlive it."""
        self._tasks = [
            asyncio.create_task(self._look_on(), name="generation-look"),
            asyncio.create_task(self._listen_on(), name="generation-notices"),
        ]

    async def close(self) -> None:
        await end_tasks(*self._tasks)

    def _tell(self, number: int) -> None:
        if number > self._known:
            self._known = number
            self._changed(number)

    async def look(self) -> bool:
        """One look at the number: whether it could be seen. A database in which it is not (yet) has none."""
        with suppress(DatabaseAwayError, DatabaseBusyError, REFUSED):
            async with self._database.reads.transaction(readonly=True) as connection:
                self._tell(await connection.fetchval("SELECT number FROM generation"))
                return True
        return False

    async def _look_on(self) -> None:
        await self._database.answering()  # one look before that would be in vain, and the next a second later
        while True:
            await self.look()
            await asyncio.sleep(self._look_s)

    async def _listen_on(self) -> None:
        while True:
            try:
                async with connected(self._dsn) as connection:
                    await connection.add_listener(CHANNEL, self._heard)
                    await self.look()  # what was told before anyone listened
                    while not connection.is_closed():
                        await asyncio.sleep(_CHECK_S)
                        await connection.execute("SELECT 1", timeout=_CHECK_S)
            except Exception as error:  # whatever it is: looking goes on meanwhile
                log.debug("not listening for changes: %s", error)
            await asyncio.sleep(_RETRY_S)

    def _heard(self, _: Connection, __: int, ___: str, told: str) -> None:
        if told.isdecimal():
            self._tell(int(told))
