"""Both ends of a connection in memory: bytes arrive in order, after a while; an end that is gone hears nothing."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any, Protocol


class Server(Protocol):
    """The far end, as one connection sees it."""

    def received(self, wire: "Wire", data: bytes) -> None: ...
    def lost(self, wire: "Wire") -> None: ...


class Wire(asyncio.Transport):
    """The near end is a transport, the far end calls `say` and `cut`. `delay` draws the way's length in seconds."""

    def __init__(
        self,
        server: Server,
        client: Any,
        delay: Callable[[], float],
        written: Callable[["Wire", bytes], None],
    ) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._server, self._client = server, client
        self._delay, self._written = delay, written
        self._up_at = self._down_at = 0.0
        self._closed = False  # at the near end
        self._cut = False  # at the far end
        self._paused = False
        self._kept: list[tuple[bytes, Callable[[], None] | None]] = []
        self.closed: Callable[[], None] | None = None  # told when the near end is gone

    # ---- the near end

    def write(self, data: Any) -> None:
        if self._closed:
            return
        self._written(self, bytes(data))
        self._up_at = max(self._up_at, self._loop.time() + self._delay())
        self._loop.call_at(self._up_at, self._arrive, bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def abort(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self.closed is not None:
            self.closed()
        self._loop.call_soon(self._client.connection_lost, None)
        if not self._cut:
            self._up_at = max(self._up_at, self._loop.time() + self._delay())
            self._loop.call_at(self._up_at, self._server.lost, self)

    close = abort

    def is_closing(self) -> bool:
        return self._closed

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        kept, self._kept = self._kept, []
        for data, heard in kept:
            self._deliver(data, heard)

    # ---- the far end

    def say(self, data: bytes, heard: Callable[[], None] | None = None) -> None:
        """Send to the near end; `heard` is called when it is there."""
        if not self._cut:
            self._down_at = max(self._down_at, self._loop.time() + self._delay())
            self._loop.call_at(self._down_at, self._deliver, data, heard)

    def cut(self) -> None:
        """Close the connection from the far end."""
        if not self._cut:
            self._cut = True
            self._down_at = max(self._down_at, self._loop.time() + self._delay())
            self._loop.call_at(self._down_at, self._end)

    def _arrive(self, data: bytes) -> None:
        if not self._cut:
            self._server.received(self, data)

    def _deliver(self, data: bytes, heard: Callable[[], None] | None) -> None:
        if self._paused:
            self._kept.append((data, heard))
        elif not self._closed:
            if heard is not None:
                heard()  # first: the gateway may send the next request as soon as it has this
            self._client.data_received(data)

    def _end(self) -> None:
        if not self._closed:
            self._closed = True
            if self.closed is not None:
                self.closed()
            self._client.connection_lost(ConnectionResetError())


def way(chance: Random, least_s: float, usual_s: float, worst_s: float) -> Callable[[], float]:
    """Draws lengths of the way: `least_s` and nearly always up to `usual_s` more, one in a hundred `worst_s`."""

    def draw() -> float:
        return least_s + chance.uniform(0, worst_s if chance.random() < 0.01 else usual_s)

    return draw
