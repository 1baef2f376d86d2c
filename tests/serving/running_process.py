"""A gateway started as people start it: `kaze serve` as a process, watched by what it prints."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import httpx2

from tests.running import ADMIN_KEY, TENANT_KEY

REPOSITORY = Path(__file__).resolve().parents[2]
#: For what normally comes at once, on a machine that may stand still for seconds.
PATIENCE_S = 30.0
#: A stream that no test waits for the end of.
ENDLESS = "[[sim:frames=100000 gap_ms=20]] go on"


def chat(text: str, *, stream: bool = False) -> dict[str, Any]:
    return {"model": "sim/chat", "stream": stream, "messages": [{"role": "user", "content": text}]}


def environ(*, database: bool = False, **more: str) -> dict[str, str]:
    """A bare environment: no provider, no settings of the developer's; the embedded `database`, or none."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {
        **kept,
        **({} if database else {"KAZE_DATABASE_URL": "none"}),
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONWARNINGS": "error",
        **more,
    }


def command(data_dir: Path, *options: str) -> list[str]:
    where = ["--port", "0", "--admin-port", "0", "--data-dir", str(data_dir)]
    return [sys.executable, "-m", "gateway", "serve", *where, *options]


class GatewayProcess:
    """`with GatewayProcess(data_dir, "--workers", "2") as gateway`: ready on entry, ended on exit."""

    def __init__(
        self,
        data_dir: Path,
        *options: str,
        env: dict[str, str] | None = None,
        messages: IO[bytes] | None = None,
    ) -> None:
        self.data_dir = data_dir
        self._messages = messages  # else they are where ours are
        self._command = command(data_dir, *options)
        self._environ = env or environ()
        self.greeting = ""

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=self._messages, text=True, env=self._environ,
            cwd=self.data_dir.parent,
        )  # fmt: skip
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.greeting += line
            if line.lstrip().startswith("curl "):
                break
        self.url = self._printed(r"OpenAI base URL +(http://\S+)/v1")
        self.admin_url = self._printed(r"admin +(http://\S+)")
        self.tenant_key = self._kept("tenant-key") or TENANT_KEY
        self.admin_key = self._kept("admin-key") or ADMIN_KEY
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _kept(self, name: str) -> str:
        """A credential that the gateway made; none where it was given one."""
        path = self.data_dir / name
        return path.read_text().strip() if path.exists() else ""

    def _printed(self, pattern: str) -> str:
        found = re.search(pattern, self.greeting)
        assert found is not None, f"not ready: {self.greeting!r}"
        return found[1]

    @property
    def curl(self) -> str:
        return self.greeting.splitlines()[-1]

    def client(self) -> httpx2.Client:
        """A caller with the tenant key."""
        headers = {"authorization": f"Bearer {self.tenant_key}"}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=PATIENCE_S, trust_env=False)

    def ask(self, text: str = "Hello") -> int:
        """One request on a connection of its own, so that any worker may take it; the status."""
        with self.client() as client:
            return client.post("/v1/chat/completions", json=chat(text)).status_code

    def admin(self, path: str, key: str | None = None) -> httpx2.Response:
        headers = {"authorization": f"Bearer {key or self.admin_key}"}
        return httpx2.get(self.admin_url + path, headers=headers, timeout=PATIENCE_S, trust_env=False)

    def requests_total(self) -> float:
        lines = self.admin("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("gateway_requests_total{"))

    def workers(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.admin("/admin/v1/workers").json()["data"]
        return rows

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def ends(self) -> int:
        """Its exit status, soon."""
        return self.process.wait(PATIENCE_S)

    def worked_s(self) -> float:
        """How long it has kept a processor, which does not grow while the machine stands still."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def eventually(true: Callable[[], object]) -> None:
    """Soon `true()` is: a supervisor takes a worker that stood still for a second for a silent one."""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "never came true"
        time.sleep(0.05)


def data_lines(lines: Iterator[str]) -> Iterator[str]:
    """The `data:` fields of an event stream."""
    return (line.removeprefix("data: ") for line in lines if line.startswith("data: "))


def run_to_end(
    arguments: Sequence[str], env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments, capture_output=True, text=True, env=env or environ(), timeout=PATIENCE_S, check=False
    )
