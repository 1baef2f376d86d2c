"""uvicorn without its habits: our sockets, our signals, no lifespan, no access log.

Its own messages reach stderr through `logging`; a failing application becomes a 500 there and never ends
the process.
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

from starlette.types import ASGIApp
from uvicorn import Config, Server

from gateway.api.protocol import BoundedProtocol
from gateway.serving.sockets import BACKLOG

#: How long an idle connection of a caller is kept. Longer than the minute that balancers in front commonly keep
#: theirs, so that it is they who close and no request meets a connection that is just closing.
IDLE_S = 75.0


class _SignalFree(Server):
    """A server that leaves signals to us; uvicorn would swallow them and raise them again at the end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Listener:
    """Serves `app` on `sock` from `open` until `close`."""

    def __init__(self, app: ASGIApp, sock: socket.socket, *, protocol: type[asyncio.Protocol]) -> None:
        config = Config(
            app,
            http=protocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=round(IDLE_S),
        )
        self._sock = sock
        self._server = _SignalFree(config)
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to accept; needs the running loop."""
        self._task = asyncio.create_task(self._server.serve([self._sock]), name="listener")

    def stop_accepting(self) -> None:
        """Close the socket and idle connections; what is being answered goes on and then closes."""
        self._server.should_exit = True

    async def close(self, within_s: float) -> None:
        """Return when every connection has ended, or after `within_s` with those that are left cut off."""
        self.stop_accepting()
        if self._task is None:
            self._sock.close()
            return
        await asyncio.wait([self._task], timeout=within_s)
        if not self._task.done():
            self._server.force_exit = True
            for connection in list(self._server.server_state.connections):
                if isinstance(connection, BoundedProtocol):
                    connection.cut()
            for task in list(self._server.server_state.tasks):
                task.cancel()
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
