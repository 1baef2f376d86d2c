"""Following the configuration: the database's by notices and by looking, the file's when somebody says so.

The next snapshot is read and put together off the loop, one at a time, and handed over whole. While the database is
away, or a file is refused, the last one stays; nothing here stops a gateway that has one.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from gateway.settings.assemble import Assembled, RefusedPool, assemble
from gateway.settings.problem import ConfigError
from gateway.settings.schema import ConfigFile
from gateway.settings.server import Settings
from gateway.settings.snapshot import Snapshot
from storage.background import end_tasks
from storage.configuration import StoredConfiguration, read_configuration
from storage.database import NOT_CONNECTED, REFUSED, Database, DatabaseAwayError, DatabaseBusyError
from storage.notices import GenerationWatch

#: Of what a snapshot says, what a running gateway was built with: changed only by another start.
_BUILT_WITH = (
    "pepper",
    "pepper_previous",
    "bounds",
    "queue",
    "routing",
    "hedge",
    "on_ledger_loss",
    "on_disconnect",
)
#: How long a start waits for the database before it goes on with the file.
_FIRST_S = 3.0
_FIRST_LOOK_S = 0.05
_AGAIN_S = 1.0
#: Many changes in a row are followed in steps.
_PAUSE_S = 0.1
#: Who presents a key that nobody knows makes us look, at most so often, and waits no longer than that.
_LOOK_EVERY_S = 0.25
_NEWS_S = 2.0

log = logging.getLogger("gateway")


class Stores(Protocol):
    """Where the configuration's database is; both None where there is none."""

    primary: Database | None
    dsn: str | None


class Following:
    """`swap` is given each new snapshot on the loop, after `warm` fetched what it will need.

    `reread` reads the file again, blocking; it raises ConfigError.
    """

    def __init__(
        self,
        settings: Settings,
        stores: Stores,
        reread: Callable[[], Settings] | None,
        warm: Callable[[Snapshot], Awaitable[None]],
        swap: Callable[[Snapshot], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._database, dsn = stores.primary, stores.dsn
        self._watch = None
        if self._database is not None and dsn is not None:
            self._watch = GenerationWatch(self._database, dsn, self._changed)
        self._reread = reread
        self._warm = warm
        self._swap = swap
        self._monotonic = monotonic
        self._assembled = Assembled(settings.snapshot)
        self._stored = StoredConfiguration(settings.snapshot.generation)
        self._newest = 0
        self._news = asyncio.Event()
        self._in_force = asyncio.Event()  # another snapshot than before
        self._one_at_a_time = asyncio.Lock()
        self._follower: asyncio.Task[None] | None = None
        self._look: asyncio.Task[bool] | None = None
        self._next_look: asyncio.Task[bool] | None = None
        self._looked_at = 0.0
        self.problem: str | None = None
        #: Whether the database's configuration was ever read.
        self.has_read = False
        #: Settings that were changed in the file and need another start.
        self.unapplied: tuple[str, ...] = ()

    @property
    def snapshot(self) -> Snapshot:
        return self._assembled.snapshot

    @property
    def file(self) -> ConfigFile:
        """The file's part of it, completed from the environment."""
        return self._settings.declared.file

    @property
    def is_cut_off(self) -> bool:
        """Whether there may be keys in the database that are not known here."""
        return self._database is not None and (not self.has_read or self._database.degraded is not None)

    async def start(self) -> None:
        """With the database's configuration, if it answers soon."""
        if self._watch is None:
            return
        self._follower = asyncio.create_task(self._follow(), name="configuration")
        self._watch.start()
        until = self._monotonic() + _FIRST_S
        while (
            not self.has_read and self.problem is None and self._monotonic() < until and not self._is_away()
        ):
            self._in_force.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_FIRST_LOOK_S):
                    await self._in_force.wait()
        if not self.has_read:
            log.warning("configuration: not read from the database; the file alone counts until it is")

    async def close(self) -> None:
        if self._watch is not None:
            await self._watch.close()
        await end_tasks(self._follower, self._look, self._next_look)

    async def reload(self) -> str | None:
        """Read the file again and have it in force; what is wrong with it, and then nothing has changed."""
        if self._reread is None:
            return "there is nobody who could read the file again"
        async with self._one_at_a_time:
            try:
                settings = await asyncio.to_thread(self._reread)
                # Of a new pepper every key that is known by digest would be unknown.
                declared = replace(settings.declared, peppers=self._settings.declared.peppers)
                settings = replace(settings, declared=declared)
                stored = self._stored
                if self._database is None:
                    stored = replace(stored, generation=self.snapshot.generation + 1)
                await self._put_together(settings, stored)
            except ConfigError as error:
                self._refuse(error)
        return self.problem

    async def look(self) -> bool:
        """Whether all that the database has is in force here; for who presents a key that is not known.

        One look serves all who came before it began. Who comes later may have a newer key, and waits for the next.
        """
        if self._watch is None:
            return True
        if self.is_cut_off:
            return False
        if self._next_look is None:
            self._next_look = asyncio.create_task(self._look_next(), name="configuration-look")
        look = self._next_look
        await asyncio.wait([look])
        return look.result() and not self.is_cut_off

    def state(self) -> dict[str, object]:
        """For the admin API."""
        snapshot, settings = self.snapshot, self._settings
        database = None if self._database is None else self._database.degraded or "answers"
        return {
            "generation": snapshot.generation,
            "source": None if settings.source is None else str(settings.source),
            "file": settings.declared.digest,
            "database": database,
            "refused": list(self.refused),
            "keys_under_former_pepper": self._under_former_pepper(),
            "problem": self.problem,
            "needs_restart": list(self.unapplied),
            "providers": sorted(snapshot.providers),
            "models": sorted(snapshot.routes),
            "tenants": sorted(snapshot.tenants),
        }

    def _under_former_pepper(self) -> int:
        """Keys of the database that nobody presented since the pepper was changed."""
        former = self._settings.declared.peppers.previous
        rows = self._stored.tenant_keys
        return 0 if former is None else sum(row["pepper_version"] == former.version for row in rows)

    def _is_away(self) -> bool:
        """As was found out, and not only before anybody tried."""
        degraded = None if self._database is None else self._database.degraded
        return degraded is not None and degraded != NOT_CONNECTED

    @property
    def refused(self) -> tuple[str, ...]:
        """Rows that do not count, and why."""
        return self._assembled.refused

    @property
    def refused_pools(self) -> tuple[RefusedPool, ...]:
        """Of those the pools'."""
        return self._assembled.refused_pools

    def _changed(self, number: int) -> None:
        self._newest = number
        self._news.set()

    async def _follow(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                async with self._one_at_a_time:
                    await self._read()
            except (DatabaseAwayError, DatabaseBusyError, REFUSED) as error:
                log.warning("configuration: cannot be read from the database: %s", error)
                self._news.set()
                await asyncio.sleep(_AGAIN_S)
            except ConfigError as error:
                self._refuse(error)
            except Exception:
                # Whatever a row may hold that nobody thought of must not end the following of all others.
                log.exception("configuration: cannot be put together")
                self.problem = "the database's configuration cannot be put together; the log says why"
            self._in_force.set()
            await asyncio.sleep(_PAUSE_S)

    async def _read(self) -> None:
        assert self._database is not None
        stored = await read_configuration(self._database)
        await self._put_together(self._settings, stored)
        self.has_read = True

    def _refuse(self, error: ConfigError) -> None:
        self.problem = str(error)
        log.error("configuration: refused, what was in force stays:\n%s", error)

    async def _put_together(self, settings: Settings, stored: StoredConfiguration) -> None:
        assembled = await asyncio.to_thread(assemble, settings.declared, stored, self._assembled)
        running, new = self._assembled.snapshot, assembled.snapshot
        self.unapplied = tuple(name for name in _BUILT_WITH if getattr(new, name) != getattr(running, name))
        for name in self.unapplied:
            log.warning("configuration: %s is another one now and needs a new start", name)
        new = replace(new, **{name: getattr(running, name) for name in _BUILT_WITH})
        for line in set(assembled.refused) - set(self._assembled.refused):
            log.error("configuration: a row is refused: %s", line)
        await self._warm(new)
        self._assembled = replace(assembled, snapshot=new)
        self._settings, self._stored, self.problem = settings, stored, None
        self._swap(new)

    async def _look_next(self) -> bool:
        assert self._watch is not None
        if self._look is not None:
            await asyncio.wait([self._look])
        await asyncio.sleep(self._looked_at + _LOOK_EVERY_S - self._monotonic())
        self._look, self._next_look = self._next_look, None
        self._looked_at = self._monotonic()
        if not await self._watch.look():
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(_NEWS_S):
                while self.snapshot.generation < self._newest and self.problem is None:
                    self._in_force.clear()
                    await self._in_force.wait()
        return self.snapshot.generation >= self._newest
