"""A gateway with a database of its own, asked on its admin listener over a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
from storage.audit import GATEWAY, Deed, append
from storage.database import EVERY_TENANT, Database
from tests.postgres import Stored
from tests.running import ADMIN_KEY, ProviderSim, RunningGateway, configuration

#: As the database has it, not the file; made by `admin.tenant`.
TENANT = "client-a"
Kaze = Callable[..., Any]


@dataclass
class Admin:
    """Asks; `client` is the connection, `database` what stands behind."""

    client: httpx2.AsyncClient
    database: Database
    stored: Stored
    gateway: RunningGateway
    data_dir: Path

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = ADMIN_KEY,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        given = {} if key is None else {"authorization": f"Bearer {key}"}
        where = path if path.startswith("/metrics") else f"/admin/v1{path}"
        return await self.client.request(method, where, json=body, headers={**given, **(headers or {})})

    async def get(self, path: str) -> Any:
        reply = await self.ask("GET", path)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def make(self, path: str, body: Any) -> Any:
        reply = await self.ask("POST", path, body)
        assert reply.status_code == 201, reply.text
        return reply.json()

    async def change(self, path: str, patch: Any) -> httpx2.Response:
        """With the version that is there now."""
        tag = (await self.ask("GET", path)).headers["etag"]
        return await self.ask("PATCH", path, patch, headers={"if-match": tag})

    async def tenant(self, name: str = TENANT) -> Any:
        return await self.make("/tenants", {"id": name})

    async def of_role(self, role: str) -> str:
        """An admin key of that role."""
        made: str = (await self.make("/admin-keys", {"id": f"of-{role}", "role": role}))["secret"]
        return made

    async def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        async with self.database.admin.transaction(EVERY_TENANT) as connection:
            return [dict(row) for row in await connection.fetch(query, *values)]

    async def deeds(self) -> list[tuple[str, str, str]]:
        """Action, object and outcome of every audit row, in the order in which they were written."""
        rows = await self.rows("SELECT action, object, outcome FROM audit_log ORDER BY at, tenant, seq")
        return [(row["action"], row["object"], row["outcome"]) for row in rows]

    @asynccontextmanager
    async def writing(self, tenant: str = GATEWAY) -> AsyncIterator[None]:
        """Meanwhile changes come as far as their row in that audit chain, and no further."""
        async with self.database.admin.transaction(EVERY_TENANT) as connection:
            await append(connection, Deed("system", "test", "nothing", "", tenant=tenant), datetime.now(UTC))
            yield

    async def waiting(self) -> None:
        """Returns when a change has come that far."""
        waits = (
            "SELECT 1 AS one FROM pg_locks JOIN pg_database ON oid = database"
            " WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted"
        )
        async with asyncio.timeout(30):
            while not await self.rows(waits):
                await asyncio.sleep(0.01)


@pytest.fixture
async def admin(sim: ProviderSim, database: Database, stored: Stored) -> AsyncIterator[Admin]:
    async with (
        RunningGateway(configuration(sim.openai_url), database_dsn=stored.application) as gateway,
        httpx2.AsyncClient(base_url=gateway.admin_url, timeout=60.0, trust_env=False) as client,
    ):
        yield Admin(client, database, stored, gateway, gateway.settings.data_dir)


@pytest.fixture
def kaze(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> Kaze:
    """Runs a command in a thread, as it waits for this loop's gateway."""
    monkeypatch.setenv("KAZE_ADMIN_URL", admin.gateway.admin_url)
    monkeypatch.setenv("KAZE_ADMIN_KEY", ADMIN_KEY)
    monkeypatch.setenv("CLIENT_A", "J7f3Kq9sLm2Xw8Zt5Bv4Nc6R")

    async def run(*words: str, status: int = 0) -> Result:
        result = await asyncio.to_thread(CliRunner().invoke, app, list(words))
        assert result.exit_code == status, (words, result.output)
        return result

    return run


async def as_json(kaze: Kaze, *words: str) -> Any:
    return json.loads((await kaze(*words, "--json")).stdout)
