"""When tenant keys were last used, written to the database at most once a minute; and with that, of those that were
presented and are known under the pepper before, the digests under the present one.

While it is away they are remembered, as many as there are keys, and written when it is back.
"""

import asyncio
import logging
from datetime import datetime, timedelta
from operator import itemgetter

from gateway.clock import Clock
from gateway.settings.snapshot import TenantKey
from storage.background import end_tasks
from storage.database import REFUSED, Database, DatabaseAwayError, DatabaseBusyError
from storage.key_digests import Anchored, write_digests
from storage.key_use import write_key_use

_EVERY_S = 60.0

log = logging.getLogger("gateway")


class KeyUse:
    """`used` (with the moment, in monotonic seconds) and `outdated` (digests, with what is to be in their place)
    are added to by whoever lets a key in.

    `pepper_version` is the present pepper's; `anchored` keeps the new heads of the audit trail.
    """

    def __init__(
        self, database: Database | None, clock: Clock, pepper_version: str, anchored: Anchored
    ) -> None:
        self.used: dict[TenantKey, float] = {}
        self.outdated: dict[bytes, bytes] = {}
        self._pepper_version = pepper_version
        self._anchored = anchored
        self._database = database
        self._clock = clock
        self._writer: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._writer = asyncio.create_task(self._write_on(), name="key-use")

    async def close(self) -> None:
        """The last ones are written, if that goes at once."""
        if self._writer is not None:
            await end_tasks(self._writer)
            await self.write()

    async def write(self) -> None:
        """Write down what was used since the last time."""
        await self._write_digests()
        used, began = dict(self.used), self._clock.utc() - timedelta(seconds=self._clock.monotonic())
        self.used.clear()
        stored: dict[tuple[str, str], datetime] = {}
        for key, at in sorted(used.items(), key=itemgetter(1)):  # one that changed meanwhile is there twice
            if key.stored:
                stored[key.tenant.id, key.id] = began + timedelta(seconds=at)
        if self._database is None or not stored:
            return
        try:
            await write_key_use(self._database, stored)
        except (DatabaseAwayError, DatabaseBusyError, REFUSED) as error:
            log.debug("the use of keys is written later: %s", error)
            for key, at in used.items():
                self.used.setdefault(key, at)

    async def _write_digests(self) -> None:
        outdated = dict(self.outdated)
        if self._database is None or not outdated:
            return
        try:
            await write_digests(
                self._database, outdated, self._pepper_version, self._clock.utc(), self._anchored
            )
        except (DatabaseAwayError, DatabaseBusyError, REFUSED) as error:
            log.debug("digests are written anew later: %s", error)
            return
        for digest in outdated:
            del self.outdated[digest]

    async def _write_on(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_S)
            await self.write()
