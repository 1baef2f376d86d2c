"""The request log: one JSON line per request on stdout, written by a thread so that no request waits for it.

When the sink is slow the queue fills to its bound and further lines are dropped and counted; requests go on.
"""

import os
import select
import threading
from collections import deque
from collections.abc import Callable

from gateway.record import to_json

_BATCH_S = 0.02
_POLL_MS = 100


class RequestLog:
    """A bounded queue of lines and the thread that writes them. `dropped` is called for each line lost."""

    def __init__(self, dropped: Callable[[], None], fd: int = 1, bound: int = 20_000) -> None:
        self._fd = fd
        self._writable = select.poll()
        self._writable.register(fd, select.POLLOUT)
        self._bound = bound
        self._dropped = dropped
        self._lines: deque[bytes] = deque()
        self._filled = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._write_all, name="request-log", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def write(self, fields: object) -> None:
        """Queue one line, of a record or a mapping; never blocks, never raises."""
        lines = self._lines
        if len(lines) >= self._bound:
            self._dropped()
            return
        try:
            line = to_json(fields)
        except (TypeError, ValueError):
            self._dropped()
            return
        lines.append(line + b"\n")
        if len(lines) == 1:
            self._filled.set()

    def close(self, wait_s: float = 2.0) -> None:
        """Write what is queued and stop; a sink that blocks longer than `wait_s` loses the rest."""
        self._closing.set()
        self._filled.set()
        if self._thread.is_alive():
            self._thread.join(wait_s)

    def _write_all(self) -> None:
        while True:
            self._filled.wait()
            self._filled.clear()
            while self._lines:
                # Popped one by one: an append may happen between any two steps of this thread.
                batch = b"".join([self._lines.popleft() for _ in range(len(self._lines))])
                if not self._write(batch):
                    return
                if self._closing.wait(_BATCH_S):  # let lines gather: one write a batch, not one a line
                    continue
            if self._closing.is_set() and not self._lines:
                return

    def _write(self, batch: bytes) -> bool:
        view = memoryview(batch)
        while view:
            try:
                view = view[os.write(self._fd, view) :]
            except BlockingIOError:
                self._writable.poll(_POLL_MS)
            except OSError:
                return False  # the reader of our stdout is gone; there is nobody left to tell
        return True
