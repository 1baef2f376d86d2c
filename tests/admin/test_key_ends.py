"""When a key ends: a moment to come, said in one form."""

from datetime import UTC, datetime, timedelta

from tests.admin.conftest import Admin
from tests.admin.test_resources import faults

#: What is no moment, also as words that are too short or too long for one.
NO_MOMENTS = ("yesterday", "", "in 30 days", "tomorrow, at the latest", "2030-01-31T12:00:00", "1893456000")


async def test_the_end_of_a_key_is_a_moment_to_come(admin: Admin) -> None:
    await admin.tenant()
    form = "must be a moment with its time zone, as RFC 3339 has it: 2030-01-31T12:00:00Z"
    for path, body in (("/tenants/client-a/keys", {}), ("/admin-keys", {"id": "ada", "role": "auditor"})):
        for said in (*NO_MOMENTS, "x" * 100):
            assert await faults(admin, path, {**body, "expires_at": said}) == {"expires_at": form}, said
        for past in ("2020-01-31T12:00:00Z", (datetime.now(UTC) - timedelta(seconds=1)).isoformat()):
            found = await faults(admin, path, {**body, "expires_at": past})
            assert found["expires_at"].startswith("is in the past: it is 20")
    assert not await admin.rows("SELECT id FROM tenant_keys UNION SELECT id FROM admin_keys")


async def test_a_key_that_ended_is_not_rotated_but_given_more_time(admin: Admin) -> None:
    await admin.tenant()
    await admin.make("/tenants/client-a/keys", {"id": "web", "expires_at": "2099-01-31T12:00:00+02:00"})
    key = "/keys/client-a:web"
    past = await admin.change(key, {"expires_at": "2020-01-31T12:00:00Z"})
    assert (past.status_code, "is in the past" in past.text) == (422, True)
    await admin.rows("UPDATE tenant_keys SET expires_at = '2020-01-31T12:00:00Z' RETURNING 1")
    refused = await admin.ask("POST", f"{key}/rotate", {})
    assert (refused.status_code, "change expires_at first" in refused.json()["detail"]) == (409, True)
    assert (await admin.change(key, {"limits": {"rpm": 5}})).status_code == 200
    assert (await admin.change(key, {"expires_at": None})).json()["expires_at"] is None
    assert (await admin.ask("POST", f"{key}/rotate", {})).status_code == 200
