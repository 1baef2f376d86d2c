"""Back-pressure of one connection, in uvicorn's terms; most are never full, and hold no event for it."""

import asyncio


class FlowControl:
    """In place of uvicorn's `FlowControl`, whose event takes 800 bytes a connection."""

    __slots__ = ("_has_room", "_transport", "read_paused", "write_paused")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.read_paused = False
        self.write_paused = False
        self._has_room: asyncio.Event | None = None  # while the caller's buffer is full

    async def drain(self) -> None:
        """Return when there is room."""
        if self._has_room is not None:
            await self._has_room.wait()

    def pause_reading(self) -> None:
        if not self.read_paused:
            self.read_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self.read_paused:
            self.read_paused = False
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        if not self.write_paused:
            self.write_paused = True
            self._has_room = asyncio.Event()

    def resume_writing(self) -> None:
        self.write_paused = False
        if self._has_room is not None:
            self._has_room.set()
            self._has_room = None
