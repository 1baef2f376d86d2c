"""Who presents an admin key: the one that the gateway is started with, or one of the database.

Those of the database are kept in memory and read again every two seconds while somebody asks. With the database
away who was known stays known; of others nobody can tell (503, never 401).
"""

import asyncio
import hmac
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from gateway.api.rest.answer import away
from gateway.api.rest.principal import ROOT, Principal
from keys.digest import KeyDigest, Peppers
from keys.secret import Secret
from storage.database import EVERY_TENANT, REFUSED, Database, DatabaseAwayError, DatabaseBusyError
from storage.key_digests import Anchored, write_admin_digest

#: How soon a revoked key is refused by a process that did not revoke it.
_STALE_S = 2.0
KEYS_MAX = 1000
_PRESENTED_MAX = 512


@dataclass(frozen=True, slots=True)
class _Known:
    principal: Principal
    expires_at: datetime | None


class AdminKeys:
    """Without a database there is only the root key. `anchored` keeps the new heads of the audit trail."""

    def __init__(
        self,
        root: Secret | None,
        database: Database | None,
        peppers: Peppers,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        anchored: Anchored,
    ) -> None:
        self._root = root
        self._database = database
        self._peppers = peppers
        self._now = now
        self._monotonic = monotonic
        self._anchored = anchored
        self._known: Mapping[bytes, _Known] | None = None
        #: When what is known began to be read, and when it was last known to have changed.
        self._read_at = self._changed_at = -math.inf
        self._reading = asyncio.Lock()

    async def principal(self, presented: bytes) -> Principal | None:
        """Whose key it is; None for nobody's. Raises a Problem while that cannot be told."""
        if not presented or len(presented) > _PRESENTED_MAX:
            return None
        if self._root is not None and hmac.compare_digest(presented, self._root.reveal().encode()):
            return ROOT
        if self._database is None:
            return None
        readable = await self._refresh(self._database)
        current, *former = self._peppers.digests(presented.decode("latin-1"))
        for made in (current, *former):
            found = (self._known or {}).get(made.value)
            if found is not None and (found.expires_at is None or self._now() < found.expires_at):
                if made is not current:
                    await self._write_anew(self._database, made, current)
                return found.principal
        if not readable:
            raise away("The database is away, and with it who may use this API.")
        return None

    def forget(self) -> None:
        """They were changed here, and that is committed: what is being read now may be from before."""
        self._changed_at = self._monotonic()

    async def _write_anew(self, database: Database, former: KeyDigest, current: KeyDigest) -> None:
        """Who presents it makes it possible to know it by the present pepper; when not now, the next time."""
        with suppress(DatabaseAwayError, DatabaseBusyError, REFUSED):
            await write_admin_digest(
                database, former.value, current.value, current.version, self._now(), self._anchored
            )
            self.forget()

    async def _refresh(self, database: Database) -> bool:
        """False when they could not be read."""
        async with self._reading:
            began = self._monotonic()
            if self._read_at > self._changed_at and began - self._read_at < _STALE_S:
                return True
            try:
                async with database.admin.transaction(EVERY_TENANT, readonly=True) as connection:
                    rows = await connection.fetch(
                        "SELECT id, role, kind, digest, expires_at FROM admin_keys"
                        " WHERE revoked_at IS NULL ORDER BY id LIMIT $1",
                        KEYS_MAX,
                    )
            except (DatabaseAwayError, DatabaseBusyError):
                return False
            self._known = {
                row["digest"]: _Known(Principal(row["id"], row["role"], row["kind"]), row["expires_at"])
                for row in rows
            }
            self._read_at = began
            return True
