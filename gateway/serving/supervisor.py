"""N workers on one socket, replaced when they die, watched through one admin listener.

The supervisor holds the data socket, so that while a worker is replaced callers wait instead of being refused.
It serves no exchange itself and keeps nothing that a worker needs: if it is killed, the workers drain.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial

from gateway.api.admin import Administered, admin_app
from gateway.api.protocol import bounded_protocol
from gateway.api.resources.configured import Configured
from gateway.api.rest.service import Service
from gateway.clock import SystemClock
from gateway.pipeline.databases import Databases
from gateway.serving.database import application_dsn
from gateway.serving.drain import LAST_WORDS_S
from gateway.serving.gather import Gatherer
from gateway.serving.gathered_live import GatheredLive
from gateway.serving.hangup import Hangups
from gateway.serving.launch import Launch
from gateway.serving.listener import IDLE_S, Listener
from gateway.serving.seat import Seat
from gateway.serving.sockets import socket_dir
from gateway.serving.stop import StopSignal
from gateway.serving.totals import Totals
from gateway.settings.following import Following
from gateway.settings.server import Settings
from gateway.settings.snapshot import Snapshot

#: What workers get beyond the grace time before they are killed.
_BEYOND_GRACE_S = LAST_WORDS_S + 2.0

log = logging.getLogger(__name__)


class Supervisor:
    """Runs the workers of one gateway."""

    def __init__(self, launch: Launch, settings: Settings, stop: StopSignal) -> None:
        self._launch = launch
        self._settings = settings
        self._stop = stop
        self._totals = Totals()
        self._seats: list[Seat] = []

    async def run(self, *, data: socket.socket, admin: socket.socket, ready: Callable[[], None]) -> None:
        """Serve until told to stop; `ready` is called when every worker serves."""
        self._seats = self._make_seats(data)
        self._stop.at_once(self._kill)
        bounds = self._settings.snapshot.bounds
        async with AsyncExitStack() as stack:
            gatherer = Gatherer(self._seats)
            stack.push_async_callback(gatherer.aclose)
            databases, following = await self._configuration(stack)
            app = self._admin(gatherer, databases, following)
            hangups = Hangups(partial(self._reload_everywhere, following, app))
            stack.push_async_callback(hangups.close)
            protocol = bounded_protocol(bounds, IDLE_S, problems=True)
            listener = Listener(app, admin, protocol=protocol)
            listener.open()
            stack.push_async_callback(listener.close, 0.2)
            stack.push_async_callback(self._empty_seats, data)
            for seat in self._seats:
                seat.keep()
            greeter = asyncio.create_task(self._greet(ready))
            stack.callback(greeter.cancel)
            await self._stop.wait()

    async def _configuration(self, stack: AsyncExitStack) -> tuple[Databases, Following]:
        """The one in force, which workers follow by themselves, for what operators ask and change here."""
        settings, monotonic = self._settings, SystemClock().monotonic
        databases = Databases(settings.database, application_dsn(settings), monotonic)
        following = Following(settings, databases, self._launch.settings, _nothing, _known, monotonic)
        stack.push_async_callback(databases.close)
        stack.push_async_callback(following.close)
        await databases.start()
        await following.start()
        return databases, following

    def _admin(self, gatherer: Gatherer, databases: Databases, following: Following) -> Service:
        settings, seats = self._settings, self._seats
        return admin_app(
            settings.admin_key,
            GatheredLive(settings.admin_key, seats, gatherer, self._totals, following.reload),
            lambda: Configured(following.snapshot, following.file, following.refused),
            SystemClock(),
            lambda: self._stop.told or all(seat.state != "serving" for seat in seats),
            Administered.of(databases, settings.data_dir),
        )

    def _make_seats(self, data: socket.socket) -> list[Seat]:
        directory = socket_dir(self._settings.data_dir)
        seats = []
        for number in range(self._settings.workers):
            path = directory / f"worker-{number}.sock"
            arguments = [str(data.fileno()), str(path), self._launch.to_json()]
            seats.append(Seat(number, path, arguments, data.fileno(), SystemClock(), self._totals.ended))
        return seats

    async def _greet(self, ready: Callable[[], None]) -> None:
        for seat in self._seats:
            await seat.first_ready.wait()
        ready()

    async def _empty_seats(self, data: socket.socket) -> None:
        """Every worker drains at the same time; those that overstay are killed."""
        for seat in self._seats:
            seat.terminate()
        data.close()  # with the workers' own copies gone too, nobody listens any more
        patience_s = self._settings.snapshot.bounds.shutdown_grace_s + _BEYOND_GRACE_S
        leaving = asyncio.gather(*(seat.empty() for seat in self._seats))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await asyncio.shield(leaving)
        if not leaving.done():
            log.error("workers did not end within %g s and are killed", patience_s)
            self._kill()
            await leaving
        for seat in self._seats:
            seat.socket.unlink(missing_ok=True)

    async def _reload_everywhere(self, following: Following, app: Service) -> None:
        for seat in self._seats:
            seat.hang_up()
        await app.reloaded_by_signal(await following.reload())

    def _kill(self) -> None:
        for seat in self._seats:
            seat.kill()


async def _nothing(_: Snapshot) -> None:
    """No provider's secret is needed here."""


def _known(_: Snapshot) -> None:
    """Nothing here is made of it."""
