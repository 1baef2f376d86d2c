"""One look a second at every live connection, in place of timers that each request would have to pay for."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from gateway.errors import Condition
from gateway.settings.snapshot import Bounds

#: Called with what a caller was told, and under which request id, where no application ever saw the request.
Told = Callable[[Condition, str], None]


class Swept(Protocol):
    """A connection that knows what it has waited for too long."""

    loop: asyncio.AbstractEventLoop

    def swept(self, now: float) -> None:
        """Close or refuse, if a time is over."""


class LiveConnections:
    """The connections of one protocol class in this process, the loop over them, and their counts."""

    def __init__(self, bounds: Bounds, keep_alive_s: float | None, told: Told | None = None) -> None:
        shortest = min(bounds.header_read_s, bounds.body_gap_s, bounds.body_read_s, bounds.client_stall_s)
        if keep_alive_s is not None:
            shortest = min(shortest, keep_alive_s)
        self.interval_s = max(0.01, min(1.0, shortest / 5))
        self.rejected_connections = 0
        #: Of the open ones, those that are only being told that there are too many.
        self.turned_away = 0
        self.stalled_connections = 0
        #: Bare answers by their code.
        self.refused: Counter[str] = Counter()
        self._told = told
        self._connections: set[Swept] = set()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def open_connections(self) -> int:
        return len(self._connections)

    def note_refusal(self, condition: Condition, request_id: str) -> None:
        """A bare answer is being given."""
        self.refused[condition.name] += 1
        if self._told is not None:
            self._told(condition, request_id)

    def join(self, connection: Swept) -> None:
        """Look after `connection` from now on; the first one starts the loop."""
        self._connections.add(connection)
        if self._timer is None:
            self._timer = connection.loop.call_later(self.interval_s, self._sweep, connection.loop)

    def leave(self, connection: Swept) -> None:
        """Forget `connection`; with the last one the loop stops, so that an idle process sleeps."""
        self._connections.discard(connection)
        if not self._connections and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(self.interval_s, self._sweep, loop)
        now = loop.time()
        for connection in tuple(self._connections):
            connection.swept(now)
