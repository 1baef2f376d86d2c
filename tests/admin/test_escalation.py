"""Nobody gets more than they have: random creators and payloads, and fields that nobody may set (D12, D13, D14)."""

import random
from collections.abc import Iterator
from itertools import islice
from typing import Any

from keys.tenant_key import mint
from tests.admin.conftest import Admin
from tests.admin.test_authorisation import MAY, ROLES
from tests.running import ADMIN_KEY

#: What each role may do: the operations of the table.
RIGHTS = {role: {name for name, roles in MAY.items() if role in roles} for role in ROLES}
CASES = 200
#: Fields by which somebody might try to become more, and what is none of a caller's.
FOREIGN = (
    "role", "tenant", "tenant_id", "budget", "spend", "scopes", "is_admin", "digest", "last4", "version",
    "created_at", "revoked_at", "state", "kind", "admin",
)  # fmt: skip


def payloads(chance: random.Random) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where to, and what: admin keys and tenant keys of every shape, half of them impossible."""
    roles = (*ROLES, "root", "superuser", "", "OWNER", "owner ", None, ["owner"], {"is": "owner"})
    while True:
        if chance.random() < 0.6:
            body: dict[str, Any] = {"id": f"k{chance.randrange(10**9)}", "role": chance.choice(roles)}
            if chance.random() < 0.3:
                body["kind"] = chance.choice(["human", "service", "system", 1])
            path = "/admin-keys"
        else:
            body = {"id": f"k{chance.randrange(10**9)}"}
            path = "/tenants/client-a/keys"
        if chance.random() < 0.4:
            body[chance.choice(FOREIGN)] = chance.choice(["owner", "*", True, 0, "client-b"])
        yield path, body


async def test_what_is_made_may_no_more_than_its_maker(admin: Admin) -> None:
    """D12: two hundred attempts; what was refused has no row, and what was made has the rights that were asked."""
    await admin.tenant()
    await admin.tenant("client-b")
    makers = {role: await admin.of_role(role) for role in ROLES}
    chance = random.Random(12)
    admin_keys, tenant_keys = {}, []
    for path, body in islice(payloads(chance), CASES):
        role = chance.choice(ROLES)
        reply = await admin.ask("POST", path, body, key=makers[role])
        if reply.status_code != 201:
            allowed = role in MAY["admin-keys.create" if path == "/admin-keys" else "keys.create"]
            assert reply.status_code in ((400, 422) if allowed else (403,)), (role, path, body)
        elif path == "/admin-keys":
            assert RIGHTS[body["role"]] <= RIGHTS[role]
            admin_keys[body["id"]] = body["role"]
        else:
            assert role in MAY["keys.create"]
            tenant_keys.append({"tenant": "client-a", "id": body["id"]})
            one = await admin.ask("GET", "/tenants", key=reply.json()["secret"])
            assert one.status_code == 401  # a tenant key has no rights here at all
    assert len(admin_keys) > 5 and len(tenant_keys) > 5
    rows = await admin.rows("SELECT id, role FROM admin_keys WHERE id NOT LIKE 'of-%'")
    assert {row["id"]: row["role"] for row in rows} == admin_keys
    assert sorted(await admin.rows("SELECT tenant, id FROM tenant_keys"), key=str) == sorted(
        tenant_keys, key=str
    )


async def test_nobody_changes_what_they_are(admin: Admin) -> None:
    """D13: each field, by each role, at its own key and at a tenant's: nothing is any different after."""
    await admin.tenant()
    await admin.make("/tenants/client-a/keys", {"id": "web"})
    keys = {role: await admin.of_role(role) for role in ROLES}
    query = "SELECT row_to_json(k)::text AS row FROM {} AS k ORDER BY id"
    tables = ("admin_keys", "tenant_keys", "tenants")
    before = [await admin.rows(query.format(table)) for table in tables]
    for role, key in keys.items():
        for path in (f"/admin-keys/of-{role}", "/keys/client-a:web", "/tenants/client-a"):
            for method, fields in (("PATCH", FOREIGN), ("PUT", FOREIGN[:1]), ("POST", FOREIGN[:1])):
                for field in fields:
                    tag = {"if-match": "*"}
                    reply = await admin.ask(method, path, {field: "owner"}, key=key, headers=tag)
                    assert reply.status_code in (403, 405, 422), (role, field, path, method)
    assert [await admin.rows(query.format(table)) for table in tables] == before
    denied = await admin.rows("SELECT actor, action FROM audit_log WHERE outcome = 'denied' GROUP BY 1, 2")
    assert {(row["actor"], row["action"]) for row in denied} == {
        (f"of-{role}", action)
        for role in ROLES
        for action in ("keys.change", "tenants.change")
        if role not in MAY[action]
    }


async def test_a_tenants_key_opens_no_object_here(admin: Admin) -> None:
    """D14 on this plane: for a tenant's key its own, another's and no object at all look the same."""
    for tenant in ("client-a", "client-b"):
        await admin.tenant(tenant)
    key = (await admin.make("/tenants/client-a/keys", {"id": "web"}))["secret"]
    answers = set()
    for tenant in ("client-a", "client-b", "nobody"):
        for method, path in (
            ("GET", f"/tenants/{tenant}"), ("DELETE", f"/tenants/{tenant}"), ("GET", f"/tenants/{tenant}/keys"),
            ("POST", f"/keys/{tenant}:web/rotate"), ("POST", f"/tenants/{tenant}/suspend"),
        ):  # fmt: skip
            for presented in (key, mint("web").reveal()):
                reply = await admin.ask(method, path, key=presented)
                answers.add((reply.status_code, reply.json()["detail"]))
    assert answers == {(401, "The admin key is not valid.")}
    assert (await admin.ask("GET", "/tenants/client-b", key=ADMIN_KEY)).json()["state"] == "active"
