"""The database beside the gateway or elsewhere, made ready before the workers and, when it is ours, stopped last.

One that is elsewhere and away does not stop a start: workers serve what the file says, and the schema is looked at
when it answers. A schema that does not fit refuses the start; found out later it leaves the gateway to its file.
"""

import asyncio
import logging
from contextlib import suppress
from datetime import date
from pathlib import Path

from gateway.clock import Clock
from gateway.serving.refusal import StartError
from gateway.settings.server import DatabaseStore, Settings
from storage.archive import ArchiveError, archive_detached
from storage.background import end_tasks
from storage.connection import Connection
from storage.database import CONNECTIONS_MAX, FORBIDDEN, REFUSED, UNREACHED, connected
from storage.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError
from storage.isolation import weaknesses
from storage.migrate import SchemaError, migrate
from storage.partitions import KEPT_MONTHS, detach_expired, make_ahead

#: Of the embedded server, in the data directory.
DIRECTORY = "postgres"
_RETRY_S = 2.0
_DAY_S = 86_400.0
#: So that one that is started anew every day keeps its months as well.
_FIRST_UPKEEP_S = 600.0

log = logging.getLogger(__name__)


class DatabaseBeside:
    """Where there is no database it only ends what an earlier gateway, killed outright, left running."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._store = settings.database
        self._data_dir = settings.data_dir
        self._clock = clock
        self._keeper: asyncio.Task[None] | None = None
        connections = settings.workers * (CONNECTIONS_MAX + 1)
        self._in_data_dir = EmbeddedPostgres(settings.data_dir / DIRECTORY, connections)
        self._postgres: EmbeddedPostgres | None = None
        if settings.database.kind == "embedded":
            self._postgres = self._in_data_dir

    async def start(self) -> None:
        """Raises StartError: the embedded one does not come up, or the schema does not fit."""
        if self._postgres is None:
            await asyncio.to_thread(self._in_data_dir.end_leftover)
        if self._store.kind == "none":
            return
        try:
            if self._postgres is not None:
                await self._postgres.start()
            await self._make_ready()
        except UNREACHED as error:
            if self._postgres is not None:
                raise StartError(f"database: the embedded PostgreSQL does not answer: {error}") from error
            log.warning("database: it cannot be reached; until it can, only the file counts: %s", error)
            self._keeper = asyncio.create_task(self._keep(ready=False), name="database-upkeep")
        except (EmbeddedPostgresError, SchemaError, REFUSED) as error:
            raise StartError(f"database: {error}") from error
        else:
            self._keeper = asyncio.create_task(self._keep(ready=True), name="database-upkeep")

    def end(self) -> None:
        """Tells ours to end and does not wait for that."""
        if self._postgres is not None:
            self._postgres.end()

    async def stop(self) -> None:
        await end_tasks(self._keeper)
        if self._postgres is not None:
            await self._postgres.stop()

    async def _make_ready(self) -> None:
        """Every migration, and the partitions of the months to come; raises SchemaError where it may not."""
        application = await self._application()
        async with connected(self._owner_dsn) as connection:
            try:
                for migration in await migrate(connection, application):
                    log.info("database: applied %s", migration)
                await self._make_ahead(connection)
            except FORBIDDEN as error:
                raise SchemaError(f"{error}: {no_owner(self._store)}") from error

    async def _application(self) -> str:
        """The role that the workers have."""
        async with connected(self._dsn) as connection:
            role: str = await connection.fetchval("SELECT current_user")
            if self._store.kind != "embedded":
                for weakness in await weaknesses(connection):
                    log.warning("database: tenants are not apart: %s", weakness)
        return role

    async def _keep(self, *, ready: bool) -> None:
        """Once a day what is due, first soon; sooner still while the database was not there yet."""
        due_s = _FIRST_UPKEEP_S
        while True:
            await asyncio.sleep(due_s if ready else _RETRY_S)
            try:
                if not ready:
                    await self._make_ready()
                    log.warning("database: it can be reached now")
                    ready = True
                else:
                    due_s = _DAY_S
                    await self._upkeep()
            except (*UNREACHED, SchemaError, REFUSED, ArchiveError) as error:
                # While it was never reached this is every other second, and was said at the start.
                level = logging.WARNING if ready or isinstance(error, SchemaError) else logging.DEBUG
                log.log(level, "database: its upkeep failed and is tried again: %s", error)

    async def _upkeep(self) -> None:
        async with connected(self._owner_dsn) as connection:
            await self._make_ahead(connection)
            for table in KEPT_MONTHS:
                await detach_expired(connection, table, self._today)
                await archive_detached(connection, table, self._data_dir / "archive")

    async def _make_ahead(self, connection: Connection) -> None:
        for table in KEPT_MONTHS:
            await make_ahead(connection, table, self._today)

    @property
    def _today(self) -> date:
        return self._clock.utc().date()

    @property
    def _dsn(self) -> str:
        if self._postgres is not None:
            return EmbeddedPostgres.kept_dsn(self._data_dir / DIRECTORY)
        assert self._store.url is not None
        return self._store.url.reveal()

    @property
    def _owner_dsn(self) -> str:
        if self._postgres is not None:
            return self._postgres.owner_dsn
        return self._dsn if self._store.owner is None else self._store.owner.reveal()


def no_owner(store: DatabaseStore) -> str:
    """When the role that should make the tables may not."""
    named = "database" if store.owner is None else "database_owner"
    return f"the role of {named} may not make or change tables here: give the URL of one that may as database_owner"


def application_dsn(settings: Settings) -> str | None:
    """By which a worker reaches the database; None where there is none."""
    store = settings.database
    if store.kind == "none":
        return None
    if store.url is not None:
        return store.url.reveal()
    with suppress(EmbeddedPostgresError):
        return EmbeddedPostgres.kept_dsn(Path(settings.data_dir) / DIRECTORY)
    return None
