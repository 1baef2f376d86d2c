"""With the shared ledger away: what callers and operators are told. Where nothing is granted without it
(`on_ledger_loss: closed`), nothing is reached, and nobody can tell when it is back.
"""

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from gateway.admission.leases import Leases
from gateway.admission.window import LEASE_MS_MAX
from tests.clock import passes, until
from tests.gateway.test_queue import in_line, listing
from tests.gateway.wire import Line, chat, exchange, parsed, post, request
from tests.running import ADMIN_KEY, OTHER_KEY, ProviderSim, RunningGateway, configuration

PATIENCE_S = 20
MESSAGES = "/v1/messages"


@asynccontextmanager
async def without_ledger(
    sim: ProviderSim, mode: str = "closed", **ceilings: int
) -> AsyncIterator[RunningGateway]:
    """Tenant a's key has limits, tenant b's none, the provider's key `ceilings`. There never was a ledger."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        config = configuration(
            sim.openai_url,
            ledger=f"redis://127.0.0.1:{nobody.getsockname()[1]}",
            on_ledger_loss=mode,
            pools=[{"id": "one", "provider": "sim", "secret": "env:PROVIDER_KEY", "limits": ceilings}],
        )
        config["tenants"][0]["keys"][0]["limits"] = {"rpm": 3, "tpm": 1000}
        async with RunningGateway(config) as gateway:
            ledger = gateway.app.ledger
            assert isinstance(ledger, Leases)
            await until(lambda: ledger.mode(gateway.app.ledger_time.now()) == mode)
            yield gateway


async def explained(gateway: RunningGateway) -> dict[str, Any]:
    asked = {"tenant": "a", "key": "web", "model": "smart"}
    reply = await exchange(gateway, request(asked, path="/admin/v1/explain", key=ADMIN_KEY), admin=True)
    told: dict[str, Any] = json.loads(reply.body)
    return told


async def test_a_key_with_limits_is_told_that_they_cannot_be_checked(sim: ProviderSim) -> None:
    async with without_ledger(sim, rpm=60) as gateway:
        for path, status in (("/v1/chat/completions", 503), (MESSAGES, 529)):
            refused = await post(gateway, chat(max_tokens=5), path=path)
            assert refused.status == status
            message = refused.error()["message"]
            assert "ledger" in message and "reached" not in message
            assert refused.headers["retry-after-ms"] == "1000", "within which the ledger is tried again"
            assert not [name for name in refused.headers if "ratelimit" in name], "nobody knows what is left"
        assert sim.stats()["requests"] == 0


async def test_a_key_is_told_what_is_left_of_its_share(sim: ProviderSim) -> None:
    async with without_ledger(sim, "safe_share", rpm=60_000) as gateway:
        await passes(LEASE_MS_MAX / 1000)  # the provider key's share begins when all leases are over
        served = [await post(gateway, chat(max_tokens=5)) for _ in range(3)]
        assert [reply.status for reply in served] == [200] * 3
        assert [reply.headers["x-ratelimit-remaining-requests"] for reply in served] == ["2", "1", "0"]
        refused = await post(gateway, chat(max_tokens=5))
        assert refused.status == 429 and refused.headers["x-ratelimit-remaining-requests"] == "0"
        assert "requests per minute: limit 3, used 3" in refused.error()["message"]


async def test_where_a_share_is_used_up_the_ledger_may_be_back_at_any_time(sim: ProviderSim) -> None:
    """What it would grant is not known: not that there is nothing for a minute."""
    async with without_ledger(sim, "safe_share", rpm=200) as gateway:  # of which one is set aside
        await passes(LEASE_MS_MAX / 1000)
        assert (await post(gateway, chat(), key=OTHER_KEY)).status == 200
        refused = await post(gateway, chat(), key=OTHER_KEY)
        assert (refused.status, refused.error()["code"]) == (503, "deadline_unreachable")
        assert "ledger" in refused.error()["message"] and refused.headers["retry-after-ms"] == "1000"
        why_not = (await explained(gateway))["candidates"][0]["why_not"]
        assert len(why_not) == 1 and "ledger is away" in why_not[0] and "share is used up" in why_not[0]


async def test_who_waits_is_told_no_end(sim: ProviderSim) -> None:
    async with without_ledger(sim, rpm=60) as gateway:
        async with Line(gateway) as line:
            line.send(request(chat(stream=True), key=OTHER_KEY))
            [row] = await in_line(gateway, 1)
            assert row["expected_wait_ms"] is None
            [waiting] = (await listing(gateway))["lines"]
            assert [one["expected_wait_ms"] for one in waiting["classes"]] == [None]
            for _ in range(PATIENCE_S):
                await passes(1)
            reply = parsed(await line.rest())
        comments = [one for one in reply.body.split(b"\n\n") if one.startswith(b":")]
        assert comments and set(comments) == {b": queued pos=0"}
        assert reply.failure()["code"] == "queue_timeout" and "ledger" in reply.failure()["message"]


async def test_explain_names_the_ledger(sim: ProviderSim) -> None:
    async with without_ledger(sim, rpm=60) as gateway:
        found = await explained(gateway)
        [one] = found["candidates"]
        assert not one["usable"] and "ledger is away" in one["why_not"][0]
        assert [limit["dimension"] for limit in found["limits"]] == ["rpm", "tpm"]
        assert all(not limit["fits"] and "ledger" in limit["problem"] for limit in found["limits"])
