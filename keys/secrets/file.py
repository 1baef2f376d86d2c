"""Secrets from files: one secret a file, as Docker and Kubernetes mount them.

Links are followed, as mounted secrets are changed by turning one. A file that anybody could write to is refused,
as the secret could be theirs; one that others can read is taken, because mounts come like that, and reported.
"""

import asyncio
import os
import stat

from keys.secret import Secret
from keys.secrets.reference import Reference
from keys.secrets.source import SIZE_MAX, Fault, Fetched, FetchError, Fingerprint, unfit

_ABSENT = "the file that it names does not exist or is not a regular file"


class FileSource:
    """Reads the file each time, in a thread: it may lie on a network."""

    def __init__(self) -> None:
        self._fingerprint = Fingerprint()

    async def fetch(self, reference: Reference) -> Fetched:
        return await asyncio.to_thread(self.read, reference)

    def read(self, reference: Reference) -> Fetched:
        """The same for those who are not in an event loop; raises FetchError."""
        mode, secret, error = _read(reference.place)
        if error is not None:
            raise error
        wrong = unfit(secret)
        if wrong is not None:
            raise FetchError(Fault.MALFORMED, wrong)
        return Fetched(secret, self._fingerprint.of(secret), exposed=bool(mode & 0o044))


def _read(path: str) -> tuple[int, Secret, FetchError | None]:
    """Mode and content of the file, or what is wrong: returned, as here the content is in plain variables."""
    try:
        # O_NONBLOCK: a pipe is refused below instead of waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                return _wrong(Fault.MISSING, _ABSENT)
            content = stream.read(SIZE_MAX + 1)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return _wrong(Fault.MISSING, _ABSENT)
    except PermissionError as error:
        return _wrong(Fault.DENIED, f"the file that it names cannot be read: {error.strerror}")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        return _wrong(Fault.AWAY, f"the file that it names cannot be read: {reason}")
    if mode & 0o002:
        return _wrong(Fault.DENIED, "the file that it names can be written to by anybody")
    if len(content) > SIZE_MAX:
        return _wrong(Fault.MALFORMED, f"the file that it names is larger than {SIZE_MAX // 1024} KiB")
    try:
        value = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        return _wrong(Fault.MALFORMED, "the file that it names is not text")
    if not value:
        return _wrong(Fault.MISSING, "the file that it names is empty")
    return mode, Secret(value), None


def _wrong(fault: Fault, message: str) -> tuple[int, Secret, FetchError]:
    return 0, Secret(""), FetchError(fault, message)
