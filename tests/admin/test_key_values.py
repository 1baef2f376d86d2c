"""A value is one key's, for good: nobody else's becomes one that a key has or had."""

from tests.admin.conftest import Admin
from tests.running import ADMIN_KEY, OTHER_KEY

FIRST, SECOND, THIRD, FOURTH = (
    f"{word}-J7f3Kq9sLm2Xw8Zt5Bv4Nc6R" for word in ("one", "two", "three", "four")
)
TAKEN = "There is a key of that value already."


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
    await admin.rows("UPDATE tenant_keys SET old_until = now() - interval '1 s' WHERE id = 'k' RETURNING 1")
    await refused(admin, FIRST)  # was good
    assert (await admin.ask("POST", f"{key}/rotate", {"secret": THIRD, "overlap_s": 0})).status_code == 200
    await refused(admin, SECOND)  # was good until that moment
    assert (await admin.ask("POST", f"{key}/rotate", {"secret": SECOND})).status_code == 422
    assert (await admin.ask("POST", f"{key}/revoke")).status_code == 200
    await refused(admin, THIRD)
    assert (await admin.ask("DELETE", "/tenants/zz")).status_code == 204
    for value in (SECOND, THIRD):
        await refused(admin, value)
    await admin.make("/tenants/aa/keys", {"secret": FOURTH})


async def test_what_opens_something_else_is_no_tenant_key(admin: Admin) -> None:
    await admin.tenant("aa")
    await admin.make("/tenants/aa/keys", {"id": "other"})
    for value in (OTHER_KEY, ADMIN_KEY, await admin.of_role("auditor")):
        await refused(admin, value)
