"""From a command line to a running gateway and back: refuse early, start, serve until told to stop."""

import asyncio
import os
import resource
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from importlib import import_module

import uvloop

from budgets.price_file import load_seed
from gateway.clock import SystemClock
from gateway.serving.beside import ProviderBeside, refuse_missing
from gateway.serving.claim import DataDirClaim
from gateway.serving.database import DatabaseBeside
from gateway.serving.greeting import greeting
from gateway.serving.launch import Launch
from gateway.serving.ledger import ValkeyBeside
from gateway.serving.messages import send_messages_to_stderr
from gateway.serving.refusal import StartError
from gateway.serving.sockets import base_url, listen_tcp
from gateway.serving.stop import StopSignal, leave_quietly
from gateway.settings.problem import ConfigError
from gateway.settings.server import Settings
from gateway.settings.unenforced import unenforced

_OPEN_FILES = 65_536


def start(launch: Launch) -> int:
    """Run the gateway; the exit status: 0 after a stop that was asked for, 1 when it may not start."""
    leave_quietly()
    try:
        # Looked at first and made later: a start that is refused must not make credentials that nobody sees.
        plan = launch.settings(persist=False)
        send_messages_to_stderr(plan.log_level)
        refuse_missing(plan.companions)
        with ExitStack() as stack:
            stack.enter_context(DataDirClaim(plan.data_dir))
            data = stack.enter_context(listen_tcp(plan.host, plan.port, "port"))
            admin = stack.enter_context(listen_tcp(plan.host, plan.admin_port, "admin_port"))
            settings = launch.settings()
            for warning in (*settings.warnings, *unenforced(settings)):
                sys.stderr.write(f"warning: {warning}\n")
            _allow_open_files()
            _leave_no_core()
            runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
            runner.run(_run(launch, settings, data, admin))
    except (ConfigError, StartError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


async def _run(launch: Launch, settings: Settings, data: socket.socket, admin: socket.socket) -> None:
    stop = StopSignal()
    companions = [ProviderBeside(one, SystemClock()) for one in sorted(settings.companions)]
    valkey = ValkeyBeside(settings)
    database = DatabaseBeside(settings, SystemClock())
    stop.at_once(valkey.end)
    stop.at_once(database.end)
    try:
        # All to their end, whatever happens to one: what is half started cannot be stopped in order.
        loading = asyncio.to_thread(_load_application) if settings.workers == 1 else asyncio.sleep(0)
        starting = asyncio.gather(
            valkey.start(), database.start(), loading, asyncio.to_thread(_make_prices, settings),
            return_exceptions=True,
        )  # fmt: skip
        urls = await _unless_stopped(companions, stop)
        for failed in await starting:
            if isinstance(failed, BaseException):
                raise failed
        if stop.told:
            return
        if urls:
            settings = launch.adjusted(settings.with_beside(urls))
            launch = replace(launch, beside=urls)
        words = greeting(settings, base_url(data), base_url(admin))

        def ready() -> None:
            # Not through sys.stdout's buffer: the request log writes to the same descriptor.
            os.write(sys.stdout.fileno(), words.encode())

        if settings.workers == 1:
            from gateway.serving.single import run_single  # the supervisor needs no application

            await run_single(launch, settings, stop, data=data, admin=admin, ready=ready)
        else:
            from gateway.serving.supervisor import Supervisor  # nor one process the HTTP client

            await Supervisor(launch, settings, stop).run(data=data, admin=admin, ready=ready)
    finally:
        await asyncio.gather(*(one.stop() for one in companions))
        await valkey.stop()
        await database.stop()


def _load_application() -> None:
    """Takes as long as the database to start: at the same time."""
    import_module("gateway.serving.single")


def _make_prices(settings: Settings) -> None:
    """The first start's second of work, done while the database is made; who needs them tells what is wrong."""
    if settings.database.kind != "none":
        with suppress(Exception):
            load_seed(settings.data_dir / "prices")


async def _unless_stopped(companions: Sequence[ProviderBeside], stop: StopSignal) -> dict[str, str]:
    """Their URLs by id, or none when told to stop before all were there."""
    starting = asyncio.create_task(_urls(companions))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if starting.done():
        return starting.result()
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    return {}


async def _urls(companions: Sequence[ProviderBeside]) -> dict[str, str]:
    return {one.id: await one.start() for one in companions}


def _leave_no_core() -> None:
    """A core would hold every secret that is in memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _allow_open_files() -> None:
    """Connections need descriptors; the usual soft limit of 1,024 is less than the bounds allow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
