"""How much of a tenant's responses is kept: past the bound the oldest are deleted, so that none fills the database.

A tenant's rows are added up when this worker has written a part of the bound for it, and at its first ones after a
start: the database holds more by that part for each worker at most.
"""

import asyncio
import logging
from collections.abc import Iterable

from storage import stored_responses as rows
from storage.database import EVERY_TENANT, REFUSED, Database, DatabaseAwayError, DatabaseBusyError
from storage.stored_responses import ROW_BYTES, Stored

_PART = 16
_RETRY_S = 1.0

log = logging.getLogger("gateway")


class ResponseRoom:
    """One worker's part of it; `bytes_max` is a tenant's."""

    __slots__ = ("_bytes_max", "_database", "_due", "_left", "_wake")

    def __init__(self, database: Database, bytes_max: int) -> None:
        self._database = database
        self._bytes_max = bytes_max
        self._left: dict[str, int] = {}  # bytes by tenant, until its rows are added up again
        self._due: set[str] = set()
        self._wake = asyncio.Event()

    def wrote(self, responses: Iterable[Stored]) -> None:
        for one in responses:
            left = self._left.get(one.tenant, 0) - one.size - ROW_BYTES
            if left < 0:
                left = self._bytes_max // _PART
                self._due.add(one.tenant)
                self._wake.set()
            self._left[one.tenant] = left

    async def run(self) -> None:
        """Deletes on, until it is cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if not await self.trim():
                self._wake.set()
                await asyncio.sleep(_RETRY_S)

    async def trim(self) -> bool:
        """Whether all is as it should be."""
        try:
            while self._due:
                tenant = next(iter(self._due))
                async with self._database.flushes.transaction(EVERY_TENANT) as connection:
                    gone = await rows.trim(connection, tenant, self._bytes_max)
                self._due.discard(tenant)
                if gone:
                    log.info(
                        "%d of the oldest responses of tenant %s are deleted: %d bytes of them are kept",
                        gone,
                        tenant,
                        self._bytes_max,
                    )
        except (DatabaseAwayError, DatabaseBusyError, REFUSED) as error:
            log.debug("the oldest responses are deleted later: %s", error)
            return False
        return True
