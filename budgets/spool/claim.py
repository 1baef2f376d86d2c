"""Whose spool a directory is: a lock on a file in it, which the kernel lets go when its process dies.

Workers need no names of their own: each takes the first directory that nobody holds, with whatever a dead one left
in it, and keeps it. `identity` names the directory for good (slices are leased to it), `epoch` this start.
Blocks, shortly: at start, and off the loop. Without the disk no worker can start: OSError.
"""

import fcntl
import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import Self

_SEATS_MAX = 1024


class Claim:
    """A directory that is ours as long as this is open."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def identity(self) -> str:
        """The same at every start."""
        path = self.path / "identity"
        try:
            return path.read_text().strip()
        except FileNotFoundError:
            made = secrets.token_hex(8)
            _write_durably(path, made)
            return made

    def epoch(self) -> int:
        """Never the same at two starts."""
        last = self.last_epoch()
        _write_durably(self.path / "epoch", str(last + 1))
        return last + 1

    def last_epoch(self) -> int:
        """That of the last start; 0 before the first."""
        try:
            return int((self.path / "epoch").read_text())
        except FileNotFoundError:
            return 0


def claim(path: Path) -> Claim | None:
    """The directory, made if need be; None when a living process holds it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return Claim(path, lock)


def claim_free(root: Path) -> Claim:
    """The first directory under `root` that nobody holds."""
    for seat in range(_SEATS_MAX):
        mine = claim(root / f"spool-{seat:04d}")
        if mine is not None:
            return mine
    raise OSError(f"{_SEATS_MAX} spools are in use")


def seats(root: Path) -> list[Path]:
    """Every spool there is; those that `claim` then gives are nobody's, or were left by the dead."""
    return sorted(path.parent for path in root.glob("spool-*/identity"))


def identities(root: Path) -> frozenset[str]:
    """Whose spools are there, of the living and of the dead."""
    return frozenset((path / "identity").read_text().strip() for path in seats(root))


def _write_durably(path: Path, text: str) -> None:
    """All of it or nothing, whatever happens."""
    new = path.with_suffix(".new")
    with new.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Names in a directory outlive a power cut only after this."""
    opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
