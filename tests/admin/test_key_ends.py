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
        beyond = {**body, "expires_at": "9999-12-31T23:59:59-01:00"}
        assert await faults(admin, path, beyond) == {"expires_at": "must be before the year 10000 in UTC"}
        for old in ("1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z"):
            assert "is in the past" in (await faults(admin, path, {**body, "expires_at": old}))["expires_at"]
    assert not await admin.rows("SELECT id FROM tenant_keys UNION SELECT id FROM admin_keys")


async def test_a_key_may_end_with_the_last_moment_there_is(admin: Admin) -> None:
    await admin.tenant()
    last = "9999-12-31T23:59:59+00:00"
    made = await admin.make(
        "/tenants/client-a/keys", {"id": "web", "expires_at": last.replace("+00:00", "Z")}
    )
    key = await admin.make("/admin-keys", {"id": "ada", "role": "auditor", "expires_at": last})
    assert made["expires_at"] == key["expires_at"] == last
    assert (await admin.ask("GET", "/keys/client-a:web", key=key["secret"])).json()["expires_at"] == last


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
