"""A real OpenBao that is sealed, cut off, or closed to the gateway's token: said at once, and over by itself."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.clock import passes
from tests.configuration.in_vault import kept_in, measured
from tests.configuration.test_following import admin, config
from tests.cut_proxy import CutProxy
from tests.gateway.wire import chat, post
from tests.keys.openbao import OpenBao
from tests.running import ProviderSim, RunningGateway, configuration

STALE, OUT = (
    'gateway_degraded{dependency="vault",mode="stale"}',
    'gateway_degraded{dependency="vault",mode="out"}',
)
RIGHTS = ("secret/data/llm/sim", "secret/metadata/llm/sim")


@pytest.fixture(autouse=True)
def kept(bao: OpenBao) -> None:
    bao.put("llm/sim", key="sk-of-the-provider")


@pytest.fixture
async def way(bao: OpenBao) -> AsyncIterator[CutProxy]:
    """To the OpenBao, when it may be cut."""
    async with CutProxy(bao.port) as proxy:
        yield proxy


def two_providers(sim: ProviderSim) -> dict[str, Any]:
    """The secret of one is in Vault, that of the other is not."""
    made = configuration(sim.openai_url)
    made["providers"].append({**made["providers"][0], "id": "other"})
    made["pools"] = [
        {"id": "one", "provider": "sim", "secret": "vault:secret/llm/sim#key"},
        {"id": "two", "provider": "other", "secret": "env:PROVIDER_KEY"},
    ]
    return made


@asynccontextmanager
async def watching(sim: ProviderSim, bao: OpenBao, way: CutProxy) -> AsyncIterator[RunningGateway]:
    """A gateway that looks often, and for which what it has stays fresh for an hour."""
    bao.policy("gateway", *RIGHTS)
    token = bao.admin.auth.token.create(policies=["gateway"], ttl="10h")["auth"]["client_token"]
    address = f"http://127.0.0.1:{way.port}"
    async with kept_in(
        bao, two_providers(sim), token, address=address, watch_s=0.2, ttl_s=3600, stale_max_s=7200
    ) as gateway:
        yield gateway


async def _sealed(bao: OpenBao, _: CutProxy) -> None:
    bao.seal()


async def _unsealed(bao: OpenBao, _: CutProxy) -> None:
    bao.unseal()


async def _cut(_: OpenBao, way: CutProxy) -> None:
    await way.cut()


async def _mended(_: OpenBao, way: CutProxy) -> None:
    await way.mend()


async def _closed(bao: OpenBao, _: CutProxy) -> None:
    bao.policy("gateway")


async def _opened(bao: OpenBao, _: CutProxy) -> None:
    bao.policy("gateway", *RIGHTS)


Deed = Callable[[OpenBao, CutProxy], Awaitable[None]]


@pytest.mark.parametrize(
    ("goes", "returns", "why"),
    [
        (_sealed, _unsealed, "Vault is sealed or down"),
        (_cut, _mended, "Vault cannot be reached"),
        (_closed, _opened, "vault:secret/llm/sim#key: Vault denies it"),
    ],
    ids=["sealed", "unreachable", "permission lost"],
)
async def test_it_is_said_while_what_is_known_is_fresh_and_ends_by_itself(
    goes: Deed,
    returns: Deed,
    why: str,
    sim: ProviderSim,
    bao: OpenBao,
    way: CutProxy,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "gateway")
    async with watching(sim, bao, way) as gateway:
        await measured(gateway, f"{STALE} 0.0")
        assert (await config(gateway))["vault"] == "answers"
        for turn in range(1, 3):
            await goes(bao, way)
            await measured(gateway, f"{STALE} 1.0")
            await measured(gateway, f"{OUT} 0.0")
            assert why in (await config(gateway))["vault"]
            assert (await post(gateway, chat())).status == 200
            await returns(bao, way)
            while f"{STALE} 0.0" not in (await admin(gateway, "/metrics")).body.decode():
                await passes(10)  # what was denied is tried again after a while, each time a longer one
            assert (await config(gateway))["vault"] == "answers"
            assert caplog.text.count(f"those that are known are used on: {why}") == turn
            assert caplog.text.count("secrets can be looked at again") == turn
        # And it goes on as before: another version is seen, long before the TTL is over.
        before = gateway.app.pipeline.generation
        bao.put("llm/sim", key="sk-another")
        while gateway.app.pipeline.generation is before:
            await asyncio.sleep(0.05)
        assert (await post(gateway, chat())).status == 200
        assert sim.requests()[-1]["credential"] == "sk-another"


async def test_it_leaves_the_secret_until_it_is_too_old(sim: ProviderSim, bao: OpenBao) -> None:
    """Then only what needs it is out (D63): a provider whose key is elsewhere goes on."""
    async with kept_in(bao, two_providers(sim), ttl_s=60, stale_max_s=600) as gateway:
        bao.seal()
        await passes(120)
        assert (await post(gateway, chat())).status == 200
        await measured(gateway, f"{STALE} 1.0")
        await passes(600)
        await measured(gateway, f"{OUT} 1.0")
        sent = len(sim.requests())
        refused = await post(gateway, chat())
        said = json.loads(refused.body)["error"]
        assert (refused.status, said["code"]) == (502, "upstream_auth_failed")
        assert "no credential for the provider" in said["message"]
        assert len(sim.requests()) == sent  # nothing goes out without a credential
        assert (await post(gateway, chat(model="other/chat"))).status == 200
        bao.unseal()
        await passes(60)
        await measured(gateway, f"{OUT} 0.0")
        await measured(gateway, f"{STALE} 0.0")


async def test_a_key_whose_secret_is_out_is_left_out_beside_a_sound_one_and_says_why(
    sim: ProviderSim, bao: OpenBao
) -> None:
    made = two_providers(sim)
    made["pools"][1]["provider"] = "sim"
    asked = {
        "tenant": "a", "key": None, "model": "smart", "api": "chat", "priority": None, "input_tokens": 10,
        "max_tokens": 5,
    }  # fmt: skip

    async def stand() -> tuple[Any, Any]:
        told: Any = await gateway.app.running.explain(asked)
        pools = json.loads((await admin(gateway, "/admin/v1/pools")).body)["data"]
        return {one["pool"]: one for one in told["candidates"]}, {one["id"]: one["live"] for one in pools}

    async with kept_in(bao, made, ttl_s=60, stale_max_s=600) as gateway:
        bao.seal()
        await passes(601)
        await measured(gateway, f"{OUT} 1.0")
        while gateway.app.pipeline.generation.snapshot.provider_keys[0].secret is not None:
            await passes(1)
        candidates, pools = await stand()  # nobody has asked for it since, nor before
        assert [candidates[pool]["usable"] for pool in ("one", "two")] == [False, True]
        assert "its secret cannot be had" in str(candidates["one"]["why_not"])
        assert "verify" not in str(candidates["one"]["why_not"]), "nobody mends it there"
        [health] = pools["one"]["health"]
        assert (health["state"], "its secret cannot be had" in health["reason"]) == ("invalid", True)
        for _ in range(8):
            reply = await post(gateway, chat())
            assert (reply.status, reply.headers["x-gateway-key"]) == (200, "two")
            assert reply.headers["x-gateway-attempts"] == "1"
        sent = len(sim.requests())
        verified = json.loads((await admin(gateway, "/admin/v1/pools/one/verify", method="POST")).body)
        assert (verified["accepted"], verified["status"], len(sim.requests())) == (None, None, sent)
        assert "its secret cannot be had" in verified["said"]
        await admin(gateway, "/admin/v1/pools/one/refresh", method="POST")
        assert not (await stand())[0]["one"]["usable"]
        bao.unseal()
        again = json.loads((await admin(gateway, "/admin/v1/pools/one/refresh", method="POST")).body)
        assert again["changed"] is True
        served = set()
        while "one" not in served:
            await passes(1)
            served.add((await post(gateway, chat())).headers["x-gateway-key"])


async def test_without_a_vault_there_is_nothing_to_say(gateway: RunningGateway) -> None:
    assert (await config(gateway))["vault"] is None
