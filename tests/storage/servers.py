"""Real servers for the tests: the embedded PostgreSQL for a whole session, and others started by hand."""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from storage.database import connected
from storage.embedded_postgres import EmbeddedPostgres
from storage.postgres_binaries import RunAs
from storage.postgres_cluster import SUPERUSER

_T = TypeVar("_T")


class LoopThread:
    """A running loop for what outlives the loop of one test, or what blocking callers ask."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = loop or asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class RunningPostgres:
    """A server on a copy of `cluster`; `directory` is what a gateway's data directory would be."""

    def __init__(self, cluster: Path) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="kz"))  # short, as a socket's path must be
        subprocess.run(["cp", "-a", cluster, self.directory / "pg"], check=True)
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

    async def _end(self) -> None:
        """At once: in order it would first write down what is thrown away right after."""
        assert self.server.pid is not None
        os.kill(self.server.pid, signal.SIGQUIT)
        await self.server.stop()

    def stop(self) -> None:
        self._thread.run(self._end())
        self._thread.end()
        shutil.rmtree(self.directory)


class PlainServer:
    """A PostgreSQL started by hand: a replica, another version. `directory` must be passable for its user."""

    def __init__(self, programs: Path, directory: Path) -> None:
        self._programs = programs
        self.data = directory / "data"
        self.run = directory / "run"
        self._user = RunAs.here().user
        self._process: subprocess.Popen[bytes] | None = None
        for path in (directory, self.run):
            path.mkdir(mode=0o755)
            RunAs.here().give(path)

    def call(self, program: str, *options: str) -> None:
        subprocess.run(
            [self._programs / program, *options], check=True, capture_output=True, **self._as_user()
        )

    def start(self, **settings: str) -> None:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.run),
            "fsync": "off",
            **settings,
        }
        given = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self.run / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.data, *given],
                stdout=log,
                stderr=log,
                **self._as_user(),
            )

    def dsn(self, user: str, password: str, database: str) -> str:
        return f"postgresql://{user}:{password}@/{database}?host={self.run}"

    def end(self) -> None:
        """At once, but not outright: it takes its shared memory with it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None

    def _as_user(self) -> dict[str, Any]:
        groups = None if self._user is None else []
        return {"user": self._user, "group": self._user, "extra_groups": groups, "cwd": self.run}
