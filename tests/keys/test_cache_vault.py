"""The cache over a real OpenBao: rotated under load, refused by a provider, sealed for longer than it may be."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from keys.secrets.cache import SecretCache, SecretUnavailableError
from keys.secrets.env import EnvironmentSource
from keys.secrets.freshness import CachePolicy
from keys.secrets.reference import parse
from keys.secrets.source import Fault
from keys.secrets.vault import VaultSource
from tests.clock import FlowingLoop
from tests.keys.openbao import OpenBao

KEY, OTHER = parse("vault:secret/cached#key"), parse("env:OTHER")


@asynccontextmanager
async def cache_over(bao: OpenBao) -> AsyncIterator[SecretCache]:
    """Its secrets are looked at again after 60 s, which the tests let pass."""
    clock = asyncio.get_running_loop().time
    source = VaultSource(bao.server(), bao.approle("secret/data/cached"), clock, fetch_s=60)
    policy = CachePolicy(stale_max_s=600, fetch_s=60)
    cache = SecretCache({"vault": source, "env": EnvironmentSource({"OTHER": "sk-other"})}, policy, clock)
    try:
        yield cache
    finally:
        await cache.close()
        await source.close()


def move(seconds: float) -> None:
    cast(FlowingLoop, asyncio.get_running_loop()).move(seconds)


async def test_a_secret_rotated_under_load_reaches_everybody_and_fails_nobody(shared_bao: OpenBao) -> None:
    shared_bao.put("cached", key="sk-1")
    accepted = {"sk-1"}  # what the provider takes
    served = 0

    async def request(cache: SecretCache) -> None:
        """As the pipeline does it: the present value, and after a refusal whatever there is by then."""
        nonlocal served
        secret = cache.values(KEY)[0]
        await asyncio.sleep(0)
        if secret.reveal() not in accepted:
            rotation = await cache.refresh_now(KEY, secret)
            assert rotation.current.secret.reveal() in accepted
        served += 1

    async with cache_over(shared_bao) as cache:
        assert await cache.warm([KEY, OTHER], 60) == []
        for turn in range(2, 6):
            shared_bao.put("cached", key=f"sk-{turn}")
            accepted.add(f"sk-{turn}")
            await asyncio.gather(*(request(cache) for _ in range(50)))
            accepted.remove(f"sk-{turn - 1}")
            await asyncio.gather(*(request(cache) for _ in range(50)))
            assert cache.values(KEY)[0].reveal() == f"sk-{turn}"
    assert served == 400


async def test_a_rotation_is_noticed_within_a_ttl_without_any_refusal(shared_bao: OpenBao) -> None:
    shared_bao.put("cached", key="sk-1")
    async with cache_over(shared_bao) as cache:
        await cache.warm([KEY], 60)
        cache.start()
        shared_bao.put("cached", key="sk-2")
        move(60)
        while cache.values(KEY)[0].reveal() != "sk-2":
            await asyncio.sleep(0.01)


async def test_sealed_for_too_long_only_what_comes_from_there_is_out(own_bao: OpenBao) -> None:
    own_bao.put("cached", key="sk-1")
    async with cache_over(own_bao) as cache:
        await cache.warm([KEY, OTHER], 60)
        own_bao.seal()
        move(550)
        assert cache.values(KEY)[0].reveal() == "sk-1"
        move(60)
        with pytest.raises(SecretUnavailableError, match="vault:secret/cached#key: ") as caught:
            await cache.get(KEY)
        assert caught.value.fault is Fault.AWAY
        assert (await cache.get(OTHER)).reveal() == "sk-other"
        own_bao.unseal()
        while True:
            try:
                assert (await cache.get(KEY)).reveal() == "sk-1"
                break
            except SecretUnavailableError:
                move(31)
