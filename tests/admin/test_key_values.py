"""A value is one key's, for good: nobody else's becomes one that a key has or had."""

from datetime import datetime, timedelta

from gateway.api.resources.former_values import GOOD_MAX
from tests.admin.conftest import Admin
from tests.configuration.operator import Operator
from tests.drills.test_postgres_faults import in_force
from tests.gateway.wire import chat, post
from tests.running import ADMIN_KEY, OTHER_KEY

FIRST, SECOND, THIRD, FOURTH = (
    f"{word}-J7f3Kq9sLm2Xw8Zt5Bv4Nc6R" for word in ("one", "two", "three", "four")
)
TAKEN = "There is a key of that value already."
HAD = "The new value is one that the key had before."


async def refused(admin: Admin, value: str) -> None:
    """For a new key and as the new value of another, in the same words."""
    for path in ("/tenants/aa/keys", "/keys/aa:other/rotate"):
        reply = await admin.ask("POST", path, {"secret": value})
        assert (reply.status_code, reply.json()["detail"]) == (409, TAKEN), path


async def test_what_a_key_has_or_had_is_no_other_keys(admin: Admin) -> None:
    for tenant in ("aa", "zz"):
        await admin.tenant(tenant)
    await admin.make("/tenants/aa/keys", {"id": "other"})
    await admin.make("/tenants/zz/keys", {"id": "k", "secret": FIRST})
    key = "/keys/zz:k"
    assert (await admin.ask("POST", f"{key}/rotate", {"secret": SECOND, "overlap_s": 60})).status_code == 200
    await refused(admin, FIRST)  # still good
    await refused(admin, SECOND)
    await admin.rows(
        "UPDATE former_key_values SET until = now() - interval '1 s' WHERE key = 'k' RETURNING 1"
    )
    await refused(admin, FIRST)  # was good
    assert (await admin.ask("POST", f"{key}/rotate", {"secret": THIRD, "overlap_s": 0})).status_code == 200
    await refused(admin, FIRST)
    await refused(admin, SECOND)  # was good until that moment
    for value in (FIRST, SECOND, THIRD):
        reply = await admin.ask("POST", f"{key}/rotate", {"secret": value})
        assert (reply.status_code, reply.json()["detail"]) == (422, HAD), value
    assert (await admin.ask("POST", f"{key}/revoke")).status_code == 200
    await refused(admin, THIRD)
    assert (await admin.ask("DELETE", "/tenants/zz")).status_code == 204
    for value in (FIRST, SECOND, THIRD):
        await refused(admin, value)
    await admin.make("/tenants/aa/keys", {"secret": FOURTH})


async def test_what_opens_something_else_is_no_tenant_key(admin: Admin) -> None:
    await admin.tenant("aa")
    await admin.make("/tenants/aa/keys", {"id": "other"})
    for value in (OTHER_KEY, ADMIN_KEY, await admin.of_role("auditor")):
        await refused(admin, value)


async def test_a_key_that_is_rotated_twice_keeps_both_promises(admin: Admin) -> None:
    """What callers were told of a value before holds, however often the key is rotated meanwhile."""
    await admin.tenant("aa")
    made = await admin.make("/tenants/aa/keys", {"id": "k"})
    values = [made["secret"]]
    assert (made["old_values"], made["old_until"]) == (0, None)
    for number, overlap_s in enumerate((3600, 60), 1):
        rotated = (await admin.ask("POST", "/keys/aa:k/rotate", {"overlap_s": overlap_s})).json()
        assert rotated["old_values"] == number
        values.append(rotated["secret"])
    ends = {row["until"] for row in await admin.rows("SELECT until FROM former_key_values")}
    assert datetime.fromisoformat(rotated["old_until"]) == max(ends)  # the first one's, which is later
    assert max(ends) - min(ends) > timedelta(minutes=58)
    await in_force(admin.gateway, Operator(admin.stored.application))
    assert [(await post(admin.gateway, chat(), key=value)).status for value in values] == [200, 200, 200]
    at_once = (await admin.ask("POST", "/keys/aa:k/rotate", {"overlap_s": 0})).json()
    assert at_once["old_values"] == 0
    values.append(at_once["secret"])
    await in_force(admin.gateway, Operator(admin.stored.application))
    told = [(await post(admin.gateway, chat(), key=value)).status for value in values]
    assert told == [401, 401, 401, 200]


async def test_no_more_values_are_good_at_a_time_than_can_be_looked_up(admin: Admin) -> None:
    await admin.tenant("aa")
    await admin.make("/tenants/aa/keys", {"id": "k"})
    for _ in range(GOOD_MAX):
        assert (await admin.ask("POST", "/keys/aa:k/rotate", {"overlap_s": 60})).status_code == 200
    before = await admin.get("/keys/aa:k")
    refused = await admin.ask("POST", "/keys/aa:k/rotate", {"overlap_s": 60})
    assert refused.status_code == 409 and "end them all with overlap_s 0" in refused.json()["detail"]
    assert await admin.get("/keys/aa:k") == before
    await admin.rows(
        "UPDATE former_key_values SET until = now() WHERE digest ="
        " (SELECT digest FROM former_key_values ORDER BY until LIMIT 1) RETURNING 1"
    )
    assert (await admin.ask("POST", "/keys/aa:k/rotate", {"overlap_s": 60})).status_code == 200
    assert (await admin.ask("POST", "/keys/aa:k/rotate", {"overlap_s": 0})).json()["old_values"] == 0
