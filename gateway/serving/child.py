"""A child process of ours: one of our modules, in a session of its own, tied to us by a lifeline.

Its own session keeps the terminal's Ctrl-C for the parent, which decides the order of the end. A child that
does not listen to SIGTERM is killed.
"""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from gateway.serving.lifeline import ParentEnd

_PACKAGES = Path(__file__).resolve().parents[2]


class Child:
    """A running `python -m <module> <lifeline fd> <arguments>`."""

    def __init__(self, process: Process, lifeline: ParentEnd) -> None:
        self._process = process
        self._lifeline = lifeline

    @classmethod
    async def start(
        cls, module: str, arguments: Sequence[str], fds: Sequence[int] = (), *, silent: bool = False
    ) -> Self:
        """Start it with `fds` open at the same numbers; `silent` throws its stdout away.

        Raises OSError when it cannot be started.
        """
        lifeline = ParentEnd()
        line = lifeline.child.fileno()
        environ = dict(os.environ)
        # The same code as ours and nothing from the current directory (-P).
        environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_PACKAGES), environ.get("PYTHONPATH")]))
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                module,
                str(line),
                *arguments,
                stdin=DEVNULL,
                stdout=DEVNULL if silent else None,
                pass_fds=(line, *fds),
                start_new_session=True,
                env=environ,
            )
        except OSError:
            lifeline.close()
            raise
        lifeline.child.close()
        return cls(process, lifeline)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def ready(self) -> bool:
        """True when it said that it is ready, False when it died first."""
        return await self._lifeline.ready()

    async def wait(self) -> int:
        """Its exit status, negative for a signal."""
        status = await self._process.wait()
        self._lifeline.close()
        return status

    def terminate(self) -> None:
        if self.alive:
            self._process.terminate()

    def hang_up(self) -> None:
        if self.alive:
            self._process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        if self.alive:
            self._process.kill()

    async def stop(self, within_s: float) -> None:
        """SIGTERM, and SIGKILL to what is left after `within_s`."""
        self.terminate()
        try:
            async with asyncio.timeout(within_s):
                await self.wait()
        except TimeoutError:
            self.kill()
            await self.wait()
