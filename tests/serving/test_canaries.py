"""A whole run, at its most talkative, with secrets that are recognised: they are found nowhere, not even in pieces.

Reliability D9, D74. What is searched: both outputs of `kaze serve` and of `kaze apply`, every answer that is not
one in which a key is shown once, metrics, every row of every table, the spool, and each file of the data directory
but those that are there to hold a secret; with the database's own files, its log and the audit trail's anchors.
Beside secrets: their plain hashes, and what callers ask and who they are.
"""

import asyncio
import hashlib
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any, Self

import httpx2
import pytest

from gateway.serving.database import DIRECTORY
from keys.tenant_key import mint
from provider_sim import ProviderSim
from storage.database import connected
from storage.embedded_postgres import EmbeddedPostgres
from storage.postgres_cluster import SUPERUSER
from tests.keys.openbao import ROOT_TOKEN, OpenBao
from tests.serving.running_process import PATIENCE_S, GatewayProcess, chat, environ

#: Of every secret no eight characters in a row may show; the last four of a key are told.
WINDOW = 8
READ = (
    "config", "audit", "audit/verify", "pools", "providers", "tenants", "tenants/a/keys", "tenants/b/keys",
    "admin-keys", "models", "budgets", "queue", "workers", "usage?group_by=tenant,key,agent",
    "usage/export?format=csv", "usage/export?format=ndjson", "openapi.json",
)  # fmt: skip
#: Files that are there to hold one, and the database's own of its roles.
HOLDERS = {"pepper", "admin-key", "tenant-key", "passwords.json", "key.of-two"}
#: What a provider does, in the scripted one's words, with what it was asked in its own; and what callers do wrong.
FAILURES = (
    {"status": 400}, {"status": 401, "echo": True}, {"status": 403}, {"status": 404}, {"status": 413},
    {"status": 429}, {"status": 500}, {"status": 503}, {"status": 529}, {"garbage": True}, {"cut": 40},
    {"reset": True},
)  # fmt: skip
BROKEN = ("", "{", '{"model": "smart", "messages": ["PROMPT', "[1]", '{"model": 7}')


def canary(name: str) -> str:
    return f"{name}{secrets.token_hex(20)}"


def marks(values: Iterable[str]) -> set[bytes]:
    """By which each is recognised: parts of what is random (the name before it is ours), and its plain hashes."""
    found = set()
    for value in values:
        random = value[-40:]
        found |= {random[at : at + WINDOW].encode() for at in range(len(random) - WINDOW + 1)}
        plain = value.encode()
        found |= {hashlib.sha256(plain).hexdigest().encode(), hashlib.md5(plain).hexdigest().encode()}
    return found


def seen_in(text: bytes, of: set[bytes]) -> list[bytes]:
    """What is random in a secret is hexadecimal: only what begins as something there does is looked for."""
    runs = re.findall(rb"[0-9a-f]{%d,}" % WINDOW, text)
    begins = {run[at : at + WINDOW] for run in runs for at in range(len(run) - WINDOW + 1)}
    return [one for one in of if (one[:WINDOW] in begins or one == ROOT_TOKEN.encode()) and one in text]


class Run(GatewayProcess):
    """The gateway as a process, and everything that came out of it."""

    def __init__(self, root: Path, config: dict[str, Any], environment: dict[str, str]) -> None:
        self._root = root
        (root / "kaze.yaml").write_text(json.dumps(config))
        self._errors = (root / "err").open("wb")
        super().__init__(
            root / "data", "--config", str(root / "kaze.yaml"), env=environment, messages=self._errors
        )
        self.said: dict[str, bytes] = {}

    def __enter__(self) -> Self:
        super().__enter__()
        self._reading = Thread(target=self._read)
        self._reading.start()
        return self

    def __exit__(self, *raised: Any) -> None:
        self.terminate()
        self._reading.join(PATIENCE_S)
        super().__exit__(*raised)
        self._errors.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.said["stdout"] = (self.greeting + self.process.stdout.read()).encode()

    def call(self, key: str, *, heard: bool = True, **more: Any) -> int:
        """On the data plane; not `heard`: the answer holds what the provider was made to say."""
        reply = httpx2.post(
            f"{self.url}/v1/chat/completions", headers={"authorization": f"Bearer {key}"},
            timeout=PATIENCE_S, trust_env=False, **{"json": chat("Hello"), **more},
        )  # fmt: skip
        if heard:
            self.said[f"answer {len(self.said)}"] = reply.content + repr(reply.headers).encode()
        return reply.status_code

    def operate(self, method: str, path: str, key: str, body: Any = None, *, shows: bool = False) -> Any:
        """On the admin plane; `shows`: the answer is where a key is shown once."""
        headers = {"authorization": f"Bearer {key}"}
        reply = httpx2.request(
            method, self.admin_url + path, json=body, headers=headers, timeout=PATIENCE_S, trust_env=False
        )
        if not shows:
            self.said[f"{method} {path} {len(self.said)}"] = reply.content + repr(reply.headers).encode()
        return reply.json() if shows else None

    def command(self, *words: str, env: dict[str, str]) -> int:
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *words], capture_output=True, env=env, cwd=self._root,
            timeout=2 * PATIENCE_S,
        )  # fmt: skip
        self.said[f"kaze {words[0]} {len(self.said)}"] = done.stdout + done.stderr
        return done.returncode

    def keep_stores(self) -> None:
        """What is only there while it runs: the spool, and the database as people dump it."""
        self.said["spool"] = b"".join(path.read_bytes() for path in (self.data_dir / "spool").rglob("*.wal"))
        dsn = EmbeddedPostgres.kept_dsn(self.data_dir / DIRECTORY, SUPERUSER)
        self.said["database"] = asyncio.run(dump(dsn)).encode()

    def everything(self) -> Iterator[tuple[str, bytes]]:
        yield from self.said.items()
        yield "stderr", (self._root / "err").read_bytes()
        for place, _, files in os.walk(self.data_dir.resolve(), followlinks=True):
            for file in files:
                path = Path(place, file)
                if file not in HOLDERS and path.is_file():
                    yield str(path), path.read_bytes()


async def dump(dsn: str) -> str:
    """Every row of every table and of the statements that were run, as `pg_dump` would write them down."""
    async with connected(dsn) as connection:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        tables = await connection.fetch(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        found = []
        for row in (*tables, {"name": "pg_stat_statements"}, {"name": "pg_stat_activity"}):
            lines = await connection.fetch(f"SELECT t::text AS line FROM {row['name']} AS t")
            found += [line["line"] or "" for line in lines]
    assert len(tables) > 15 and len(found) > 20
    return "\n".join(found)


def test_the_search_finds_what_is_there() -> None:
    """A part of a secret wherever it begins, and what it can be recognised by."""
    secret = canary("one")
    for text in (secret[-25:-17], hashlib.sha256(secret.encode()).hexdigest()):
        assert seen_in(f"nothing {text} nothing".encode(), marks([secret]))
    assert not seen_in(f"nothing {secret[-25:-18]} nothing".encode(), marks([secret]))


_NAMES = ("one", "two", "three", "bad-four", "tenant-", "given-", "wrong-", "prompt-", "person-")


@pytest.mark.timeout(300)
async def test_no_secret_is_seen_in_a_whole_run(sim: ProviderSim, tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    with OpenBao() as bao:
        await asyncio.to_thread(_run, sim, bao, tmp_path)


def _run(sim: ProviderSim, bao: OpenBao, root: Path) -> None:
    kept = {name: canary(name) for name in _NAMES}
    kept |= {"admin": canary("admin-"), "pepper": canary("salt-"), "proxy": f"user:{canary('p')}"}
    (root / "key.of-two").write_text(kept["two"])
    bao.put("llm/sim", key=kept["three"])
    environment = environ(
        database=True, KAZE_LOG_LEVEL="debug", KAZE_ADMIN_KEY=kept["admin"], KAZE_KEY_PEPPER=kept["pepper"],
        PYTHONASYNCIODEBUG="1", BAO_TOKEN=ROOT_TOKEN, ONE=kept["one"], FOUR=kept["bad-four"],
        KAZE_PROVIDER_FOUR=kept["bad-four"], TENANT=kept["tenant-"], GIVEN=kept["given-"], PROXY=kept["proxy"],
    )  # fmt: skip
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
    unseen = marks(kept.values()) | {ROOT_TOKEN.encode()}
    found = {name: seen for name, text in run.everything() if (seen := seen_in(text, unseen))}
    assert found == {}
    # The search finds: a key's holder has it, and the gateway did log at its most talkative.
    assert seen_in((root / "key.of-two").read_bytes(), unseen)
    assert b" DEBUG " in (root / "err").read_bytes()
    assert any(name.endswith("pg_control") for name, _ in run.everything())
    assert run.said["spool"] and b"tenants.create" in run.said["database"]
    assert b'"tenant":"b"' in run.said["stdout"].replace(b" ", b"")


def _exercise(
    run: Run, kept: dict[str, str], bao: OpenBao, sim: ProviderSim, environment: dict[str, str]
) -> dict[str, str]:
    """Success and failure of every kind; further secrets that were made."""
    admin, made = kept["admin"], {}
    assert [run.call(kept["tenant-"]) for _ in range(6)] == [200] * 6
    assert run.call(kept["wrong-"]) == 401
    assert run.call(kept["tenant-"], json={"model": "far/chat", "messages": []}) >= 400
    assert run.call(kept["tenant-"], content=b'{"model": "smart", "messages": [') == 400
    assert [run.call(kept["tenant-"], content=one.replace("PROMPT", kept["prompt-"])) for one in BROKEN] == [
        400
    ] * 5
    for _ in range(3):
        run.call(kept["tenant-"], json=chat("[[sim:status=500]] fail"))
    sim.fault(credential=kept["one"], status=401)
    assert [run.call(kept["tenant-"]) for _ in range(4)] == [200] * 4
    made["rotated"] = canary("rotated")
    bao.put("llm/sim", key=made["rotated"])
    cli = {**environment, "KAZE_ADMIN_URL": run.admin_url}
    assert run.command("apply", "-f", "more.yaml", "--dry-run", env=cli) == 0
    assert run.command("apply", "-f", "more.yaml", env=cli) == 0
    assert run.command("apply", "-f", "more.yaml", env=cli) == 0
    assert run.call(kept["given-"]) == 200
    shown = run.operate("POST", "/admin/v1/tenants/b/keys", admin, {"id": "made"}, shows=True)
    made["made"] = shown["secret"][:-6]
    shown = run.operate("POST", "/admin/v1/keys/b:made/rotate", admin, {"overlap_s": 60}, shows=True)
    made["again"] = shown["secret"][:-6]
    shown = run.operate("POST", "/admin/v1/admin-keys", admin, {"id": "ci", "role": "auditor"}, shows=True)
    made["auditor"] = shown["secret"][:-6]
    run.operate("POST", "/admin/v1/tenants", shown["secret"], {"id": "c"})  # denied
    run.operate("POST", "/admin/v1/tenants", kept["wrong-"], {"id": "c"})  # of nobody
    literal = {"id": "six", "provider": "sim", "secret": kept["wrong-"]}
    run.operate("POST", "/admin/v1/pools", admin, literal)
    run.operate("POST", "/admin/v1/tenants/b/keys", admin, {"id": "taken", "secret": kept["given-"]})
    run.operate("POST", "/admin/v1/explain", admin, {"tenant": "b", "model": "smart"})
    for pool in ("one", "three", "four", "five"):
        run.operate("POST", f"/admin/v1/pools/{pool}/verify", admin, {})
        run.operate("POST", f"/admin/v1/pools/{pool}/refresh", admin, {})
    run.operate("POST", "/admin/v1/config/reload", admin)
    _fail(run, kept, sim)
    for path in READ:
        run.operate("GET", f"/admin/v1/{path}", admin)
    run.operate("GET", "/metrics", admin)
    run.keep_stores()
    assert run.call(made["again"]) == 401  # without its end it is no key
    assert run.call(mint("b").reveal()) == 401
    assert all(
        b"keys.rotate" in text for name, text in run.said.items() if name.startswith("GET /admin/v1/audit ")
    )
    return made


def _fail(run: Run, kept: dict[str, str], sim: ProviderSim) -> None:
    """A provider that fails in every way, and tells what it was asked and by which credential."""
    asked = chat(kept["prompt-"]) | {"user": kept["person-"], "metadata": {"mail": kept["person-"]}}
    for number, fault in enumerate(FAILURES):
        words = f"{kept['prompt-']} {kept['one']}"
        sim.script(kept["prompt-"], usage={}, fault={"message": words, **fault})
        run.call(kept["tenant-"], heard=False, json={**asked, "stream": number % 2 == 0})
