"""The heads of the audit chains, kept outside the database: in a file of the data directory, and in the log.

They are what shows that the end of a chain was cut off, or that all of it was written anew. A file that cannot be
written is said in the log; what was done stays done, as it is already in the database.
"""

import asyncio
import json
import logging
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from storage.audit import Anchor

FILE = "audit-anchors"
_LINE_MAX = 4096

log = logging.getLogger(__name__)


class Anchors:
    """`path` is made with mode 0600 when there is something to keep; None keeps to the log."""

    def __init__(self, path: Path | None, now: Callable[[], datetime]) -> None:
        self._path = path
        self._now = now

    async def add(self, anchor: Anchor) -> None:
        """Returns when it is on disk."""
        log.info("audit chain %s has row %d: %s", anchor.tenant, anchor.seq, anchor.hash.hex())
        if self._path is None:
            return
        said = {
            "at": self._now().isoformat(timespec="seconds"),
            "tenant": anchor.tenant,
            "seq": anchor.seq,
            "hash": anchor.hash.hex(),
        }
        try:
            await asyncio.to_thread(_append, self._path, json.dumps(said).encode() + b"\n")
        except OSError as error:
            log.error("the audit chain's head cannot be kept in %s: %s", self._path.name, error.strerror)

    async def read(self) -> list[Anchor]:
        """All that were kept; lines that are none are left out."""
        return [] if self._path is None else await asyncio.to_thread(_read, self._path)


def _append(path: Path, line: bytes) -> None:
    """One write, which others' writes do not break up."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        os.write(descriptor, line)
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> list[Anchor]:
    found = []
    try:
        with path.open("rb") as stream:
            while line := stream.readline(_LINE_MAX):
                anchor = _parsed(line)
                if anchor is not None:
                    found.append(anchor)
    except FileNotFoundError:
        return []
    return found


def _parsed(line: bytes) -> Anchor | None:
    try:
        said = json.loads(line)
        return Anchor(str(said["tenant"]), int(said["seq"]), bytes.fromhex(said["hash"]))
    except (ValueError, KeyError, TypeError):
        return None
