"""Node and the pinned SDKs: found, or installed once from the lock file, or a reason why these tests cannot run."""

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


def installed_node() -> str:
    """The node program, once the SDKs are installed beside this file. Raises Missing."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise Missing("node and npm are not installed")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").partition(".")[0]) < _NODE_MIN:
        raise Missing(f"node {version} is older than {_NODE_MIN}")
    with (HERE / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs of the suite in one checkout install once
        if not _is_current():
            _install(npm)
    return node


def _install(npm: str) -> None:
    try:
        done = subprocess.run([npm, *_NPM_CI], cwd=HERE, capture_output=True, text=True, timeout=90)
    except subprocess.TimeoutExpired:
        raise Missing("npm took too long to install the SDKs: the registry cannot be reached") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("npm error")]
        if any(word in done.stderr for word in ("EINTEGRITY", "EUSAGE", "EJSONPARSE")):
            raise RuntimeError(f"the lock file is wrong: {' '.join(lines[:3])}")
        raise Missing(f"npm could not install the SDKs: {' '.join(lines[:2])}")


def _is_current() -> bool:
    """Whether what is installed is what the lock file says."""
    installed = HERE / "node_modules/.package-lock.json"  # npm writes it last
    return installed.exists() and _versions(installed) == _versions(HERE / "package-lock.json")


def _versions(lock: Path) -> dict[str, str]:
    """Of every package by its place."""
    packages = json.loads(lock.read_text())["packages"]
    return {place: package["version"] for place, package in packages.items() if place}
