"""An audit hook over the whole suite (reliability D25): what gateway code must never do, seen by the interpreter.

No process is started, no text is compiled into code, no connection leaves this machine and no file is written
outside the repository and the temporary directory, whichever library does it on the gateway's behalf; nor is one
read that is neither there nor of Python, of its libraries or of the system's few files that everybody reads. What
serves requests starts no process in any test, those whose subject is a process included. The hook only takes
notes, as an exception out of it would surface inside some library; the fixture in `conftest.py` asks for them
after each test. It cannot see what uvloop does in C, nor into other processes: most tests use asyncio's own loop,
and those that start processes are named below.
"""

import ipaddress
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
#: Tests whose subject is a process: the servers, the sim's command, node, `kaze check`, this hook itself.
MAY_START_PROCESSES = (
    "tests/serving/", "tests/sim/test_control.py", "tests/settings/", "tests/javascript/", "tests/test_audit.py",
    "tests/test_sharing.py", "tests/local_models/", "tests/conformance/test_clients.py",
    "tests/conformance/agents/", "tests/admin/", "tests/admission/", "tests/budgets/", "tests/configuration/",
    "tests/drills/",
    "tests/idempotency/", "tests/keys/", "tests/responses/", "tests/spending/", "tests/storage/",
    "tests/loadtests/test_scenarios.py",
)  # fmt: skip

_GATEWAY = tuple(f"{ROOT}/{package}/" for package in ("gateway", "keys", "budgets", "storage"))
_OURS = (*_GATEWAY, f"{ROOT}/provider_sim/", f"{ROOT}/local_models/")
#: What serves requests and administers; the rest of the gateway starts workers and servers.
_SERVES = (
    *(f"{ROOT}/gateway/{floor}/" for floor in ("api", "pipeline", "admission", "dialects", "upstream", "settings")),
    f"{ROOT}/gateway/app.py", f"{ROOT}/keys/", f"{ROOT}/budgets/",
)  # fmt: skip
#: The one process that is declared: at a start, where the file of prices is not there yet, one that makes it.
_MAKES_PRICES = f"{ROOT}/budgets/price_file.py"
#: Reads what the configuration names.
_READS_SECRETS = f"{ROOT}/keys/secrets/file.py"
#: The last one: where root has the embedded database when its own directories are closed to it.
_WRITABLE = tuple(
    f"{directory}/"
    for directory in {
        str(ROOT), tempfile.gettempdir(), os.path.realpath(tempfile.gettempdir()), "/dev", "/var/lib/kaze",
    }
)  # fmt: skip
#: Python and its libraries; names of hosts, roots of trust, time zones, and what the kernel says of this process.
_READABLE = (
    *_WRITABLE,
    *(f"{prefix}/" for prefix in {sys.prefix, sys.base_prefix, os.path.realpath(sys.base_prefix)}),
    "/etc/hosts/", "/etc/resolv.conf/", "/etc/nsswitch.conf/", "/etc/services/", "/etc/host.conf/", "/etc/ssl/",
    "/etc/pki/", "/etc/mime.types/", "/etc/os-release/", "/etc/localtime/", "/usr/lib/ssl/", "/usr/share/zoneinfo/",
    "/proc/", "/sys/",
)  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_PROCESS = frozenset(
    {
        "subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system",
        "pty.spawn",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that was done: `kind` is process, compile, connect, write, read, or process of who serves."""

    kind: str
    detail: str

    def allowed(self, path: str) -> bool:
        """Whether the test file at `path` (relative to the repository) may do it."""
        return self.kind == "process" and path.startswith(MAY_START_PROCESSES)


class Audit:
    """The hook and its notes. An interpreter never forgets a hook: install one."""

    def __init__(self) -> None:
        self._deeds: list[Deed] = []

    def install(self) -> None:
        sys.addaudithook(self._hook)

    def take(self) -> list[Deed]:
        """What was done since the last call."""
        deeds, self._deeds = self._deeds, []
        return deeds

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if event in _PROCESS:
            serving = None if _first_under((_MAKES_PRICES,)) else _first_under(_SERVES)
            kind = "process" if serving is None else "process of who serves"
            self._note(kind, f"{event} {args!r} from {serving}")
        elif event == "compile":
            if _frame().f_code.co_filename.startswith(_OURS):
                self._note("compile", f"in {_place(_frame())}")
        elif event == "socket.connect":
            if not _stays_here(args[1]):
                self._note("connect", repr(args[1]))
        elif event == "open" and (kind := _outside(args)) and (place := _first_under(_GATEWAY)):
            self._note(kind, f"{args[0]!r} from {place}")

    def _note(self, kind: str, detail: str) -> None:
        self._deeds.append(Deed(kind, detail[:300]))


def _frame() -> FrameType:
    """The frame that caused the event: the first outside this file."""
    return next(frame for frame in _frames() if frame.f_code.co_filename != __file__)


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back


def _place(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename.removeprefix(f'{ROOT}/')}:{frame.f_lineno}"


def _first_under(places: tuple[str, ...]) -> str | None:
    """Where under `places` an event began; None when it did not, or when the import system acts for it."""
    for frame in _frames():
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib"):
            return None
        if name.startswith(places):
            return _place(frame)
    return None


def _stays_here(address: object) -> bool:
    """Whether an address is of this machine: a unix socket's path, or a loopback address."""
    if not isinstance(address, tuple):
        return isinstance(address, str | bytes)
    host = address[0]
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _outside(args: tuple[Any, ...]) -> str:
    """Whether an `open` event is for writing or reading outside the places for it; empty when it is not."""
    path, mode, flags = args
    if isinstance(path, int) or path is None:
        return ""
    writing = (
        any(letter in mode for letter in "wax+") if isinstance(mode, str) else bool((flags or 0) & _WRITING)
    )
    # `..` is taken away by text alone: following links would open files, inside a hook on opening files
    plain = f"{os.path.abspath(os.fsdecode(path))}/"  # noqa: PTH100
    if writing:
        return "" if plain.startswith(_WRITABLE) else "write"
    return "" if plain.startswith(_READABLE) or _first_under((_READS_SECRETS,)) else "read"
