"""PostgreSQL for the rest of the product: three small pools, one door to each, limits on every statement.

When the database is away, or not yet there, every transaction fails at once with `DatabaseAwayError`, `degraded`
says why, and a task looks for it with back-off; nothing has to be restarted. A commit that was cut off may or may
not have happened: whoever gets `DatabaseAwayError` from a transaction must be able to repeat it.

The tenant is set inside the transaction, so that poolers which hand out a server connection for each transaction
(PgBouncer) neither lose nor leak it; with `prepared_statements=False` so is all else that connections would keep.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg  # type: ignore[import-untyped]

from storage.background import end_tasks
from storage.connection import Connection

#: In the place of a tenant: rows of all of them, for what serves no single one (snapshot, flush, admin lists).
EVERY_TENANT = "*"
_CONNECT_S = 3.0
_ACQUIRE_S = 5.0
_CLOSE_S = 5.0
#: A connection that answers neither in time nor that its statement was cancelled is given up.
_CLIENT_MARGIN_S = 2.0
_BACKOFF_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0)

#: The session ends, or cannot begin: the server shuts down, recovers, is full, or the connection broke.
_AWAY = (
    asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError,
    # Of a connection that was cut in the middle of something, or told of the server's end before it asks anything.
    asyncpg.InternalClientError,
)  # fmt: skip
_FAILED = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
_LATE = (
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
#: Codes, or classes of them, by which a server that answers says that it cannot now: it is read-only (a standby
#: after a switch), two transactions collided, a disk or its memory is full, a file cannot be read or written.
_UNABLE = ("25006", "40", "53", "58")

#: What is wrong with a database before anybody tried to reach it.
NOT_CONNECTED = "not connected yet"
#: What `connected` raises when the database cannot be reached now, and when it is reached and says no.
UNREACHED = (*_AWAY, asyncpg.InterfaceError, OSError)
REFUSED = asyncpg.PostgresError
#: Of the latter: the role may not do this.
FORBIDDEN = asyncpg.InsufficientPrivilegeError

log = logging.getLogger(__name__)


class DatabaseAwayError(Exception):
    """It cannot be reached now; what a transaction did is unknown if it was committing."""


class DatabaseBusyError(Exception):
    """It answers, but not within the limits: no free connection, a lock that is held, a statement too slow.

    Or it says that it cannot do this now, as it is read-only or its disk is full.
    """


@dataclass(frozen=True, slots=True)
class Lane:
    """A pool of its own for one kind of work, so that none waits behind another, and its patience."""

    name: str
    connections: int
    statement_s: float
    lock_s: float
    idle_in_transaction_s: float

    def settings(self) -> dict[str, str]:
        """As PostgreSQL names and writes them."""
        return {
            "statement_timeout": f"{round(self.statement_s * 1000)}ms",
            "lock_timeout": f"{round(self.lock_s * 1000)}ms",
            "idle_in_transaction_session_timeout": f"{round(self.idle_in_transaction_s * 1000)}ms",
        }


READS = Lane("reads", 3, statement_s=2.0, lock_s=0.5, idle_in_transaction_s=5.0)
FLUSHES = Lane("flushes", 2, statement_s=15.0, lock_s=5.0, idle_in_transaction_s=10.0)
ADMIN = Lane("admin", 3, statement_s=15.0, lock_s=5.0, idle_in_transaction_s=15.0)
#: What one `Database` opens at most, its own probe included.
CONNECTIONS_MAX = READS.connections + FLUSHES.connections + ADMIN.connections + 1


class Reach:
    """Whether the database can be reached, as those know who tried last."""

    def __init__(self) -> None:
        #: Why it is not to be used now; None when it is.
        self.degraded: str | None = NOT_CONNECTED
        self.there = asyncio.Event()
        #: Set when someone has to look for it.
        self.doubted = asyncio.Event()

    def fall(self, reason: str) -> None:
        if self.degraded is None:
            log.warning("the database is away: %s", reason)
        self.degraded = reason
        self.there.clear()
        self.doubted.set()

    def rise(self) -> None:
        self.degraded = None
        self.there.set()


class Pool:
    """One lane of a database; `transaction` is the only way to it."""

    def __init__(self, dsn: str, lane: Lane, prepared_statements: bool, reach: Reach) -> None:
        self._dsn = dsn
        self._lane = lane
        self._prepared_statements = prepared_statements
        self._reach = reach
        self._pool: Any = None
        self._set = _set_statement(lane, {} if prepared_statements else lane.settings())

    @asynccontextmanager
    async def transaction(
        self, tenant: str | None = None, *, isolation: str = "read_committed", readonly: bool = False
    ) -> AsyncIterator[Connection]:
        """A transaction that sees the rows of `tenant`; without one, none that belong to a tenant.

        Raises DatabaseAwayError and DatabaseBusyError; what the body raises otherwise passes as it is. Whoever is
        cancelled ends as that, whatever the connection that is rolled back meanwhile comes to.
        """
        pool, cancellations = self._pool, _cancellations()
        if self._reach.degraded is not None:
            raise DatabaseAwayError(self._reach.degraded)
        connection = await self._acquire(pool)
        try:
            async with connection.transaction(isolation=isolation, readonly=readonly):
                await connection.execute(self._set, tenant or "")
                yield connection
        except _FAILED as error:
            said = self._translated(error, _is_closed(connection))
            if _cancellations() > cancellations:
                raise asyncio.CancelledError from error
            if said is None:
                raise
            raise said from error
        finally:
            with suppress(*_FAILED):
                await pool.release(connection, timeout=_CLOSE_S)

    async def _acquire(self, pool: Any) -> Any:
        try:
            return await pool.acquire(timeout=_ACQUIRE_S)
        except TimeoutError as error:
            if pool.get_size() == pool.get_max_size() and not pool.get_idle_size():
                raise DatabaseBusyError(f"no free connection for {self._lane.name}") from error
            raise self._away("it does not answer") from error
        except _FAILED as error:
            raise self._away(str(error)) from error

    def _translated(self, error: Exception, closed: bool) -> Exception | None:
        if isinstance(error, _AWAY) or (closed and not isinstance(error, _LATE)):
            return self._away(str(error))
        if isinstance(error, _LATE) or (getattr(error, "sqlstate", None) or "").startswith(_UNABLE):
            return DatabaseBusyError(f"{self._lane.name}: {error}")
        if isinstance(error, TimeoutError):
            # Nothing came back even after the server's own limit: it, or the way to it, may stand still.
            self._reach.doubted.set()
            return DatabaseBusyError(f"{self._lane.name}: a statement got no answer")
        return None

    def _away(self, reason: str) -> DatabaseAwayError:
        self._reach.fall(reason)
        return DatabaseAwayError(reason)

    async def open(self) -> None:
        """Connects nothing yet."""
        lane, options = self._lane, connect_options(self._dsn)
        if self._prepared_statements:
            options["server_settings"] = lane.settings()
        else:
            options |= {"statement_cache_size": 0, "reset": _keep_as_it_is}
        self._pool = await asyncpg.create_pool(
            min_size=0,
            max_size=lane.connections,
            command_timeout=lane.statement_s + _CLIENT_MARGIN_S,
            **options,
        )

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                async with asyncio.timeout(_CLOSE_S):
                    await pool.close()
            except _FAILED:
                pool.terminate()


class Database:
    """One PostgreSQL. `start` returns at once; `answering` waits until it is there."""

    def __init__(
        self,
        dsn: str,
        *,
        prepared_statements: bool = True,
        lanes: tuple[Lane, Lane, Lane] = (READS, FLUSHES, ADMIN),
    ) -> None:
        self._reach = Reach()
        self._pools = [Pool(dsn, lane, prepared_statements, self._reach) for lane in lanes]
        self.reads, self.flushes, self.admin = self._pools
        self._dsn = dsn
        self._looker: asyncio.Task[None] | None = None

    @property
    def degraded(self) -> str | None:
        """Why the database is not to be used now; None when it is."""
        return self._reach.degraded

    async def start(self) -> None:
        for pool in self._pools:
            await pool.open()
        self._looker = asyncio.create_task(self._look(), name="database")

    async def close(self) -> None:
        await end_tasks(self._looker)
        for pool in self._pools:
            await pool.close()
        self._reach.degraded = "closed"

    async def answering(self) -> None:
        """Returns when it answers."""
        await self._reach.there.wait()

    async def _look(self) -> None:
        tries = 0
        while True:
            self._reach.doubted.clear()
            try:
                async with connected(self._dsn) as connection:
                    await connection.execute("SELECT 1", timeout=_CONNECT_S)
            except (
                Exception
            ) as error:  # whatever it is: nobody else looks, and without it there is none for good
                self._reach.fall(str(error) or type(error).__name__)
                await asyncio.sleep(_BACKOFF_S[min(tries, len(_BACKOFF_S) - 1)] * random.uniform(0.7, 1.0))
                tries += 1
                continue
            if tries:
                log.warning("the database answers again")
            tries = 0
            self._reach.rise()
            await self._reach.doubted.wait()


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[Connection]:
    """A connection of its own, for what is no transaction of a lane: migrations, partitions, notices, probes.

    Through a transaction pooler only its transactions, and `execute` without values, are safe.
    """
    connection = await asyncpg.connect(statement_cache_size=0, **connect_options(dsn))
    try:
        yield connection
    finally:
        with suppress(*_FAILED):
            await connection.close(timeout=_CLOSE_S)


def connect_options(dsn: str) -> dict[str, Any]:
    """What to connect with. On a unix socket no TLS is looked for: that would read keys below HOME."""
    options: dict[str, Any] = {"dsn": dsn, "timeout": _CONNECT_S}
    parts = urlsplit(dsn)
    host = parse_qs(parts.query).get("host", [parts.hostname or ""])[0]
    if unquote(host).startswith("/"):
        options["ssl"] = False
    return options


def _cancellations() -> int:
    """How often the running task was asked to end."""
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def _is_closed(connection: Connection) -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # the pool has taken it back, which it does with broken ones
        return True


def _set_statement(lane: Lane, settings: dict[str, str]) -> str:
    """Of one round trip: the tenant, and the limits where they cannot be the connection's own."""
    limits = "".join(f", set_config('{name}', '{value}', true)" for name, value in settings.items())
    return f"SELECT set_config('app.tenant', $1, true){limits} /* {lane.name} */"


async def _keep_as_it_is(_: object) -> None:
    """Behind a transaction pooler a connection has no state of its own to be reset."""
