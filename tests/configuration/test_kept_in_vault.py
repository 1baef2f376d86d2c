"""Tenant keys and a proxy's credential in a real OpenBao: from the first request, rotated, weak, and away."""

import asyncio
import base64
import logging
from typing import Any

import pytest

from gateway.settings.endpoint import parse
from tests.clock import passes, until
from tests.configuration.in_vault import kept_in
from tests.configuration.test_following import admin
from tests.gateway.wire import chat, post
from tests.keys.openbao import OpenBao
from tests.running import ADMIN_KEY, OTHER_KEY, TENANT_KEY, ProviderSim, RunningGateway, configuration
from tests.upstream.test_proxy import tunnelling

FIRST, SECOND = "of-a-tenant-and-in-vault-1-9f3c", "of-a-tenant-and-in-vault-2-71ab"


@pytest.fixture(autouse=True)
def kept(bao: OpenBao) -> None:
    bao.put("tenants/a", web=FIRST)


def gateway_of(sim: ProviderSim, bao: OpenBao, **parts: Any) -> RunningGateway:
    """Tenant `a` has its key in the OpenBao and a limit on it, tenant `b` in the environment."""
    made = configuration(sim.openai_url, **parts)
    key = {"id": "web", "secret": "vault:secret/tenants/a#web", "limits": {"rpm": 3}}
    made["tenants"] = [{"id": "a", "keys": [key]}, made["tenants"][1]]
    return kept_in(bao, made, watch_s=0.2, ttl_s=600)


async def status(gateway: RunningGateway, key: str) -> int:
    return (await post(gateway, chat(), key=key)).status


def known(gateway: RunningGateway) -> int:
    return len(gateway.app.pipeline.generation.snapshot.tenant_keys)


async def test_a_tenant_key_is_rotated_where_it_is_kept(sim: ProviderSim, bao: OpenBao) -> None:
    async with gateway_of(sim, bao) as gateway:
        assert [await status(gateway, key) for key in (FIRST, SECOND, OTHER_KEY)] == [200, 401, 200]
        bao.put("tenants/a", web=SECOND)
        await until(lambda: known(gateway) == 3)
        # Both for a moment, and one account: what the key was charged under its other value stays charged.
        assert [await status(gateway, key) for key in (FIRST, SECOND, FIRST)] == [200, 200, 429]
        await passes(70)
        await until(lambda: known(gateway) == 2)
        assert [await status(gateway, key) for key in (FIRST, SECOND)] == [401, 200]
        assert FIRST.encode() not in (await admin(gateway, "/admin/v1/config")).body


async def test_what_cannot_be_a_key_is_none(
    sim: ProviderSim, bao: OpenBao, caplog: pytest.LogCaptureFixture
) -> None:
    async with gateway_of(sim, bao) as gateway:
        for value, why in (
            ("changeme", "is a well-known default"),
            (OTHER_KEY, "has the same value as another key"),
            (ADMIN_KEY, "has the same value as another key"),
        ):
            bao.put("tenants/a", web=value)
            said = f"tenant key a/web: what is at vault:secret/tenants/a#web {why}"
            with caplog.at_level(logging.ERROR):
                while said not in caplog.text:
                    await asyncio.sleep(0)
            assert value not in caplog.text
            caplog.clear()
        await passes(10)
        await until(lambda: known(gateway) == 1)
        assert [await status(gateway, key) for key in (FIRST, ADMIN_KEY, OTHER_KEY)] == [401, 401, 200]


async def test_while_vault_never_answered_an_unknown_key_may_be_the_one(
    sim: ProviderSim, bao: OpenBao
) -> None:
    bao.seal()
    async with gateway_of(sim, bao) as gateway:
        assert [await status(gateway, key) for key in (FIRST, TENANT_KEY, OTHER_KEY)] == [503, 503, 200]
        bao.unseal()
        await passes(60)
        await until(lambda: known(gateway) == 2)
        assert [await status(gateway, key) for key in (FIRST, TENANT_KEY, OTHER_KEY)] == [200, 401, 200]


async def test_a_proxys_credential_is_rotated_where_it_is_kept(sim: ProviderSim, bao: OpenBao) -> None:
    bao.put("proxy", user="name:first")
    async with tunnelling() as (proxy, heads):
        made = configuration(sim.openai_url)["providers"][0]
        provider = {**made, "egress_proxy": str(proxy), "egress_proxy_auth": "vault:secret/proxy#user"}
        async with gateway_of(sim, bao, providers=[provider]) as gateway:
            assert await status(gateway, OTHER_KEY) == 200
            before = gateway.app.pipeline.generation
            bao.put("proxy", user="name:second")
            await until(lambda: gateway.app.pipeline.generation is not before)
            assert await status(gateway, OTHER_KEY) == 200  # by a connection of its own
            before = gateway.app.pipeline.generation
            bao.put("proxy", user="no user and password")
            await passes(10)
            assert await status(gateway, OTHER_KEY) == 200
            shown = (await admin(gateway, "/admin/v1/providers")).body
        assert b"second" not in shown
    assert parse(sim.openai_url)[0].host == "127.0.0.1"
    sent = [base64.b64encode(word).decode() for word in (b"name:first", b"name:second")]
    assert [next(line for line in head.decode().split("\r\n") if "Basic" in line) for head in heads[:2]] == [
        f"Proxy-Authorization: Basic {word}" for word in sent
    ]
    assert not [head for head in heads if b"no user" in head]
