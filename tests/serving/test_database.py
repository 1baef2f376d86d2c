"""Gateways as processes with a database of their own: what is changed there counts on every worker."""

import asyncio
import os
import signal
from pathlib import Path

import httpx2
import pytest

from keys.digest import digest
from keys.tenant_key import mint
from storage.database import connected
from storage.embedded_postgres import EmbeddedPostgres
from tests.serving.running_process import GatewayProcess, chat, environ, eventually


@pytest.fixture
def with_database() -> dict[str, str]:
    return environ(database=True)


def do(data_dir: Path, statement: str, *values: object) -> None:
    async def run() -> None:
        dsn = EmbeddedPostgres.kept_dsn(data_dir / "postgres")
        async with connected(dsn) as connection, connection.transaction():
            await connection.execute("SELECT set_config('app.tenant', '*', true)")
            await connection.execute(statement, *values)

    asyncio.run(run())


def make_key(data_dir: Path) -> str:
    value = mint("acme").reveal()
    pepper = (data_dir / "pepper").read_text().strip().encode()
    do(data_dir, "INSERT INTO tenants (id) VALUES ('acme')")
    do(
        data_dir,
        "INSERT INTO tenant_keys (tenant, id, digest) VALUES ('acme', 'web', $1)",
        digest(pepper, value),
    )
    return value


def statuses(gateway: GatewayProcess, key: str, count: int = 24) -> set[int]:
    """Of requests on connections of their own, which the workers share."""
    found = set()
    for _ in range(count):
        with httpx2.Client(
            base_url=gateway.url, headers={"authorization": f"Bearer {key}"}, timeout=30
        ) as client:
            found.add(client.post("/v1/chat/completions", json=chat("Hello")).status_code)
    return found


@pytest.mark.timeout(180)  # four workers, and a database to be made first
def test_a_key_counts_on_every_worker_until_it_is_revoked(
    tmp_path: Path, with_database: dict[str, str]
) -> None:
    with GatewayProcess(tmp_path / "data", "--workers", "4", env=with_database) as gateway:
        key = make_key(gateway.data_dir)
        assert statuses(gateway, key) == {200}  # who has not heard of it yet looks
        do(gateway.data_dir, "UPDATE tenant_keys SET revoked_at = now()")
        shown = gateway.admin("/admin/v1/config").json()
        eventually(
            lambda: (
                min(one["generation"] for one in gateway.admin("/admin/v1/config").json()["workers"])
                > shown["generation"] - 1
                and statuses(gateway, key, 8) == {401}
            )
        )
        assert statuses(gateway, key) == {401}
        assert statuses(gateway, gateway.tenant_key, 4) == {200}
        # A reload by signal is one row for all processes, and nobody's deed.
        os.kill(gateway.process.pid, signal.SIGHUP)
        path = "/admin/v1/audit?action=config.reload"
        eventually(
            lambda: (
                [(row["actor_kind"], row["outcome"]) for row in gateway.admin(path).json()["data"]]
                == [("system", "done")]
            )
        )


def test_what_was_configured_is_there_after_another_start(
    tmp_path: Path, with_database: dict[str, str]
) -> None:
    with GatewayProcess(tmp_path / "data", env=with_database) as gateway:
        key = make_key(gateway.data_dir)
    pid_file = tmp_path / "data" / "postgres" / "data" / "postmaster.pid"
    assert not pid_file.exists()  # stopped in order
    with GatewayProcess(tmp_path / "data", env=with_database) as gateway:
        assert statuses(gateway, key, 2) == {200}


def test_a_hangup_has_the_file_read_again_by_every_worker(tmp_path: Path) -> None:
    config = tmp_path / "kaze.yaml"
    config.write_text("models: [{id: one, targets: [sim/chat]}]\n")
    with GatewayProcess(tmp_path / "data", "--workers", "2", "--config", str(config)) as gateway:

        def digests() -> set[str]:
            rows = [gateway.admin("/admin/v1/config").json() for _ in range(4)]
            return {row["file"] for row in rows}

        before = digests()
        config.write_text("models: [{id: two, targets: [sim/chat]}]\n")
        os.kill(gateway.process.pid, signal.SIGHUP)
        eventually(lambda: gateway.admin("/admin/v1/config").json()["models"].count("two") == 1)
        eventually(lambda: not digests() & before)
