"""One real PostgreSQL for the session, and a database of its own for each test that asks for one."""

import asyncio
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from storage.database import Database, connected
from storage.embedded_postgres import ELSEWHERE, WHOSE, EmbeddedPostgres
from storage.migrate import migrate
from storage.postgres_cluster import APPLICATION, OWNER
from tests.cut_proxy import CutProxy
from tests.storage.servers import RunningPostgres

_NUMBERS = itertools.count(1)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """What servers left where root's directories are closed to them; each is tens of megabytes."""
    if hasattr(session.config, "workerinput"):
        return  # one process of several: the first one tidies up
    for home in list(ELSEWHERE.iterdir()) if ELSEWHERE.is_dir() else []:
        whose = home / WHOSE
        if whose.exists() and not os.path.lexists(whose.read_text()):
            shutil.rmtree(home, ignore_errors=True)


@dataclass(frozen=True)
class Stored:
    """A database with every migration: where each role finds it."""

    owner: str
    application: str
    superuser: str

    @property
    def name(self) -> str:
        return self.superuser.partition("@/")[2].partition("?")[0]


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kz") as path:  # short, as a socket's path must be
        yield Path(path) / "its"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Path]:
    """A cluster that was started once and stopped in order: to be copied, as making one takes a second."""

    async def make() -> None:
        server = EmbeddedPostgres(directory)
        await server.start()
        await server.stop()

    with tempfile.TemporaryDirectory(prefix="kz") as path:
        directory = Path(path) / "its"
        asyncio.run(make())
        yield directory


@pytest.fixture
def made(cluster: Path, directory: Path) -> Path:
    """A copy of it."""
    subprocess.run(["cp", "-a", cluster, directory], check=True)
    return directory


@pytest.fixture(scope="session")
def postgres(cluster: Path) -> Iterator[RunningPostgres]:
    running = RunningPostgres(cluster)
    yield running
    running.stop()


async def _create(postgres: RunningPostgres, name: str, template: str) -> Stored:
    async with connected(postgres.dsn("postgres")) as connection:
        await connection.execute(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {template}")
    return Stored(postgres.dsn(name, OWNER), postgres.dsn(name, APPLICATION), postgres.dsn(name))


async def _drop(postgres: RunningPostgres, stored: Stored) -> None:
    """With it go the hundreds of files that the server would write back for as long as the tests last."""
    async with connected(postgres.dsn("postgres")) as connection:
        await connection.execute(f"DROP DATABASE {stored.name} WITH (FORCE)")


@pytest.fixture
async def empty(postgres: RunningPostgres) -> AsyncIterator[Stored]:
    """A database without a migration."""
    made = await _create(postgres, f"empty_{next(_NUMBERS)}", "template1")
    yield made
    await _drop(postgres, made)


async def migrated(postgres: RunningPostgres) -> Stored:
    """A new database with every migration."""
    async with connected(postgres.dsn("postgres")) as connection:
        made = await connection.fetchval("SELECT count(*) FROM pg_database WHERE datname = 'migrated'")
    if not made:
        template = await _create(postgres, "migrated", "template1")
        async with connected(template.owner) as connection:
            await migrate(connection, APPLICATION)
    return await _create(postgres, f"stored_{next(_NUMBERS)}", "migrated")


@pytest.fixture
async def stored(postgres: RunningPostgres) -> AsyncIterator[Stored]:
    """A database with all of them."""
    made = await migrated(postgres)
    yield made
    await _drop(postgres, made)


@pytest.fixture
async def proxy(postgres: RunningPostgres) -> AsyncIterator[CutProxy]:
    """A way to the server that can be cut."""
    async with CutProxy(str(postgres.server.socket_directory / ".s.PGSQL.5432")) as running:
        yield running


@pytest.fixture
def through(stored: Stored, proxy: CutProxy) -> str:
    """By which the application reaches its database that way."""
    account = stored.application.partition("@/")[0]
    return f"{account}@127.0.0.1:{proxy.port}/{stored.name}?sslmode=disable"


@pytest.fixture
async def database(stored: Stored) -> AsyncIterator[Database]:
    """The application's pools on such a database."""
    opened = Database(stored.application)
    await opened.start()
    await opened.answering()
    yield opened
    await opened.close()
