"""The embedded PostgreSQL for a whole session of tests, kept by a loop in a thread of its own."""

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from storage.database import connected
from storage.embedded_postgres import EmbeddedPostgres
from storage.postgres_cluster import SUPERUSER

_T = TypeVar("_T")


class LoopThread:
    """A running loop for what outlives the loop of one test."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class RunningPostgres:
    """A server in a temporary directory; `directory` is what a gateway's data directory would be."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="kz"))  # short, as a socket's path must be
        self._thread = LoopThread()
        self.server = EmbeddedPostgres(self.directory / "pg")
        self._thread.run(self.server.start())
        self._thread.run(self._be_quick())

    def dsn(self, database: str, role: str = SUPERUSER) -> str:
        return self.server.dsn_of(role).replace("@/kaze?", f"@/{database}?")

    async def _be_quick(self) -> None:
        """Nothing here has to outlive the machine, and many databases are many files."""
        async with connected(self.dsn("postgres")) as connection:
            await connection.execute("ALTER SYSTEM SET fsync = off")
            await connection.execute("SELECT pg_reload_conf()")

    def stop(self) -> None:
        self._thread.run(self.server.stop())
        self._thread.end()
        shutil.rmtree(self.directory)
