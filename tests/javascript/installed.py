"""Node and pinned packages: found, or installed once from a lock file, or a reason why these tests cannot run."""

import fcntl
import json
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
_NODE_MIN = 18
#: npm with a registry that does not answer would otherwise try for minutes.
_NPM_CI = (
    "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=30000"
)  # fmt: skip


class Missing(Exception):  # noqa: N818  a reason to skip, not an error
    """What this machine lacks."""


def installed_node(folder: Path = HERE, patience_s: int = 90) -> str:
    """The node program, once what the folder's lock file names is installed there. Raises Missing."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise Missing("node and npm are not installed")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").partition(".")[0]) < _NODE_MIN:
        raise Missing(f"node {version} is older than {_NODE_MIN}")
    with (folder / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs of the suite in one checkout install once
        if not _is_current(folder):
            _install(npm, folder, patience_s)
    return node


def _install(npm: str, folder: Path, patience_s: int) -> None:
    try:
        done = subprocess.run([npm, *_NPM_CI], cwd=folder, capture_output=True, text=True, timeout=patience_s)
    except subprocess.TimeoutExpired:
        raise Missing("npm took too long: the registry cannot be reached") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("npm error")]
        if any(word in done.stderr for word in ("EINTEGRITY", "EUSAGE", "EJSONPARSE")):
            raise RuntimeError(f"the lock file is wrong: {' '.join(lines[:3])}")
        raise Missing(f"npm could not install what the lock file names: {' '.join(lines[:2])}")


def _is_current(folder: Path) -> bool:
    """Whether what is installed is what the lock file says."""
    installed = folder / "node_modules/.package-lock.json"  # npm writes it last
    return installed.exists() and _versions(installed) == _versions(folder / "package-lock.json")


def _versions(lock: Path) -> dict[str, str]:
    """Of every package by its place, but for those that only some machines need."""
    packages = json.loads(lock.read_text())["packages"]
    needed = ((place, one) for place, one in packages.items() if place and not one.get("optional"))
    return {place: one["version"] for place, one in needed}
