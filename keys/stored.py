"""Credentials that are made once and kept in the data directory: pepper, admin key, first tenant key."""

import contextlib
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

_SIZE_MAX = 4096


class StoredError(Exception):
    """A credential that can be neither read nor made; the message names the file."""


def read(path: Path) -> str | None:
    """What `path` holds, or None when there is no such file; raises StoredError."""
    try:
        # O_NONBLOCK: a pipe in its place is refused below instead of waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StoredError(f"{path.name} in the data directory cannot be read: {_reason(error)}") from None
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise StoredError(f"{path.name} in the data directory is not a regular file")
        content = stream.read(_SIZE_MAX + 1)
    try:
        value = content.decode("ascii").strip()
    except UnicodeDecodeError:
        value = ""
    if not value or len(content) > _SIZE_MAX or not value.isprintable():
        raise StoredError(f"{path.name} in the data directory is damaged")
    return value


def is_exposed(path: Path) -> bool:
    """Whether others than the owner may read or change `path`."""
    try:
        return bool(path.stat().st_mode & 0o077)
    except OSError:
        return False


def read_or_make(path: Path, make: Callable[[], str]) -> tuple[str, bool]:
    """What `path` holds, made and written with mode 0600 when it is not there; True when this call made it.

    Of several processes at once one makes it and all return the same.
    """
    held = read(path)
    if held is not None:
        return held, False
    value = make()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = _write_new(path, value)
    except (OSError, ValueError) as error:
        message = f"{path.name} cannot be written to the data directory: {_reason(error)}"
        raise StoredError(message) from None
    if made:
        return value, True
    return read_or_make(path, make)


def _write_new(path: Path, value: str) -> bool:
    """Put `value` at `path` whole or not at all; False when another process was first."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(value.encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        # A link and not a rename: it fails when the name is taken.
        os.link(draft, path)
        _sync_directory(path.parent)
    except FileExistsError:
        return False
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
    return True


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "not a path"
