"""What an earlier gateway, killed outright, left running on the embedded cluster's files: ended before a start."""

import logging
import signal
from pathlib import Path

from storage.ending import end_process

#: How a server is told to end: fast, immediate, outright; and how long each may take.
ENDS = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)
STOP_S = 10.0

log = logging.getLogger(__name__)


def end_leftover(data: Path) -> None:
    """Ends what a server that is not ours any more left running on `data`, and only that.

    Its pid file may name a process that has nothing to do with it, as numbers begin anew with a container.
    PostgreSQL would refuse to start then, so a file that does not name a server on `data` is removed. Sessions
    whose server was killed end by themselves, but one that computes may never notice, and holds up the next server.
    """
    pid_file = data / "postmaster.pid"
    try:
        server = int(pid_file.read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        server = 0
    if server > 1 and _serves(server, data):
        log.warning("ending the PostgreSQL that an earlier gateway left behind (process %d)", server)
        end_process(server, ENDS, STOP_S)
    for path in Path("/proc").glob("[0-9]*"):
        if _serves(int(path.name), data):
            end_process(int(path.name), (signal.SIGKILL,), STOP_S)
    pid_file.unlink(missing_ok=True)


def _serves(pid: int, data: Path) -> bool:
    """Whether the process belongs to a server on `data`, in which they all stand."""
    try:
        program, directory = Path(f"/proc/{pid}/exe").readlink(), Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return False
    # A program that was deleted or replaced since has a note behind its name.
    return program.name.partition(" ")[0] == "postgres" and directory == data.resolve()
