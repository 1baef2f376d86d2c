"""Who may do what: every operation × every role, and what is written down of those who may not."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from gateway.api.rest.principal import CHANGES, OWNS, READS, SCRAPES
from gateway.settings.snapshot import Snapshot
from keys.tenant_key import mint
from storage.database import EVERY_TENANT
from tests.admin.conftest import Admin
from tests.clock import passes, standing
from tests.running import ADMIN_KEY, TENANT_KEY

ROLES = ("owner", "operator", "auditor", "metrics")
#: The whole table: a new operation without a row here fails the first test.
MAY = {
    "metrics.read": SCRAPES,
    **dict.fromkeys(
        (
            "openapi.read", "workers.list", "config.read", "queue.list", "queue.read", "explain", "usage.list",
            "usage.export", "audit.list", "audit.verify", "tenants.list", "tenants.read", "keys.list", "keys.read",
            "providers.list", "providers.read", "pools.list", "pools.read", "models.list", "models.read",
            "budgets.list", "budgets.read", "lost-workers.list",
        ),
        READS,
    ),
    **dict.fromkeys(
        (
            "config.reload", "queue.cancel", "tenants.create", "tenants.change", "tenants.suspend",
            "tenants.resume",
            "keys.create", "keys.change", "keys.rotate", "keys.revoke", "keys.delete", "providers.create",
            "providers.change", "providers.delete", "pools.create", "pools.change", "pools.delete", "pools.enable",
            "pools.disable", "pools.drain", "pools.verify", "pools.rotate", "pools.refresh", "models.create",
            "models.change", "models.delete", "budgets.create", "budgets.change", "budgets.delete",
            "lost-workers.close", "batch",
        ),
        CHANGES,
    ),
    **dict.fromkeys(
        ("tenants.delete", "admin-keys.list", "admin-keys.create", "admin-keys.read", "admin-keys.revoke"), OWNS
    ),
}  # fmt: skip


async def operations(admin: Admin) -> list[tuple[str, str, str]]:
    """Name, method and path of each, from its own document."""
    document = await admin.get("/openapi.json")
    return [
        (said["operationId"], method.upper(), path.removeprefix("/admin/v1"))
        for path, methods in document["paths"].items()
        for method, said in methods.items()
    ]


async def test_the_table_of_rights_names_every_operation(admin: Admin) -> None:
    assert {name for name, *_ in await operations(admin)} == set(MAY)


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_may_do_what_the_table_says_and_nothing_else(admin: Admin, role: str) -> None:
    key = await admin.of_role(role)
    for name, method, path in await operations(admin):
        where = path.replace("{id}", "nothing")
        before = len(await admin.rows("SELECT 1 FROM audit_log WHERE outcome = 'denied'"))
        reply = await admin.ask(method, where, key=key)
        after = await admin.rows(
            "SELECT action, actor FROM audit_log WHERE outcome = 'denied' ORDER BY seq OFFSET $1", before
        )
        if role in MAY[name]:
            assert reply.status_code not in (401, 403), (name, role)
            assert after == []
        else:
            assert reply.status_code == 403, (name, role)
            assert after == [{"action": name, "actor": f"of-{role}"}]


async def test_without_a_key_every_operation_is_refused(admin: Admin) -> None:
    for _, method, path in await operations(admin):
        for key in (None, "wrong", TENANT_KEY, ADMIN_KEY[:-1]):
            reply = await admin.ask(method, path.replace("{id}", "x"), key=key)
            assert reply.status_code == 401
            assert reply.headers["www-authenticate"] == "Bearer"
            why = "An admin key is needed." if key is None else "The admin key is not valid."
            assert reply.json()["detail"] == why


async def test_what_unknown_callers_are_denied_is_written_down_within_bounds(admin: Admin) -> None:
    with standing():  # all in one minute, however long it takes
        for _ in range(50):
            await admin.ask("GET", "/tenants", key="wrong")
    [row] = await admin.rows("SELECT count(*), min(actor) AS actor FROM audit_log WHERE outcome = 'denied'")
    assert row == {"count": 30, "actor": "unknown"}
    await passes(61)
    await admin.ask("GET", "/tenants", key="wrong")
    rows = (await admin.get("/audit?outcome=denied&limit=100"))["data"]
    # On a busy machine one of the thirty may fail to be written, and the next one says so.
    assert sum((row["details"] or {}).get("left_out", 0) for row in rows) == 20
    assert len(rows) == 31 and rows[0]["details"] is not None


async def test_admin_keys_end(admin: Admin) -> None:
    made = await admin.make("/admin-keys", {"id": "eve", "role": "auditor", "kind": "service"})
    key = made["secret"]
    assert (await admin.ask("GET", "/tenants", key=key)).status_code == 200
    assert "secret" not in await admin.get("/admin-keys/eve")
    assert (await admin.ask("DELETE", "/admin-keys/eve")).json()["revoked_at"] is not None
    assert (await admin.ask("GET", "/tenants", key=key)).status_code == 401
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    lasting = await admin.make("/admin-keys", {"id": "ada", "role": "owner", "expires_at": soon})
    assert (await admin.ask("GET", "/tenants", key=lasting["secret"])).status_code == 200
    await admin.rows("UPDATE admin_keys SET expires_at = now() - interval '1 s' WHERE id = 'ada' RETURNING 1")
    await passes(3)
    assert (await admin.ask("GET", "/tenants", key=lasting["secret"])).status_code == 401


@pytest.mark.parametrize("name", ["root", "unknown", "gateway"])
async def test_no_admin_key_is_called_what_the_audit_trail_calls_others(admin: Admin, name: str) -> None:
    refused = await admin.ask("POST", "/admin-keys", {"id": name, "role": "owner"})
    assert refused.status_code == 409 and refused.json()["detail"].startswith(f"{name} is ")


async def test_what_is_asked_while_an_admin_key_is_made_or_ended_does_not_hide_it(admin: Admin) -> None:
    """Who asks before the commit finds the keys as they were; that must not be kept."""
    other, secret = await admin.of_role("auditor"), ""
    for method, path, body, allowed in (
        ("POST", "/admin-keys", {"id": "eve", "role": "auditor"}, 200),
        ("DELETE", "/admin-keys/eve", None, 401),
    ):
        async with admin.writing():
            changing = asyncio.create_task(admin.ask(method, path, body))
            await admin.waiting()
            assert (await admin.ask("GET", "/tenants", key=other)).status_code == 200
        secret = (await changing).json().get("secret", secret)
        assert (await admin.ask("GET", "/tenants", key=secret)).status_code == allowed


async def test_a_key_revoked_elsewhere_ends_here_within_five_seconds(admin: Admin) -> None:
    key = await admin.of_role("operator")
    assert (await admin.ask("GET", "/tenants", key=key)).status_code == 200
    async with admin.database.admin.transaction(EVERY_TENANT) as connection:
        await connection.execute("UPDATE admin_keys SET revoked_at = now()")
    await passes(5)
    assert (await admin.ask("GET", "/tenants", key=key)).status_code == 401


async def test_the_keys_of_the_data_plane_and_of_this_one_are_strangers(admin: Admin) -> None:
    snapshot: Snapshot = admin.gateway.settings.snapshot
    assert ADMIN_KEY not in str(snapshot)
    assert (await admin.ask("GET", "/tenants", key=mint("web").reveal())).status_code == 401


async def test_two_credentials_are_none(admin: Admin) -> None:
    headers = [("authorization", f"Bearer {ADMIN_KEY}"), ("authorization", f"Bearer {ADMIN_KEY}")]
    reply = await admin.client.get("/admin/v1/tenants", headers=headers)
    assert reply.status_code == 401
