"""The whole gateway in this process: both listeners on one loop."""

import asyncio
import socket
from collections.abc import Callable

from gateway.admission.memory_ledger import MemoryLedger
from gateway.api.protocol import bounded_protocol
from gateway.app import App
from gateway.clock import SystemClock
from gateway.serving.collector import set_aside_what_stays
from gateway.serving.database import application_dsn
from gateway.serving.drain import drain
from gateway.serving.hangup import Hangups
from gateway.serving.launch import Launch
from gateway.serving.ledger_file import LedgerFile
from gateway.serving.listener import IDLE_S, Listener
from gateway.serving.stop import StopSignal
from gateway.settings.server import Settings


async def run_single(
    launch: Launch,
    settings: Settings,
    stop: StopSignal,
    *,
    data: socket.socket,
    admin: socket.socket,
    ready: Callable[[], None],
) -> None:
    """Serve until told to stop, then drain. The admin listener answers to the last, so that it can be watched."""
    bounds = settings.snapshot.bounds
    app = App(settings, database_dsn=application_dsn(settings), reread=launch.settings, administers=True)
    kept = None
    if isinstance(app.ledger, MemoryLedger):
        kept = LedgerFile(app.ledger, app.ledger_time, settings.data_dir, SystemClock())
    callers = Listener(app.data, data, protocol=bounded_protocol(bounds, IDLE_S, app.unread.refused))
    operators = Listener(app.admin, admin, protocol=bounded_protocol(bounds, IDLE_S, problems=True))
    await app.start()
    if kept is not None:
        await kept.start()
    hangups = Hangups(app.reload_by_signal)
    set_aside_what_stays()
    try:
        callers.open()
        operators.open()
        ready()
        await stop.wait()
        await drain(app, callers, grace_s=bounds.shutdown_grace_s, delay_s=0.0, clock=SystemClock())
    finally:
        await asyncio.gather(callers.close(0.0), operators.close(0.2))
        await hangups.close()
        await app.aclose()
        if kept is not None:
            await kept.close()
