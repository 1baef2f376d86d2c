"""Secrets and people's words through success and failure: nothing of them in anything that is kept or shown.

Reliability D9, D74: every eight characters of each are looked for in logs, metrics, the admin API, spool, database.
"""

import hashlib
import json
import logging
from collections.abc import AsyncIterator, Iterable

import pytest

from keys.tenant_key import mint
from storage.database import connected
from tests.configuration.operator import Operator
from tests.drills.test_postgres_faults import in_force
from tests.gateway.wire import chat, exchange, post, request, settled
from tests.postgres import Stored
from tests.running import ProviderSim, RunningGateway
from tests.spending.test_spending import budgeted

_WINDOW = 8
#: Nothing in them is a word that may stand somewhere by itself.
CANARIES = {
    "TENANT_A": "qzXv7Kp2Lw9RtYb4Nc8Mf3Hd",
    "TENANT_B": "wJ5sGq1ZxV6uTk0PnC2bDy7E",
    "PROVIDER_KEY": "mH8rFz4QjS1oWvL9aXe6IuBt",
    "PROVIDER_KEY_2": "yK3dTc7UgN0pEoZ5hQiVrJwM",
    "BAD_KEY": "bad-Rx2nYl8CkWqAs6OfGvPzTj",
    "KAZE_ADMIN_KEY": "eB9uHtM4zJiDqXo1LrSgVw7KyPn3CfaN",
    "KAZE_KEY_PEPPER": "sU6vQmZ0kTbYhRd2WxJfLg8EpOiNc5AzVt",
}
PROMPT, PERSON = "Pq7ZkVw3RxTj prompt", "Lw8HgYbN4mKe@example.org"

#: What a provider does, in the scripted one's words, and what callers do wrong.
FAILURES = (
    {"status": 400}, {"status": 401, "echo": True}, {"status": 403}, {"status": 404}, {"status": 413},
    {"status": 429}, {"status": 500}, {"status": 503}, {"status": 529}, {"garbage": True}, {"cut": 40},
    {"reset": True},
)  # fmt: skip
BROKEN = (b"", b"{", b'{"model":"smart","' + PROMPT.encode(), b"[1]", b'{"model":7}')
#: Everything that the admin API shows.
_PAGES = (
    "/tenants", "/tenants/acme/keys", "/pools", "/providers", "/models", "/budgets", "/queue", "/workers",
    "/config", "/audit", "/usage?group_by=tenant,key,agent", "/usage/export?format=ndjson", "/openapi.json",
)  # fmt: skip


def windows(secret: str) -> Iterable[str]:
    return (secret[at : at + _WINDOW] for at in range(len(secret) - _WINDOW + 1))


def hashes(secret: str) -> list[str]:
    """By which a leaked key could be recognised without the pepper."""
    plain = hashlib.sha256(secret.encode())
    return [plain.hexdigest(), hashlib.md5(secret.encode()).hexdigest()]


@pytest.fixture
async def gateway(sim: ProviderSim, stored: Stored) -> AsyncIterator[RunningGateway]:
    config = budgeted(sim, 10.0)
    running = RunningGateway(config, CANARIES, stored.application)
    async with running:
        yield running


async def dump(stored: Stored) -> str:
    """Every row of every table and of the statements that were run, as `pg_dump` would write them down."""
    async with connected(stored.superuser) as connection:
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


async def test_nothing_of_a_secret_or_a_prompt_is_anywhere(
    gateway: RunningGateway, sim: ProviderSim, stored: Stored,
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    key = CANARIES["TENANT_A"]
    root = CANARIES["KAZE_ADMIN_KEY"]

    async def ask(method: str, path: str, body: object = None, presented: str = root) -> bytes:
        asked = request(body, path=f"/admin/v1{path}", method=method, key=presented)
        return (await exchange(gateway, asked, admin=True)).body

    shown: list[bytes] = []
    with caplog.at_level(logging.DEBUG):
        operator = Operator(stored.application)
        await ask("POST", "/tenants", {"id": "acme", "name": "Acme"})
        issued: str = json.loads(await ask("POST", "/tenants/acme/keys", {"id": "web"}))["secret"]
        await in_force(gateway, operator)
        body = chat(PROMPT, user=PERSON, metadata={"mail": PERSON}, max_tokens=50)
        count = 0
        for presented in (key, CANARIES["TENANT_B"], issued):
            for stream in (False, True):
                reply = await post(gateway, {**body, "stream": stream}, key=presented)
                assert reply.status in (200, 404)  # of this route tenant b has nothing, or the same
                count += 1
        for fault in FAILURES:
            sim.script(PROMPT, usage={}, fault={"message": f"{PROMPT} {CANARIES['PROVIDER_KEY']}", **fault})
            await post(gateway, {**body, "stream": count % 2 == 0}, key=key)
            count += 1
        for broken in BROKEN:
            shown.append((await post(gateway, broken, key=key)).body)
            count += 1
        almost = issued[:-1] + ("a" if issued[-1] != "a" else "b")
        for wrong in (almost, key[:-1], mint("acme").reveal()):
            shown.append((await post(gateway, body, key=wrong)).body)
            count += 1
        shown += [await ask("GET", "/tenants", presented=wrong) for wrong in (root[:-1], key, issued)]
        shown.append(await ask("POST", "/tenants", {"id": "x", "secret": CANARIES["PROVIDER_KEY"]}))
        shown.append(
            await ask("POST", "/pools", {"id": "p", "provider": "sim", "secret": CANARIES["PROVIDER_KEY"]})
        )
        await settled(gateway)
        spool = b"".join(path.read_bytes() for path in gateway.settings.data_dir.rglob("*.wal"))
        await gateway.spending.treasury.flush()
        await gateway.app._key_use.write()
        shown += [await ask("GET", path) for path in _PAGES]
        metrics = await admin_metrics(gateway, root)
        lines = await gateway.log_lines(count)
    kept = "\n".join(
        path.read_text("utf-8", "replace")
        for path in gateway.settings.data_dir.rglob("*")
        if path.is_file() and path.name not in _OWN_SECRETS
    )
    written = capfd.readouterr()
    sinks = {
        "request log": json.dumps(lines), "messages": caplog.text, "stdout": written.out, "stderr": written.err,
        "metrics": metrics, "admin API and errors": b"\n".join(shown).decode(), "spool": spool.decode("latin-1"),
        "data directory": kept, "database": await dump(stored),
    }  # fmt: skip
    assert spool and '"tenant": "acme"' in sinks["request log"] and "tenants.create" in sinks["database"]
    secrets = {
        **CANARIES,
        "made by the admin API": issued.split("_", 2)[-1],
        "prompt": PROMPT,
        "person": PERSON,
    }
    assert leaks(sinks, secrets) == []


def leaks(sinks: dict[str, str], secrets: dict[str, str]) -> list[tuple[str, str]]:
    """Whose parts or plain hashes are where."""
    found = []
    for sink, text in sinks.items():
        for name, secret in secrets.items():
            part = secret.split()[0].partition("@")[0] if name in ("prompt", "person") else secret
            if any(one in text for one in (*windows(part), *hashes(secret))):
                found.append((name, sink))
    return found


#: Where the gateway keeps what it made for itself, for its owner alone.
_OWN_SECRETS = ("pepper", "admin-key", "tenant-key")


async def admin_metrics(gateway: RunningGateway, key: str) -> str:
    asked = request(None, path="/metrics", method="GET", key=key)
    return (await exchange(gateway, asked, admin=True)).body.decode()


def test_the_look_finds_what_is_there() -> None:
    """A part of a secret wherever it begins, and what it can be recognised by."""
    secret = CANARIES["TENANT_A"]
    text = f"nothing {secret[5:13]} nothing"
    assert leaks({"log": text}, {"key": secret}) == [("key", "log")]
    assert leaks({"log": hashlib.sha256(secret.encode()).hexdigest()}, {"key": secret}) == [("key", "log")]
    assert leaks({"log": text.replace(secret[8], "")}, {"key": secret}) == []
