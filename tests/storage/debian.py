"""Programs that Debian ships and no wheel does: downloaded by apt-get, unpacked, installed nowhere. Needs no root.

Packages are kept in `.venv/debian` and asked for once. apt-get has lists of its own there, so the machine's are
neither needed nor touched. Where there is no apt-get, or it reaches nothing, there is no program: `None`.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.audit import ROOT

_KEPT = ROOT / ".venv" / "debian"
_WAIT_S = 180.0


def unpacked(package: str, directory: Path) -> Path | None:
    """The package's files under `directory`, with those of the libraries that it names; None: not to be had."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return None
    kept = _KEPT / package
    if not kept.exists():
        _KEPT.mkdir(parents=True, exist_ok=True)
        try:
            with tempfile.TemporaryDirectory(dir=_KEPT) as draft:
                _download(package, Path(draft))
                shutil.rmtree(kept, ignore_errors=True)
                Path(draft, "packages").rename(kept)
        except (OSError, subprocess.SubprocessError):
            return None
    for file in sorted(kept.glob("*.deb")):
        subprocess.run(["dpkg-deb", "--extract", file, directory], check=True, timeout=_WAIT_S)
    return directory


def libraries(directory: Path) -> str:
    """For `LD_LIBRARY_PATH`: the machine's own come after."""
    found = [str(path) for path in sorted(directory.glob("usr/lib/*-linux-gnu*"))]
    return ":".join([*found, *filter(None, [os.environ.get("LD_LIBRARY_PATH")])])


def _download(package: str, draft: Path) -> None:
    for name in ("lists/partial", "cache/archives/partial", "packages"):
        (draft / name).mkdir(parents=True)
    own = [
        "-o", f"Dir::State::lists={draft / 'lists'}", "-o", f"Dir::Cache={draft / 'cache'}",
        "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=",
    ]  # fmt: skip
    _said(["apt-get", *own, "update"], draft)
    needs = _said(["apt-cache", *own, "depends", "--important", package], draft)
    names = [line.partition("Depends: ")[2] for line in needs.splitlines()]
    # Of the rest every system that has Python has what counts; LLVM is for what is never switched on.
    wanted = [name for name in names if name.startswith("lib") and not name.startswith(("libc6", "libllvm"))]
    _said(["apt-get", *own, "download", package, *wanted], draft / "packages")


def _said(command: list[str], directory: Path) -> str:
    done = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, check=True, timeout=_WAIT_S,
        stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    return done.stdout
