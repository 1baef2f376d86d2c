"""An event loop on virtual time: when nothing is ready it jumps to the next timer. An hour takes seconds.

It has no sockets. Who connects gets a transport in memory from `Network`; what goes on between the two ends is
the network's business.
"""

import asyncio
import selectors
import socket
from collections.abc import Callable
from typing import Any, Protocol

#: Turns of the loop without any time passing, after which somebody is taken to spin.
TURNS_AT_ONCE = 20_000
Address = tuple[str, int]


class Network(Protocol):
    """Who is reached by an address."""

    async def connect(self, address: Address) -> None:
        """Returns when the connection is there; raises OSError when it is refused."""
        ...

    def wire(self, address: Address, client: asyncio.BaseProtocol) -> asyncio.Transport:
        """The client's end of a connection to `address`."""
        ...


class SpinningError(AssertionError):
    """Something polls: the loop turned too often while no time passed."""


class StuckError(AssertionError):
    """Nothing is ready and no timer is armed, and yet somebody waits."""


class _Jumping(selectors.SelectSelector):
    """Selects nothing: time passes instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0  # 0.0 means "has not happened" to exchanges
        self._turns = 0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise StuckError("nothing will ever happen again")
        if timeout > 0:
            self.now += timeout
            self._turns = 0
        else:
            self._turns += 1
            if self._turns > TURNS_AT_ONCE:
                raise SpinningError(f"{TURNS_AT_ONCE} turns of the loop at {self.now}")
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """`network` is set before anything connects."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)
        self.network: Network | None = None
        self._dialled: dict[int, Address] = {}

    def time(self) -> float:
        return self._jumping.now

    async def getaddrinfo(self, host: Any, port: Any, **_: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        assert self.network is not None
        await self.network.connect(address)
        self._dialled[sock.fileno()] = address

    async def create_connection(  # type: ignore[override]
        self, protocol_factory: Callable[[], Any], *, sock: socket.socket, **_: Any
    ) -> Any:
        assert self.network is not None
        address = self._dialled.pop(sock.fileno())
        sock.close()
        protocol = protocol_factory()
        transport = self.network.wire(address, protocol)
        protocol.connection_made(transport)
        return transport, protocol
