"""The connections to one origin, by one way: kept alive, bounded, lent out one exchange at a time.

Idle ones are taken newest first, so that the surplus of a burst ages and is swept. When as many as allowed are
open, whoever asks waits in line, first come first served; a connection that is given back, or a slot whose
connection is gone, passes to the head of the line directly and is never up for grabs in between. A waiter that
is cancelled loses nothing: what it was handed goes to the next. When the provider is away `connect` fails
within bounds.connect_s and the slot is free again.
"""

import asyncio
from collections import deque

from gateway.settings.snapshot import Bounds, Origin
from gateway.upstream.connection import READ_BYTES, Connection
from gateway.upstream.dial import Route, dial
from gateway.upstream.failures import UpstreamFailure
from gateway.upstream.states import IDLE
from keys.secret import Secret


class Pool:
    """One per (origin, egress proxy). Not tied to an event loop until its first `connect`."""

    def __init__(
        self,
        origin: Origin,
        bounds: Bounds,
        *,
        proxy: Origin | None = None,
        proxy_auth: Secret | None = None,
        ca_file: str | None = None,
        address: str | None = None,
    ) -> None:
        self.origin = origin
        self._bounds = bounds
        self._route = Route(origin, proxy, proxy_auth, ca_file, address)
        self._room = memoryview(bytearray(READ_BYTES))
        self._idle: list[Connection] = []  # oldest first
        self._all: set[Connection] = set()
        self._handed: set[Connection] = set()  # given to a waiter that has not run since
        self._slots = bounds.upstream_connections  # free ones: neither open nor being dialled
        #: Each gets a connection, or None: a slot to dial with.
        self._line: deque[asyncio.Future[Connection | None]] = deque()
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False
        self._empty: asyncio.Event | None = None  # for `aclose`

    def __repr__(self) -> str:
        state = self.state()
        return "<Pool {origin} {active} active, {idle} idle, {waiting} waiting>".format_map(state)

    def state(self) -> dict[str, object]:
        """For the admin API: connections in use (or being dialled) and idle, and who waits for one."""
        idle = len(self._idle)
        used = self._bounds.upstream_connections - self._slots
        waiting = sum(not waiter.done() for waiter in self._line)
        return {"origin": str(self.origin), "active": used - idle, "idle": idle, "waiting": waiting}

    @property
    def is_quiet(self) -> bool:
        """Whether nobody uses a connection or waits for one."""
        return self._bounds.upstream_connections - self._slots == len(self._idle) and not self._line

    def idle(self) -> Connection | None:
        """An idle connection that is in good health, taken out; None when there is none. Never waits."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if connection.usable():
                return connection
            connection.discard()
        return None

    async def connect(self) -> Connection:
        """A new connection; or, after waiting in line for one of a full pool, one just given back."""
        if self._closed:
            raise UpstreamFailure("closed", "the pool is closed", sent=False)
        try:
            async with asyncio.timeout(self._bounds.connect_s):
                if self._slots > 0:
                    self._slots -= 1
                else:
                    connection = await self._turn()
                    if connection is not None:
                        return connection
                return await self._open()
        except TimeoutError:
            raise UpstreamFailure("connect_timeout", "no connection in time", sent=False) from None

    async def _turn(self) -> Connection | None:
        """Wait in line for a connection or, with None, a slot."""
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._line.append(waiter)
        try:
            connection = await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                if waiter in self._line:  # or its turn came before it ran, and it was passed over
                    self._line.remove(waiter)
            elif waiter.exception() is None:  # it came in the same instant: the next one's
                self._pass_on(waiter.result())
            raise
        if connection is None:
            return None
        usable = connection.usable()
        if not usable:
            connection.discard()  # it died on the way here, and leaves its slot to who was to have it
        self._handed.discard(connection)
        return connection if usable else None

    def _pass_on(self, connection: Connection | None) -> None:
        if connection is not None:
            self._handed.discard(connection)
            if connection.state is IDLE:
                self.give_back(connection)
                return
        self._free_slot()

    async def _open(self) -> Connection:
        """Dial with a slot that is already taken."""
        loop = asyncio.get_running_loop()
        try:
            connection = await dial(self._route, lambda: Connection(loop, self, self._bounds, self._room))
            if self._closed:
                connection.discard()
            if connection.state is not IDLE:
                raise UpstreamFailure("connect", "the connection closed at once", sent=False)
        except BaseException:
            self._free_slot()
            raise
        self._all.add(connection)
        return connection

    def give_back(self, connection: Connection) -> None:
        """From a connection whose exchange ended cleanly."""
        if self._closed or connection.state is not IDLE:
            connection.discard()
            return
        while self._line:
            waiter = self._line.popleft()
            if not waiter.done():
                self._handed.add(connection)
                waiter.set_result(connection)
                return
        if len(self._idle) >= self._bounds.upstream_idle:
            connection.discard()
            return
        self._idle.append(connection)
        if self._sweeper is None:
            self._sweep_after(self._bounds.upstream_idle_s)

    def gone(self, connection: Connection) -> None:
        """From a connection that is closed; at most once a connection, and not before it was ours."""
        if connection in self._all:
            self._all.discard(connection)
            if connection in self._idle:
                self._idle.remove(connection)
            if connection not in self._handed:
                self._free_slot()

    def _free_slot(self) -> None:
        while self._line:
            waiter = self._line.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._slots += 1
        if self._empty is not None and self._slots == self._bounds.upstream_connections:
            self._empty.set()

    def _sweep_after(self, seconds: float) -> None:
        self._sweeper = asyncio.get_running_loop().call_later(seconds, self._sweep)

    def _sweep(self) -> None:
        """Close what has been idle too long; look again when the next one is due."""
        self._sweeper = None
        now = asyncio.get_running_loop().time()
        limit = self._bounds.upstream_idle_s
        while self._idle:
            due = self._idle[0].idle_since + limit - now
            if due > 0:
                self._sweep_after(due)
                return
            self._idle[0].discard()  # which takes it out of the list, by `gone`

    def close(self) -> None:
        """Close the idle ones now and refuse new ones; exchanges under way go on."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for connection in self._idle[:]:
            connection.discard()
        while self._line:
            waiter = self._line.popleft()
            if not waiter.done():
                waiter.set_exception(UpstreamFailure("closed", "the pool is closed", sent=False))

    async def aclose(self) -> None:
        """`close`, and end what is under way; returns when nothing is open any more."""
        self.close()
        for connection in list(self._all):
            connection.discard()
        if self._slots < self._bounds.upstream_connections:  # some are being dialled
            self._empty = asyncio.Event()
            await self._empty.wait()
        await asyncio.sleep(0)  # transports that were aborted close their sockets in the loop's next turn
