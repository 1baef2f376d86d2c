"""`idempotency-key` over four workers as processes: one run, whoever is asked; and a killed one holds nobody up."""

import asyncio
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from storage.connection import Row
from storage.database import connected
from storage.embedded_postgres import EmbeddedPostgres
from tests.serving.running_process import PATIENCE_S, GatewayProcess, chat, environ, eventually


def ask(gateway: GatewayProcess, text: str, key: str, *, timeout: float = PATIENCE_S) -> httpx2.Response:
    """On a connection of its own, which any worker may take."""
    headers = {"authorization": f"Bearer {gateway.tenant_key}", "idempotency-key": key}
    with httpx2.Client(base_url=gateway.url, headers=headers, timeout=timeout, trust_env=False) as client:
        return client.post("/v1/chat/completions", json=chat(text))


def do(data_dir: Path, statement: str) -> list[Row]:
    async def run() -> list[Row]:
        dsn = EmbeddedPostgres.kept_dsn(data_dir / "postgres")
        async with connected(dsn) as connection, connection.transaction():
            await connection.execute("SELECT set_config('app.tenant', '*', true)")
            return await connection.fetch(statement)

    return asyncio.run(run())


def attempts(gateway: GatewayProcess) -> int:
    pools: list[dict[str, Any]] = gateway.admin("/admin/v1/pools").json().get("data", [])
    return sum(pool["live"]["attempts"] for pool in pools)


@pytest.mark.timeout(180)  # four workers, and a database to be made first
def test_once_over_four_workers_and_after_a_kill(tmp_path: Path) -> None:
    with_database = environ(database=True)
    with GatewayProcess(tmp_path / "data", "--workers", "4", env=with_database) as gateway:
        with ThreadPoolExecutor(8) as pool:
            slow = "[[sim:delay_ms=300]] Hello"
            twins = list(pool.map(lambda _: ask(gateway, slow, "order-1"), range(24)))
        assert {reply.status_code for reply in twins} <= {200, 409}
        again = [ask(gateway, slow, "order-1") for _ in range(24)]
        assert {reply.status_code for reply in again} == {200}
        assert len({reply.content for reply in (*twins, *again) if reply.status_code == 200}) == 1
        assert {reply.headers["idempotent-replayed"] for reply in again} == {"true"}
        eventually(lambda: attempts(gateway) == 1)
        eventually(
            lambda: [row["n"] for row in do(gateway.data_dir, "SELECT count(*) n FROM usage_log")] == [1]
        )

        with ThreadPoolExecutor(1) as pool:
            endless = pool.submit(ask, gateway, "[[sim:delay_ms=3000000]] Hello", "order-2")
            claimed = (
                "SELECT expires_at - now() <= '30 s' AS soon FROM idempotent_answers WHERE key = 'order-2'"
            )
            eventually(lambda: do(gateway.data_dir, claimed))
            assert ask(gateway, "[[sim:delay_ms=3000000]] Hello", "order-2").status_code == 409
            before = gateway.workers()
            for row in before:
                os.kill(row["process"], signal.SIGKILL)
            with pytest.raises(httpx2.TransportError):
                endless.result()
        eventually(
            lambda: ask_or_none(gateway, "order-2") == 400
        )  # still claimed, so another body is refused
        assert [row["soon"] for row in do(gateway.data_dir, claimed)] == [True]
        do(gateway.data_dir, "UPDATE idempotent_answers SET expires_at = now() WHERE state = 'running'")
        assert ask(gateway, "Hello", "order-2").status_code == 200


def ask_or_none(gateway: GatewayProcess, key: str) -> int | None:
    try:
        return ask(gateway, "something else", key).status_code
    except httpx2.TransportError:
        return None
