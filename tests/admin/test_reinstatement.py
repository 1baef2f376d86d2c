"""With a database: a verb that changes nothing there still brings back a key that was left out."""

import asyncio

import pytest

from tests.admin.conftest import Admin
from tests.clock import passes
from tests.gateway.wire import chat, post
from tests.running import OTHER_KEY, ProviderSim


@pytest.mark.parametrize(
    ("path", "body"),
    [("/pools/one/enable", None), ("/batch", {"changes": [{"operation": "pools.enable", "id": "one"}]})],
)
async def test_enabling_what_was_enabled_brings_back_a_refused_key(
    admin: Admin, sim: ProviderSim, path: str, body: object
) -> None:
    sim.fault(status=401)
    for _ in range(2):
        await post(admin.gateway, chat(), key=OTHER_KEY)
    sim.clear_faults()
    assert (await post(admin.gateway, chat(), key=OTHER_KEY)).status == 503
    assert (await admin.get("/pools/one"))["live"]["health"][0]["state"] == "invalid"
    reply = await admin.ask("POST", path, body)
    assert reply.status_code == 200, reply.text
    assert body or reply.json()["reinstated"] is True
    assert (await admin.get("/pools/one"))["live"]["health"][0]["state"] == "probing"
    asked = asyncio.create_task(post(admin.gateway, chat(), key=OTHER_KEY))
    await passes(3)  # an urgent class is the probe where nobody else comes
    assert (await asked).status == 200
