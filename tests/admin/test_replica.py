"""With a streaming replica: lists are read from it, what a change is made of is not; nobody misses their own."""

import asyncio
from datetime import UTC, datetime

import httpx2

from gateway.api.admin import Administered, admin_app
from gateway.api.resources.configured import Configured
from storage.database import connected
from storage.migrate import migrate
from storage.partitions import make_ahead
from storage.postgres_cluster import APPLICATION
from storage.reads import Read
from tests.clock import LoopClock
from tests.running import ADMIN_KEY, ProviderSim, RunningGateway, configuration
from tests.storage.test_reads import Replicated, replicated

__all__ = ["replicated"]
LISTS = (
    "tenants", "tenants/one/keys", "providers", "pools", "models", "budgets", "lost-workers", "admin-keys", "audit",
    "usage",
)  # fmt: skip


class Asked:
    """The admin API of a gateway that has the replica."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def status(self, path: str) -> int:
        return (await self._client.get(f"/admin/v1/{path}")).status_code

    async def names(self, path: str = "tenants") -> set[str]:
        reply = await self._client.get(f"/admin/v1/{path}")
        assert reply.status_code == 200, reply.text
        return {row.get("id") or row.get("object") for row in reply.json()["data"]}

    async def make(self, name: str) -> None:
        reply = await self._client.post("/admin/v1/tenants", json={"id": name})
        assert reply.status_code == 201, reply.text


async def make_elsewhere(replicated: Replicated, name: str) -> None:
    """By another gateway on the same database."""
    async with connected(replicated.primary.owner_dsn) as owner, owner.transaction():
        await owner.execute("SELECT set_config('app.tenant', '*', true)")
        await owner.execute("INSERT INTO tenants (id) VALUES ($1)", name)


async def caught_up(replicated: Replicated) -> None:
    async with asyncio.timeout(50):
        while replicated.router.database_for(Read.ADMIN_LIST) is replicated.primary_database:
            replicated.now += 0.01
            await replicated.router.measure()
            await asyncio.sleep(0.02)


async def test_lists_come_from_it_and_show_what_was_done_here(
    replicated: Replicated, sim: ProviderSim
) -> None:
    async with connected(replicated.primary.owner_dsn) as owner:
        await migrate(owner, APPLICATION)
        await make_ahead(owner, "usage_log", datetime.now(UTC).date())
    async with RunningGateway(configuration(sim.openai_url)) as gateway:
        snapshot = gateway.settings.snapshot
        app = admin_app(
            gateway.settings.admin_key, gateway.app.running, lambda: Configured(snapshot), LoopClock(),
            lambda: False, Administered(replicated.router, gateway.settings.data_dir),
        )  # fmt: skip
        transport = httpx2.ASGITransport(app)
        headers = {"authorization": f"Bearer {ADMIN_KEY}"}
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://admin", headers=headers
        ) as client:
            await judged(replicated, Asked(client))


async def judged(replicated: Replicated, admin: Asked) -> None:
    await admin.make("one")
    await caught_up(replicated)
    for path in LISTS:
        assert await admin.status(path) == 200, path
    async with connected(replicated.replica_dsn()) as standby:
        await standby.execute("SELECT pg_wal_replay_pause()")
        while await standby.fetchval("SELECT pg_get_wal_replay_pause_state()") != "paused":
            await asyncio.sleep(0.01)
        await make_elsewhere(replicated, "two")
        assert await admin.names() == {"one"}  # a little behind
        assert await admin.status("tenants/two") == 200  # with the version that a change is made of
        await admin.make("three")
        assert await admin.names() == {"one", "two", "three"}
        assert "tenant/three" in await admin.names("audit")
        await standby.execute("SELECT pg_wal_replay_resume()")
    await caught_up(replicated)
    # Read-only, as no replica's transactions can be anything else.
    await replicated.primary.stop()
    assert await admin.names() == {"one", "two", "three"}
    assert "tenant/three" in await admin.names("audit")
    assert await admin.status("tenants/two") == 503
