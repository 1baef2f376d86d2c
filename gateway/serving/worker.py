"""One of several processes that serve the data plane on a socket of the supervisor.

Its admin application listens on a unix socket where only the supervisor asks. When the supervisor is gone the
worker drains like one that was told to stop: another supervisor may already want the port.
"""

import asyncio
import socket
from pathlib import Path

from gateway.api.protocol import BoundedProtocol
from gateway.app import App
from gateway.clock import SystemClock
from gateway.serving.drain import drain
from gateway.serving.lifeline import ChildEnd
from gateway.serving.listener import Listener
from gateway.serving.sockets import listen_unix
from gateway.serving.stop import StopSignal
from gateway.settings import Settings


async def run_worker(settings: Settings, *, number: int, data_fd: int, lifeline_fd: int, admin: Path) -> None:
    """Serve until told to stop, then drain."""
    stop = StopSignal()
    lifeline = ChildEnd(lifeline_fd)
    bounds = settings.snapshot.bounds
    app = App(settings, worker=number)
    data = Listener(
        app.data,
        socket.socket(fileno=data_fd),
        protocol=BoundedProtocol,
        keep_alive_s=bounds.keep_alive_s,
    )
    inner = Listener(
        app.admin, listen_unix(admin), protocol=BoundedProtocol, keep_alive_s=bounds.keep_alive_s
    )
    await app.start()
    try:
        data.open()
        inner.open()
        lifeline.on_parent_gone(stop.stop)
        lifeline.ready()
        await stop.wait()
        await drain(app, data, grace_s=bounds.shutdown_grace_s, delay_s=0.0, clock=SystemClock())
    finally:
        lifeline.close()
        await asyncio.gather(data.close(0.0), inner.close(0.2))
        await app.aclose()
