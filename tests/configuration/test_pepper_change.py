"""Another pepper: who presents a key is known by it from then on; keys never presented are named, not forgotten."""

import json
from pathlib import Path
from typing import Any

from gateway.dialects.sealed_ids import Owned, SealedIds
from keys.digest import Pepper
from tests.clock import until
from tests.configuration.operator import PEPPER, Operator
from tests.configuration.test_following import config
from tests.gateway.wire import chat, exchange, post, request
from tests.postgres import Stored
from tests.running import ADMIN_KEY, ProviderSim, RunningGateway, configuration

NEW = "of-other-gateways-of-these-tests-a41c9e"
FORMER = {"KAZE_KEY_PEPPER": NEW, "KAZE_KEY_PEPPER_PREVIOUS": PEPPER.decode()}
ALONE = {"KAZE_KEY_PEPPER": NEW}


async def ask(gateway: RunningGateway, method: str, path: str, body: Any, key: str = ADMIN_KEY) -> Any:
    told = request(body, path=f"/admin/v1{path}", method=method, key=key)
    return json.loads((await exchange(gateway, told, admin=True)).body)


def anchors(gateway: RunningGateway) -> Path:
    return gateway.settings.data_dir / "audit-anchors"


async def test_keys_are_written_anew_as_they_are_used(
    sim: ProviderSim, stored: Stored, operator: Operator
) -> None:
    def started(environ: dict[str, str]) -> RunningGateway:
        return RunningGateway(configuration(sim.openai_url), environ, database_dsn=stored.application)

    keys, kept = {}, ""
    async with started({}) as gateway:
        await ask(gateway, "POST", "/tenants", {"id": "acme"})
        for id_ in ("used", "rotated", "idle"):
            keys[id_] = (await ask(gateway, "POST", "/tenants/acme/keys", {"id": id_}))["secret"]
        rotated = await ask(gateway, "POST", "/keys/acme:rotated/rotate", {"overlap_s": 86_400})
        auditor = (await ask(gateway, "POST", "/admin-keys", {"id": "ci", "role": "auditor"}))["secret"]
        kept += anchors(gateway).read_text()

    async def status(gateway: RunningGateway, key: str) -> int:
        return (await post(gateway, chat(), key=key)).status

    async with started(FORMER) as gateway:
        assert (await config(gateway))["keys_under_former_pepper"] == 3
        presented = [keys["used"], keys["rotated"], rotated["secret"]]
        assert [await status(gateway, key) for key in presented] == [200] * 3
        assert (await ask(gateway, "GET", "/tenants/acme", None, auditor))["id"] == "acme"
        await gateway.app._key_use.write()
        await until(lambda: len(gateway.app.following._stored.tenant_keys) == 3)
        versions = "SELECT count(*) FROM tenant_keys WHERE pepper_version = $1"
        assert await operator.asked(versions, Pepper(NEW.encode()).version) == 2
        while (await config(gateway))["keys_under_former_pepper"] != 1:
            pass
        assert [await status(gateway, key) for key in (*presented, keys["idle"])] == [200] * 4
        gateway.app._key_use.outdated.clear()  # as if it had not come to writing that one
        heads = [json.loads(line) for line in anchors(gateway).read_text().splitlines()]
        kept += anchors(gateway).read_text()
    rows = "SELECT count(*) FROM audit_log WHERE action = 'keys.rehash' AND actor_kind = 'system'"
    assert await operator.asked(rows) == 3
    newest = "SELECT seq FROM audit_log WHERE tenant = $1 ORDER BY seq DESC LIMIT 1"
    for chain in ("acme", "*"):
        last = [head["seq"] for head in heads if head["tenant"] == chain]
        assert last == [await operator.asked(newest, chain)]
    async with started(ALONE) as gateway:
        anchors(gateway).write_text(kept)
        assert [await status(gateway, key) for key in (*presented, keys["idle"])] == [200, 200, 200, 401]
        assert (await ask(gateway, "GET", "/tenants/acme", None, auditor))["id"] == "acme"
        assert (await config(gateway))["refused"] == [
            "tenant_keys acme/idle: is known by another pepper, which KAZE_KEY_PEPPER_PREVIOUS is to name"
        ]
        assert (await ask(gateway, "GET", "/audit/verify", None))["ok"] is True


def test_ids_sealed_before_are_opened() -> None:
    sealed = SealedIds(b"p" * 32).seal("acme", "one", "file-abc")
    assert SealedIds(b"q" * 32, b"p" * 32).open("acme", sealed) == Owned("one", "file-abc")
    assert SealedIds(b"q" * 32, b"p" * 32).open("other", sealed) is None
    assert SealedIds(b"q" * 32).open("acme", sealed) is None
