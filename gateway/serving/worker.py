"""One of several processes that serve the data plane on a socket of the supervisor.

`python -m gateway.serving.worker LIFELINE_FD NUMBER DATA_FD SOCKET LAUNCH`. Its admin application listens on
the unix socket, where only the supervisor asks. When the supervisor is gone the worker drains like one that
was told to stop: another supervisor may already want the port.
"""

import asyncio
import socket
import sys
from pathlib import Path

import uvloop

from gateway.api.protocol import bounded_protocol
from gateway.app import App
from gateway.clock import SystemClock
from gateway.serving.collector import set_aside_what_stays
from gateway.serving.database import application_dsn
from gateway.serving.drain import drain
from gateway.serving.hangup import Hangups
from gateway.serving.launch import Launch
from gateway.serving.lifeline import ChildEnd
from gateway.serving.listener import IDLE_S, Listener
from gateway.serving.messages import send_messages_to_stderr
from gateway.serving.sockets import listen_unix
from gateway.serving.stop import StopSignal, leave_quietly
from gateway.settings.problem import ConfigError
from gateway.settings.server import Settings


async def run_worker(
    launch: Launch, settings: Settings, *, number: int, data_fd: int, lifeline_fd: int, admin: Path
) -> None:
    """Serve until told to stop, then drain."""
    stop = StopSignal()
    lifeline = ChildEnd(lifeline_fd)
    lifeline.on_parent_gone(stop.stop)
    bounds = settings.snapshot.bounds
    app = App(
        settings,
        worker=number,
        database_dsn=application_dsn(settings),
        reread=launch.settings,
    )
    shared = socket.socket(fileno=data_fd)
    callers = Listener(app.data, shared, protocol=bounded_protocol(bounds, IDLE_S, app.unread.refused))
    supervisor = Listener(
        app.admin, listen_unix(admin), protocol=bounded_protocol(bounds, IDLE_S, problems=True)
    )
    await app.start()
    hangups = Hangups(app.reload_by_signal)
    set_aside_what_stays()
    try:
        callers.open()
        supervisor.open()
        lifeline.ready()
        await stop.wait()
        await drain(app, callers, grace_s=bounds.shutdown_grace_s, delay_s=0.0, clock=SystemClock())
    finally:
        lifeline.close()
        await asyncio.gather(callers.close(0.0), supervisor.close(0.2))
        await hangups.close()
        await app.aclose()


def main(arguments: list[str]) -> int:
    """Exit 1 when the configuration has become wrong since the supervisor read it."""
    leave_quietly()
    lifeline_fd, number, data_fd, admin, launch = arguments
    try:
        settings = Launch.from_json(launch).settings()
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    send_messages_to_stderr(settings.log_level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(
            run_worker(
                Launch.from_json(launch),
                settings,
                number=int(number),
                data_fd=int(data_fd),
                lifeline_fd=int(lifeline_fd),
                admin=Path(admin),
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
