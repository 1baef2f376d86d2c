"""A gateway under test: the real application on real sockets, in this process, in front of a scripted provider."""

import asyncio
import json
import os
import socket
import tempfile
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from budgets.price_file import load_seed, seed_path
from gateway.api.protocol import bounded_protocol
from gateway.app import App
from gateway.pipeline.spending import Spending
from gateway.serving.listener import Listener
from gateway.settings.load import load
from gateway.settings.server import Settings
from provider_sim import ProviderSim
from tests.clock import LoopClock, passes, until

TENANT_KEY = "tenant-a-key-0123456789abcdef"
OTHER_KEY = "tenant-b-key-0123456789abcdef"
ADMIN_KEY = "admin-key-0123456789abcdef-0123456789"
PROVIDER_SECRET = "provider-secret-canary-0123456789"
ENVIRON = {
    "TENANT_A": TENANT_KEY,
    "TENANT_B": OTHER_KEY,
    "PROVIDER_KEY": PROVIDER_SECRET,
    "PROVIDER_KEY_2": PROVIDER_SECRET + "-2",
    # As rows of the database may name them.
    "KAZE_PROVIDER_KEY": PROVIDER_SECRET,
    "KAZE_PROVIDER_KEY_2": PROVIDER_SECRET + "-2",
    "BAD_KEY": "bad-credential-0123456789",
    "KAZE_ADMIN_KEY": ADMIN_KEY,
    "KAZE_KEY_PEPPER": "of-no-gateway-but-those-of-these-tests-7f3a",
}


def configuration(provider_url: str, **changes: Any) -> dict[str, Any]:
    """One provider with two provider keys, two tenants, two routes; `changes` replace top-level parts."""
    made: dict[str, Any] = {
        "providers": [{"id": "sim", "dialect": "openai", "base_url": provider_url, "flavour": "sim"}],
        "pools": [
            {"id": "one", "provider": "sim", "secret": "env:PROVIDER_KEY", "tenants": ["*"]},
            {"id": "two", "provider": "sim", "secret": "env:PROVIDER_KEY_2", "tenants": ["a"]},
        ],
        "models": [{"id": "smart", "targets": ["sim/chat"]}, {"id": "org/m:x", "targets": ["sim/chat"]}],
        "tenants": [
            {"id": "a", "keys": [{"id": "web", "secret": "env:TENANT_A", "priority_max": "conversation"}]},
            {"id": "b", "keys": [{"id": "web", "secret": "env:TENANT_B"}]},
        ],
    }
    made.update(changes)
    return made


class RunningGateway:
    """`async with RunningGateway(configuration(url)) as gateway`: `gateway.url`, `gateway.log_lines()`, …"""

    def __init__(
        self, config: dict[str, Any], environ: dict[str, str] | None = None, database_dsn: str | None = None
    ) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="kaze-test-")
        self._root = root = Path(self._directory.name)
        self.environ = {**ENVIRON, **(environ or {})}
        self._database_dsn = database_dsn
        self.write(config)
        self.settings = self._load()
        self._log = root / "requests.log"
        if database_dsn is not None:
            prices = seed_path(self.settings.data_dir / "prices")
            prices.parent.mkdir(parents=True)
            prices.write_bytes(_prices())

    def write(self, config: dict[str, Any]) -> None:
        """Another configuration file, which a reload reads."""
        self.config = config
        (self._root / "kaze.yaml").write_text(json.dumps(config))

    def _load(self) -> Settings:
        options = {"data_dir": str(self._root / "data"), "port": 0, "admin_port": 0}
        return load(self._root / "kaze.yaml", self.environ, options)

    async def __aenter__(self) -> Self:
        self._log_fd = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.app = App(
            self.settings,
            clock=LoopClock(),
            log_fd=self._log_fd,
            database_dsn=self._database_dsn,
            reread=self._load,
            administers=True,
        )
        await self.app.start()
        bounds, refused = self.settings.snapshot.bounds, self.app.unread.refused
        protocol = bounded_protocol(bounds, told=refused)
        self._data_socket, self._admin_socket = _listening(), _listening()
        self.port = self._data_socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.admin_url = f"http://127.0.0.1:{self._admin_socket.getsockname()[1]}"
        self._listeners = [
            Listener(self.app.data, self._data_socket, protocol=protocol),
            Listener(self.app.admin, self._admin_socket, protocol=bounded_protocol(bounds, problems=True)),
        ]
        for listener in self._listeners:
            listener.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        closing = asyncio.gather(*(listener.close(1.0) for listener in self._listeners))
        while not closing.done():
            await passes(0.1)  # uvicorn looks every tenth of a second whether it should end
        await closing
        await self.app.aclose()
        os.close(self._log_fd)
        self._directory.cleanup()

    async def log_lines(self, count: int) -> list[dict[str, Any]]:
        """The request log once it has `count` lines."""
        while len(lines := self._log.read_text().split("\n")[:-1]) < count:  # the last may be half written
            await asyncio.sleep(0)  # in which the thread that writes them may run
        return [json.loads(line) for line in lines]

    @property
    def spending(self) -> Spending:
        """Its money, which there is with a database alone."""
        spending = self.app.pipeline.spending
        assert spending is not None
        return spending

    async def quiet(self) -> None:
        """Wait until no exchange is in flight."""
        await until(lambda: not self.app.live)


@cache
def _prices() -> bytes:
    """What a gateway makes at its first start: once for all of them, as it takes a second."""
    with tempfile.TemporaryDirectory(prefix="kaze-test-") as directory:
        load_seed(Path(directory))
        return seed_path(Path(directory)).read_bytes()


def _listening() -> socket.socket:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(128)
    return sock


__all__ = [
    "ADMIN_KEY",
    "OTHER_KEY",
    "PROVIDER_SECRET",
    "TENANT_KEY",
    "ProviderSim",
    "RunningGateway",
    "configuration",
]
