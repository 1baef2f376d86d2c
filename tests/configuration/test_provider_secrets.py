"""Provider secrets in a real OpenBao: rotated under load, refused by the provider, and wrong."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Self

import httpx2
import pytest

from tests.clock import until
from tests.configuration.in_vault import kept_in, measured
from tests.configuration.test_following import admin
from tests.gateway.wire import chat, post
from tests.keys.openbao import OpenBao
from tests.running import TENANT_KEY, ProviderSim, RunningGateway, configuration

#: The scripted provider refuses what begins with `bad-`.
GOOD, BETTER, REVOKED = "sk-of-the-provider-1", "sk-of-the-provider-2", "bad-of-the-provider"


@pytest.fixture(autouse=True)
def kept(bao: OpenBao) -> None:
    bao.put("llm/sim", key=GOOD)


def from_vault(
    sim: ProviderSim, bao: OpenBao, others: Sequence[dict[str, str]] = (), **vault: Any
) -> RunningGateway:
    made = configuration(sim.openai_url)
    made["pools"] = [{"id": "one", "provider": "sim", "secret": "vault:secret/llm/sim#key"}, *others]
    return kept_in(bao, made, **vault)


@pytest.fixture
async def gateway(sim: ProviderSim, bao: OpenBao) -> AsyncIterator[RunningGateway]:
    async with from_vault(sim, bao) as running:
        yield running


class Load:
    """Eight callers who ask again and again, for as long as it is entered."""

    def __init__(self, gateway: RunningGateway) -> None:
        self._url = gateway.url
        self._ending = False
        self.statuses: list[int] = []

    async def __aenter__(self) -> Self:
        self._asking = [asyncio.create_task(self._ask()) for _ in range(8)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ending = True
        await asyncio.gather(*self._asking)

    async def served(self, count: int) -> None:
        """So many more."""
        before = len(self.statuses)
        await until(lambda: len(self.statuses) >= before + count)

    async def _ask(self) -> None:
        headers = {"authorization": f"Bearer {TENANT_KEY}"}
        async with httpx2.AsyncClient(base_url=self._url, headers=headers, timeout=60) as client:
            while not self._ending:
                self.statuses.append((await client.post("/v1/chat/completions", json=chat())).status_code)


def presented(sim: ProviderSim) -> list[str]:
    """What each request to the provider carried."""
    return [request["credential"] for request in sim.requests()]


async def test_a_secret_is_there_from_the_first_request(gateway: RunningGateway, sim: ProviderSim) -> None:
    assert (await post(gateway, chat())).status == 200
    assert presented(sim) == [GOOD]
    await measured(gateway, 'gateway_secret_fetches_total{outcome="changed"} 1.0')
    shown = (await admin(gateway, "/admin/v1/pools")).body + (await admin(gateway, "/admin/v1/config")).body
    assert GOOD.encode() not in shown


async def test_a_refusal_has_it_looked_at_again_and_loses_no_request(sim: ProviderSim, bao: OpenBao) -> None:
    """The cache would look in minutes only: it is the provider's refusal that makes it look."""
    async with from_vault(sim, bao, ttl_s=600, watch_s=600) as gateway, Load(gateway) as load:
        await load.served(60)
        bao.put("llm/sim", key=BETTER)
        sim.fault(credential=GOOD, status=401)
        await until(lambda: presented(sim)[-1] == BETTER)
        await load.served(60)
    assert set(load.statuses) == {200}
    assert set(presented(sim)[-40:]) == {BETTER}


@pytest.mark.parametrize("others", [[], [{"id": "two", "provider": "sim", "secret": "env:PROVIDER_KEY_2"}]])
async def test_all_who_came_with_the_old_one_are_served(
    sim: ProviderSim, bao: OpenBao, others: list[dict[str, str]]
) -> None:
    """They are many more than there may be further attempts."""
    async with from_vault(sim, bao, others, ttl_s=600, watch_s=600) as gateway:
        sim.fault(credential=GOOD, status=401, delay_ms=300)
        bao.put("llm/sim", key=BETTER)
        replies = await asyncio.gather(*(post(gateway, chat()) for _ in range(40)))
        assert [reply.status for reply in replies] == [200] * 40
        assert presented(sim).count(GOOD) >= 10


async def test_both_versions_are_tried(sim: ProviderSim, bao: OpenBao) -> None:
    async with from_vault(sim, bao, ttl_s=2, stale_max_s=60) as gateway:
        bao.put("llm/sim", key=REVOKED)  # the provider does not know the new one yet
        key = gateway.app.pipeline.generation
        await until(lambda: gateway.app.pipeline.generation is not key)
        assert (await post(gateway, chat())).status == 200
        assert presented(sim)[-1] == GOOD


async def test_one_that_is_wrong_where_it_is_kept_puts_the_key_out_of_use_until_it_is_right(
    sim: ProviderSim, bao: OpenBao
) -> None:
    bao.put("llm/sim", key=REVOKED)
    async with from_vault(sim, bao, ttl_s=1, stale_max_s=60) as gateway:
        statuses = [(await post(gateway, chat())).status for _ in range(4)]
        assert 200 not in statuses and statuses[-1] == 503
        bao.put("llm/sim", key=BETTER)
        await until(
            lambda: gateway.app.pipeline.generation.snapshot.provider_keys[0].secret.reveal() == BETTER
        )  # type: ignore[union-attr]
        assert (await post(gateway, chat())).status == 200


async def test_rotation_while_the_provider_takes_both(sim: ProviderSim, bao: OpenBao) -> None:
    """No refusal tells that there is another: the version is watched, long before the TTL is over."""
    async with from_vault(sim, bao, ttl_s=3600, watch_s=0.2) as gateway, Load(gateway) as load:
        for secret in ("sk-2", "sk-3", "sk-4"):
            bao.put("llm/sim", key=secret)
            await until(lambda secret=secret: secret in presented(sim)[-1:])  # type: ignore[misc]
        await load.served(20)
    assert set(load.statuses) == {200}
    assert set(presented(sim)[-10:]) == {"sk-4"}
