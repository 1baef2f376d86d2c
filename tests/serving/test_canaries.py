"""A whole run, at its most talkative, with secrets that are recognised: they are found nowhere, not even in pieces.

What is searched: both outputs of `kaze serve` and of `kaze apply`, every answer that is not one in which a key is
shown once, metrics, and each file of the data directory but those that are there to hold a secret; with the
database's own files, its log, the spool and the audit trail's anchors.
"""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import httpx2
import pytest

from loadtests.peers import free_port
from provider_sim import ProviderSim
from tests.keys.openbao import ROOT_TOKEN, OpenBao
from tests.serving.running_process import PATIENCE_S, chat, environ

#: Of every secret no eight characters in a row may show; the last four of a key are told.
WINDOW = 8
READ = (
    "config", "audit", "audit/verify", "pools", "providers", "tenants", "tenants/a/keys", "tenants/b/keys",
    "admin-keys", "models", "budgets", "queue", "workers", "usage?group_by=tenant", "usage/export?format=csv",
)  # fmt: skip
#: Files that are there to hold one, and the database's own of its roles.
HOLDERS = {"pepper", "admin-key", "tenant-key", "passwords.json", "key.of-two"}


def canary(name: str) -> str:
    return f"{name}{secrets.token_hex(20)}"


def windows(values: Iterator[str] | list[str]) -> set[bytes]:
    """Of the random part: the name before it is ours."""
    found = set()
    for value in values:
        random = value[-40:]
        found |= {random[at : at + WINDOW].encode() for at in range(len(random) - WINDOW + 1)}
    return found


def seen_in(text: bytes, of: set[bytes]) -> list[bytes]:
    return [one for one in of if one in text]


class Run:
    """The gateway as a process, and everything that came out of it."""

    def __init__(self, root: Path, config: dict[str, Any], environment: dict[str, str]) -> None:
        self._root = root
        self.data_dir = root / "data"
        self._config = root / "kaze.yaml"
        self._config.write_text(json.dumps(config))
        port, admin_port = free_port(), free_port()
        self.url, self.admin_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin_port}"
        self._environment = environment
        self._options = ["--port", str(port), "--admin-port", str(admin_port), "--config", str(self._config)]
        self.said: dict[str, bytes] = {}

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "gateway", "serve", "--data-dir", str(self.data_dir), *self._options]
        with (self._root / "out").open("wb") as out, (self._root / "err").open("wb") as err:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=self._environment,
                cwd=self._root,
            )
        deadline = time.monotonic() + 2 * PATIENCE_S
        while not self._is_ready():
            assert self._process.poll() is None and time.monotonic() < deadline, (
                self._root / "err"
            ).read_text()
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _is_ready(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/readyz", timeout=5, trust_env=False).status_code == 200
        except httpx2.TransportError:
            return False

    def ask(self, key: str, **more: Any) -> int:
        """On the data plane."""
        reply = httpx2.post(
            f"{self.url}/v1/chat/completions", headers={"authorization": f"Bearer {key}"},
            timeout=PATIENCE_S, trust_env=False, **{"json": chat("Hello"), **more},
        )  # fmt: skip
        self.said[f"answer {len(self.said)}"] = reply.content + repr(reply.headers).encode()
        return reply.status_code

    def admin(self, method: str, path: str, key: str, body: Any = None, *, shows: bool = False) -> Any:
        """On the admin plane; `shows`: the answer is where a key is shown once."""
        headers = {"authorization": f"Bearer {key}"}
        reply = httpx2.request(
            method, self.admin_url + path, json=body, headers=headers, timeout=PATIENCE_S, trust_env=False
        )
        if not shows:
            self.said[f"{method} {path} {len(self.said)}"] = reply.content + repr(reply.headers).encode()
        return reply.json() if "json" in reply.headers["content-type"] else None

    def command(self, *words: str, env: dict[str, str]) -> int:
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *words], capture_output=True, env=env, cwd=self._root,
            timeout=2 * PATIENCE_S,
        )  # fmt: skip
        self.said[f"kaze {words[0]} {len(self.said)}"] = done.stdout + done.stderr
        return done.returncode

    def everything(self) -> Iterator[tuple[str, bytes]]:
        yield from self.said.items()
        yield from ((name, (self._root / name).read_bytes()) for name in ("out", "err"))
        for place, _, files in os.walk(self.data_dir.resolve(), followlinks=True):
            for file in files:
                path = Path(place, file)
                if file not in HOLDERS and path.is_file():
                    yield str(path), path.read_bytes()


@pytest.mark.timeout(300)
async def test_no_secret_is_seen_in_a_whole_run(sim: ProviderSim, tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    with OpenBao() as bao:
        await asyncio.to_thread(_run, sim, bao, tmp_path)


def _run(sim: ProviderSim, bao: OpenBao, root: Path) -> None:
    kept = {name: canary(name) for name in ("one", "two", "three", "bad-four", "tenant-", "given-", "wrong-")}
    kept |= {"admin": canary("admin-"), "pepper": canary("salt-"), "proxy": f"user:{canary('p')}"}
    (root / "key.of-two").write_text(kept["two"])
    bao.put("llm/sim", key=kept["three"])
    environment = environ(
        KAZE_LOG_LEVEL="debug", KAZE_ADMIN_KEY=kept["admin"], KAZE_KEY_PEPPER=kept["pepper"],
        PYTHONASYNCIODEBUG="1", BAO_TOKEN=ROOT_TOKEN, ONE=kept["one"], FOUR=kept["bad-four"],
        KAZE_PROVIDER_FOUR=kept["bad-four"], TENANT=kept["tenant-"], GIVEN=kept["given-"], PROXY=kept["proxy"],
    )  # fmt: skip
    del environment["KAZE_DATABASE_URL"]
    provider = {"dialect": "openai", "base_url": sim.openai_url, "flavour": "sim"}
    config = {
        "providers": [
            {"id": "sim", **provider},
            {"id": "far", **provider, "egress_proxy": "http://127.0.0.1:9", "egress_proxy_auth": "env:PROXY"},
        ],
        "vault": {"address": bao.address, "auth": {"token": "env:BAO_TOKEN"}, "watch_s": 0.5},
        "pools": [
            {"id": "one", "provider": "sim", "secret": "env:ONE"},
            {"id": "two", "provider": "sim", "secret": f"file:{root / 'key.of-two'}"},
            {"id": "three", "provider": "sim", "secret": "vault:secret/llm/sim#key"},
            {"id": "four", "provider": "far", "secret": "env:FOUR"},
        ],
        "models": [{"id": "smart", "targets": ["sim/chat"]}],
        "tenants": [{"id": "a", "keys": [{"id": "web", "secret": "env:TENANT"}]}],
    }
    more = {
        "tenants": [{"id": "b", "keys": [{"id": "web", "secret": "env:GIVEN"}]}],
        "providers": [{"id": "applied", **provider}],
        "pools": [{"id": "five", "provider": "applied", "secret": "env:KAZE_PROVIDER_FOUR"}],
    }
    (root / "more.yaml").write_text(json.dumps(more))
    with Run(root, config, environment) as run:
        kept |= _exercise(run, kept, bao, sim, environment)
    unseen = windows(list(kept.values())) | {ROOT_TOKEN.encode()}
    found = {name: seen for name, text in run.everything() if (seen := seen_in(text, unseen))}
    assert found == {}
    # The search finds: a key's holder has it, and the gateway did log at its most talkative.
    assert seen_in((root / "key.of-two").read_bytes(), unseen)
    assert b" DEBUG " in (root / "err").read_bytes()
    assert any(name.endswith("pg_control") for name, _ in run.everything())


def _exercise(
    run: Run, kept: dict[str, str], bao: OpenBao, sim: ProviderSim, environment: dict[str, str]
) -> dict[str, str]:
    """Success and failure of every kind; further secrets that were made."""
    admin, made = kept["admin"], {}
    assert [run.ask(kept["tenant-"]) for _ in range(6)] == [200] * 6
    assert run.ask(kept["wrong-"]) == 401
    assert run.ask(kept["tenant-"], json={"model": "far/chat", "messages": []}) >= 400
    assert run.ask(kept["tenant-"], content=b'{"model": "smart", "messages": [') == 400
    for _ in range(3):
        run.ask(kept["tenant-"], json=chat("[[sim:status=500]] fail"))
    sim.fault(credential=kept["one"], status=401)
    assert [run.ask(kept["tenant-"]) for _ in range(4)] == [200] * 4
    made["rotated"] = canary("rotated")
    bao.put("llm/sim", key=made["rotated"])
    cli = {**environment, "KAZE_ADMIN_URL": run.admin_url}
    assert run.command("apply", "-f", "more.yaml", "--dry-run", env=cli) == 0
    assert run.command("apply", "-f", "more.yaml", env=cli) == 0
    assert run.command("apply", "-f", "more.yaml", env=cli) == 0
    assert run.ask(kept["given-"]) == 200
    shown = run.admin("POST", "/admin/v1/tenants/b/keys", admin, {"id": "made"}, shows=True)
    made["made"] = shown["secret"][:-6]
    shown = run.admin("POST", "/admin/v1/keys/b:made/rotate", admin, {"overlap_s": 60}, shows=True)
    made["again"] = shown["secret"][:-6]
    shown = run.admin("POST", "/admin/v1/admin-keys", admin, {"id": "ci", "role": "auditor"}, shows=True)
    made["auditor"] = shown["secret"][:-6]
    run.admin("POST", "/admin/v1/tenants", shown["secret"], {"id": "c"})  # denied
    run.admin("POST", "/admin/v1/tenants", kept["wrong-"], {"id": "c"})  # of nobody
    literal = {"id": "six", "provider": "sim", "secret": kept["wrong-"]}
    run.admin("POST", "/admin/v1/pools", admin, literal)
    run.admin("POST", "/admin/v1/tenants/b/keys", admin, {"id": "taken", "secret": kept["given-"]})
    run.admin("POST", "/admin/v1/explain", admin, {"tenant": "b", "model": "smart"})
    for pool in ("one", "three", "four", "five"):
        run.admin("POST", f"/admin/v1/pools/{pool}/verify", admin, {})
        run.admin("POST", f"/admin/v1/pools/{pool}/refresh", admin, {})
    run.admin("POST", "/admin/v1/config/reload", admin)
    for path in READ:
        run.admin("GET", f"/admin/v1/{path}", admin)
    run.admin("GET", "/metrics", admin)
    assert run.ask(made["again"]) == 401  # without its end it is no key
    assert (
        b"keys.rotate" in run.said[next(name for name in run.said if name.startswith("GET /admin/v1/audit "))]
    )
    return made
