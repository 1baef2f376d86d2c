"""A socket between a parent and its child process on which each notices that the other is gone.

The child says `ready` on it once; nothing else is ever sent. It ends with either process however that dies,
so no child outlives its parent unnoticed.
"""

import asyncio
import socket
import threading
from collections.abc import Callable

_READY = b"r"


def watch_from_thread(fd: int, gone: Callable[[], None]) -> None:
    """Call `gone` on a thread when the parent is gone; for children whose loop is not ours."""
    line = socket.socket(fileno=fd)

    def watch() -> None:
        while line.recv(1):
            pass
        gone()

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


class ChildEnd:
    """The child's end, from an inherited file descriptor."""

    def __init__(self, fd: int) -> None:
        self._line = socket.socket(fileno=fd)
        self._line.setblocking(False)

    def ready(self) -> None:
        """Tell the parent; if it is gone, `on_parent_gone` says so."""
        try:
            self._line.send(_READY)
        except OSError:
            return

    def on_parent_gone(self, gone: Callable[[], None]) -> None:
        """Call `gone` once, on the running loop, when the parent is no more."""
        loop = asyncio.get_running_loop()

        def readable() -> None:
            loop.remove_reader(self._line)
            gone()

        loop.add_reader(self._line, readable)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._line)
        self._line.close()


class ParentEnd:
    """The parent's end; `child` is to be passed on and closed here afterwards."""

    def __init__(self) -> None:
        self._line, self.child = socket.socketpair()
        self._line.setblocking(False)

    async def ready(self) -> bool:
        """True when the child said so, False when it died first."""
        return await asyncio.get_running_loop().sock_recv(self._line, 1) == _READY

    def close(self) -> None:
        self._line.close()
        self.child.close()
