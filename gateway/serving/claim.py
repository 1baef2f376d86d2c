"""One gateway per data directory: two would share generated keys, sockets and, later, spools.

The claim is a lock on an open file, so it ends with its process however that dies.
"""

import fcntl
import os
from pathlib import Path
from typing import Self

from gateway.serving.refusal import StartError


class DataDirClaim:
    """Holds `data_dir` (made if missing, for its owner only) from construction to `release`."""

    def __init__(self, data_dir: Path) -> None:
        path = data_dir / "gateway.lock"
        try:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartError(f"data_dir: cannot use {data_dir}: {error.strerror}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            raise StartError(
                f"data_dir: {data_dir} is in use by another gateway (process {holder or 'unknown'}); "
                "stop it, or give this one a directory of its own with --data-dir"
            ) from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.release()
