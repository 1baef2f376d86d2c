"""Where a read goes: those that tolerate lag to a replica that is close enough, all others to the primary.

A replica that is away, or lags more than allowed, is left out until it has caught up; without one all reads go to
the primary. When the primary is away, replicas serve what tolerates lag until the newest known position is too old.
What an operator may have changed just now is read from a replica only when it has all that was `written` here.
"""

import asyncio
import enum
import itertools
import logging
import math
from collections.abc import Callable, Sequence
from types import MappingProxyType

from storage.background import end_tasks
from storage.connection import Connection
from storage.database import Database, DatabaseAwayError, DatabaseBusyError
from storage.replication_lag import PrimaryPositions

LAG_S_MAX = 5.0
_LOOK_S = 1.0
_WRITTEN = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint WHERE NOT pg_is_in_recovery()"
_APPLIED = "SELECT pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint WHERE pg_is_in_recovery()"

#: Replicas share it with their primary.
_DATABASE = "SELECT system_identifier::text || '/' || current_database() FROM pg_control_system()"
_IS_REPLICA = "SELECT pg_is_in_recovery()"

log = logging.getLogger(__name__)


class NoReplicaError(Exception):
    """Nothing will be read there; says why."""


class Read(enum.Enum):
    """Kinds of reads; each is in `POLICY`."""

    CONFIGURATION = "configuration"  # the snapshot, after a notice of its change
    TENANT_KEY = "tenant key"  # a key that the snapshot does not know yet
    ADMIN = "admin"  # one thing with its version, which a change is then made of
    ADMIN_LIST = "admin list"  # to be looked at
    AUDIT = "audit"  # to be looked at
    AUDIT_VERIFY = "audit verify"  # compared with heads that are kept elsewhere
    IDEMPOTENCY = "idempotency"
    BUDGET_CHECK = "budget check"  # the truth is what a slice is taken from
    VECTOR_SEARCH = "vector search"
    OBSERVATIONS = "observations"
    USAGE_REPORT = "usage report"


class Policy(enum.Enum):
    PRIMARY = "primary"
    #: A replica that has all that was written here: others' changes may come late, one's own never.
    AFTER_OWN_WRITES = "after own writes"
    REPLICA = "replica"


#: Never to a replica what must be as it is now.
POLICY = MappingProxyType(
    {
        Read.CONFIGURATION: Policy.PRIMARY,
        Read.TENANT_KEY: Policy.PRIMARY,
        Read.ADMIN: Policy.PRIMARY,
        Read.ADMIN_LIST: Policy.AFTER_OWN_WRITES,
        Read.AUDIT: Policy.AFTER_OWN_WRITES,
        Read.AUDIT_VERIFY: Policy.PRIMARY,
        Read.IDEMPOTENCY: Policy.PRIMARY,
        Read.BUDGET_CHECK: Policy.REPLICA,
        Read.VECTOR_SEARCH: Policy.REPLICA,
        Read.OBSERVATIONS: Policy.REPLICA,
        Read.USAGE_REPORT: Policy.REPLICA,
    }
)


class Replica:
    """A replica and how far behind it was when last asked."""

    def __init__(self, name: str, database: Database) -> None:
        self.name = name
        self.database = database
        self.lag_s = math.inf
        #: All that was committed before it has; by the router's clock.
        self.reached = -math.inf


class ReadRouter:
    """Chooses; `start` measures once a second until `close`. The databases belong to the caller."""

    def __init__(
        self,
        primary: Database,
        replicas: Sequence[Replica],
        monotonic: Callable[[], float],
        lag_s_max: float = LAG_S_MAX,
    ) -> None:
        self._primary = primary
        self._replicas = tuple(replicas)
        self._monotonic = monotonic
        self._lag_s_max = lag_s_max
        self._positions = PrimaryPositions()
        self._turn = itertools.count()
        self._written_at = monotonic()  # nobody here knows what was written before
        self._measurer: asyncio.Task[None] | None = None

    @property
    def primary(self) -> Database:
        return self._primary

    def database_for(self, read: Read) -> Database:
        """Replicas that are close enough take turns."""
        policy = POLICY[read]
        if policy is not Policy.PRIMARY:
            after = self._written_at if policy is Policy.AFTER_OWN_WRITES else -math.inf
            fit = [one for one in self._replicas if self._fits(one) and one.reached > after]
            if fit:
                return fit[next(self._turn) % len(fit)].database
        return self._primary

    def written(self) -> None:
        """Something was committed here, just now or maybe."""
        self._written_at = self._monotonic()

    def start(self) -> None:
        if self._replicas:
            self._measurer = asyncio.create_task(self._measure_on(), name="replication-lag")

    async def close(self) -> None:
        await end_tasks(self._measurer)

    async def measure(self) -> None:
        """One round: the primary's position first, so that what a replica has since applied counts for it."""
        asked = self._monotonic()  # what was committed before is in the answer, what is meanwhile may not be
        position = await _position(self._primary, _WRITTEN)
        if position is not None:
            self._positions.note(asked, position)
        for replica in self._replicas:
            applied = await _position(replica.database, _APPLIED)
            fitted = self._fits(replica)
            replica.reached = self._positions.reached(applied)
            replica.lag_s = self._monotonic() - replica.reached
            if fitted and not self._fits(replica):
                log.warning("replica %s is left out: %.1f s behind", replica.name, replica.lag_s)

    def _fits(self, replica: Replica) -> bool:
        return replica.lag_s <= self._lag_s_max and replica.database.degraded is None

    async def _measure_on(self) -> None:
        while True:
            try:
                await self.measure()
            except Exception:
                log.exception("replication lag could not be measured")
            await asyncio.sleep(_LOOK_S)


async def database_identity(connection: Connection) -> str:
    """The same of a primary and all of its replicas, and of nothing else."""
    found: str = await connection.fetchval(_DATABASE)
    return found


async def check_replica(connection: Connection, primary: str | None) -> None:
    """Raises NoReplicaError unless it is one of the database of that identity; None: of any."""
    if not await connection.fetchval(_IS_REPLICA):
        raise NoReplicaError("is no replica, as it takes writes: nothing will be read there")
    if primary is not None and await database_identity(connection) != primary:
        raise NoReplicaError("is a replica of another database")


async def _position(database: Database, query: str) -> int | None:
    """None when it cannot be had, as from a replica that has become a primary."""
    try:
        async with database.reads.transaction(readonly=True) as connection:
            found: int | None = await connection.fetchval(query)
            return found
    except (DatabaseAwayError, DatabaseBusyError):
        return None
