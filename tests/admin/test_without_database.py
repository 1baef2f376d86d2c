"""With the database away: what is live is shown, all else waits for it, and nobody is called a stranger."""

from tests.admin.conftest import Admin
from tests.clock import passes


async def fall(admin: Admin) -> None:
    database = admin.gateway.app.databases.primary
    assert database is not None
    await database.close()


async def test_live_state_is_shown_and_the_rest_answers_503(admin: Admin) -> None:
    key = await admin.of_role("operator")
    assert (await admin.ask("GET", "/tenants", key=key)).status_code == 200
    await fall(admin)
    await passes(10)
    for path in ("/pools", "/pools/one", "/queue", "/workers", "/config", "/openapi.json"):
        assert (await admin.ask("GET", path, key=key)).status_code == 200, path
    assert (await admin.ask("GET", "/metrics", key=key)).status_code == 200
    asked = {"tenant": "a", "model": "smart"}
    assert (await admin.ask("POST", "/explain", asked, key=key)).status_code == 200
    for method, path, body in (
        ("GET", "/tenants", None),
        ("GET", "/budgets", None),
        ("GET", "/usage", None),
        ("GET", "/usage/export", None),
        ("GET", "/audit", None),
        ("GET", "/audit/verify", None),
        ("POST", "/tenants", {"id": "t"}),
        ("POST", "/pools/one/verify", None),
    ):
        reply = await admin.ask(method, path, body, key=key)
        assert (reply.status_code, "retry-after" in reply.headers) == (503, True), path
    assert (await admin.ask("GET", "/tenants", key="somebody-new")).status_code == 503
    assert (await admin.ask("GET", "/pools")).status_code == 200
