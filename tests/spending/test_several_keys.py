"""A target that several provider keys lead to, some of which came later or by another name of it: each is paid."""

from typing import Any

import pytest

from tests.gateway.wire import chat, post
from tests.postgres import Stored
from tests.running import OTHER_KEY, ProviderSim, RunningGateway, configuration

_MODEL = "sim/gpt-5-mini"
_ASKED = 16


def _pools(*of: tuple[str, list[str]]) -> list[dict[str, Any]]:
    secrets = ("env:PROVIDER_KEY", "env:PROVIDER_KEY_2")
    return [
        {"id": name, "provider": "sim", "secret": secret, "tenants": tenants}
        for (name, tenants), secret in zip(of, secrets, strict=False)
    ]


async def _served_by(gateway: RunningGateway, model: str) -> set[str]:
    """The provider keys that served tenant a, which was refused nothing."""
    replies = [await post(gateway, chat(model=model)) for _ in range(_ASKED)]
    assert [reply.status for reply in replies] == [200] * _ASKED
    return {reply.headers["x-gateway-key"] for reply in replies}


@pytest.mark.parametrize("name", [_MODEL, "smart", "fast"])
async def test_another_tenant_asked_first_of_whom_one_key_is(
    sim: ProviderSim, stored: Stored, name: str
) -> None:
    """By the target itself, by a route of both, and by two routes."""
    routes = [{"id": one, "targets": [_MODEL]} for one in ("smart", "fast")]
    pools = _pools(("shared", ["*"]), ("own", ["a"]))
    config = configuration(sim.openai_url, pools=pools, models=routes)
    async with RunningGateway(config, database_dsn=stored.application) as gateway:
        first = "smart" if name == "fast" else name
        assert (await post(gateway, chat(model=first), key=OTHER_KEY)).status == 200
        assert await _served_by(gateway, name) == {"shared", "own"}


async def test_a_tenants_own_meaning_of_a_route(sim: ProviderSim, stored: Stored) -> None:
    config = configuration(sim.openai_url, pools=_pools(("shared", ["*"]), ("own", ["a"])))
    config["models"] = [{"id": "smart", "targets": [_MODEL]}]
    config["tenants"][0]["models"] = {"smart": _MODEL}
    async with RunningGateway(config, database_dsn=stored.application) as gateway:
        assert (await post(gateway, chat(), key=OTHER_KEY)).status == 200
        assert await _served_by(gateway, "smart") == {"shared", "own"}


async def test_a_key_that_comes_later(sim: ProviderSim, stored: Stored) -> None:
    both = _pools(("first", ["*"]), ("later", ["*"]))
    config = configuration(sim.openai_url, pools=both[:1])
    async with RunningGateway(config, database_dsn=stored.application) as gateway:
        assert await _served_by(gateway, _MODEL) == {"first"}
        gateway.write({**gateway.config, "pools": both})
        assert await gateway.app.reload() is None
        assert await _served_by(gateway, _MODEL) == {"first", "later"}
