"""Listening sockets, bound before anything else is built so that a taken port is found out at once.

They listen from the start: whoever connects before the application is ready waits instead of being refused.
"""

import errno
import os
import socket
import tempfile
from pathlib import Path

from gateway.serving.refusal import StartError

BACKLOG = 2048
#: What fits `sun_path` on every system (104 on BSD and macOS, 108 on Linux), less the closing zero.
_UNIX_PATH_BYTES_MAX = 103


def listen_tcp(host: str, port: int, setting: str) -> socket.socket:
    """A listening socket on `host`:`port`; `setting` is what to change when that is not possible."""
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise StartError(f"host: {host} is not an address of this machine") from error
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise StartError(_why_not(error, host, port, setting)) from error
    sock.setblocking(False)
    return sock


def _why_not(error: OSError, host: str, port: int, setting: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"{setting}: port {port} on {host} is in use; choose another with --{setting.replace('_', '-')}"
        )
    if error.errno == errno.EACCES:
        return f"{setting}: port {port} needs rights that this user lacks; choose one above 1023"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"host: {host} is not an address of this machine"
    return f"{setting}: cannot listen on {host} port {port}: {error.strerror}"


def base_url(sock: socket.socket) -> str:
    """Where a caller on this machine reaches `sock`."""
    host, port = sock.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = "127.0.0.1" if sock.family == socket.AF_INET else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def socket_dir(data_dir: Path) -> Path:
    """Where the workers' sockets live: `<data_dir>/run`, or a short temporary directory if that is too long."""
    run = data_dir.resolve() / "run"
    if len(os.fsencode(run / "worker-999.sock")) > _UNIX_PATH_BYTES_MAX:
        return Path(tempfile.mkdtemp(prefix="kaze-"))
    run.mkdir(mode=0o700, exist_ok=True)
    return run


def listen_unix(path: Path) -> socket.socket:
    """A listening socket at `path`, for this user only; what an earlier process left there is replaced."""
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(str(path))
    path.chmod(0o600)
    sock.listen(BACKLOG)
    sock.setblocking(False)
    return sock
