"""What is not done in the database is in the audit trail when it begins, and by how it ended."""

from typing import Any

from tests.admin.conftest import Admin

RELOAD = "/config/reload"


async def told(admin: Admin) -> list[tuple[Any, ...]]:
    names = ("actor_kind", "actor", "action", "outcome", "reason")
    rows = (await admin.get("/audit"))["data"]
    return [tuple(row.get(name) for name in names) for row in reversed(rows)]


async def test_a_refused_reload_failed_and_says_why(admin: Admin) -> None:
    admin.gateway.write({**admin.gateway.config, "models": [{"id": "m", "targets": ["nobody/x"]}]})
    reply = await admin.ask("POST", RELOAD)
    assert reply.status_code == 422
    [begun, failed] = await told(admin)
    assert begun == ("human", "root", "config.reload", "begun", None)
    assert failed == ("human", "root", "config.reload", "failed", reply.json()["detail"])
    assert "nobody" in failed[-1] or "targets" in failed[-1]


async def test_a_reload_by_signal_is_the_gateways_own(admin: Admin) -> None:
    await admin.gateway.app.reload_by_signal()
    admin.gateway.write({"models": 7})
    await admin.gateway.app.reload_by_signal()
    [good, bad] = await told(admin)
    assert good == ("system", "gateway", "config.reload", "done", None)
    assert bad[:-1] == ("system", "gateway", "config.reload", "failed") and "models" in bad[-1]
    assert (await admin.get("/audit/verify"))["ok"] is True


async def test_a_cancellation_that_comes_too_late_is_no_deed(admin: Admin) -> None:
    """Of what turns out to be impossible before it begins there is nothing to tell."""
    assert (await admin.ask("DELETE", "/queue/nobody")).status_code == 404
    assert await told(admin) == []
