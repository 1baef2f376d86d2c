"""The catalogue as Google's SDK asks for it."""

import json
from typing import Any

import pytest
from google import genai
from google.genai import errors
from google.genai.types import HttpOptions

from tests.gateway.wire import Reply, exchange, request
from tests.running import TENANT_KEY, ProviderSim, RunningGateway, configuration

_MODELS = [
    {"id": "smart", "targets": ["sim/gpt-5"]},
    {"id": "org/m:x", "targets": ["sim/own"]},
    {"id": "embed", "targets": ["sim/some"], "hint": "embed"},
    {"id": "not-yours", "targets": ["other/chat"]},
]


@pytest.fixture
def config(sim: ProviderSim) -> dict[str, Any]:
    """The last model is at a provider of which the tenant has no key."""
    other = {"id": "other", "dialect": "openai", "base_url": sim.openai_url, "flavour": "sim"}
    made = configuration(sim.openai_url, models=_MODELS)
    key = {"id": "three", "provider": "other", "secret": "env:PROVIDER_KEY", "tenants": ["b"]}
    return {**made, "providers": [*made["providers"], other], "pools": [*made["pools"], key]}


async def get(gateway: RunningGateway, path: str, headers: str = "", key: str | None = None) -> Reply:
    return await exchange(gateway, request(None, path=path, method="GET", headers=headers, key=key))


@pytest.mark.parametrize("version", ["v1", "v1beta"])
async def test_googles_sdk_lists_and_gets_models(config: dict[str, Any], version: str) -> None:
    async with RunningGateway(config) as gateway:
        options = HttpOptions(base_url=gateway.url, api_version=version)
        client = genai.Client(api_key=TENANT_KEY, http_options=options).aio
        for size in (None, 1, 2, 5000):
            pager = await client.models.list(config={"page_size": size})
            assert [model.name async for model in pager] == ["models/smart", "models/org/m:x", "models/embed"]
        smart = await client.models.get(model="smart")
        assert (smart.name, smart.input_token_limit, smart.thinking) == ("models/smart", 400_000, True)
        assert smart.supported_actions == ["generateContent", "streamGenerateContent", "countTokens"]
        for name in ("org/m:x", "models/org/m:x", "sim/anything"):
            assert (await client.models.get(model=name)).name == f"models/{name.removeprefix('models/')}"
        embeds = await client.models.get(model="embed")
        assert (embeds.supported_actions, embeds.input_token_limit) == (
            ["embedContent", "batchEmbedContents"], None,
        )  # fmt: skip
        for name in ("none", "not-yours"):
            with pytest.raises(errors.ClientError) as caught:
                await client.models.get(model=name)
            assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")
        await client.aclose()


async def test_pages_and_who_may_see_them(config: dict[str, Any]) -> None:
    async with RunningGateway(config) as gateway:
        by_key = f"key={TENANT_KEY}"
        first = json.loads((await get(gateway, f"/v1beta/models?pageSize=2&{by_key}")).body)
        assert [model["name"] for model in first["models"]] == ["models/smart", "models/org/m:x"]
        rest = await get(gateway, f"/v1beta/models?pageToken=org%2Fm%3Ax&{by_key}")
        assert (len(json.loads(rest.body)["models"]), "nextPageToken" in json.loads(rest.body)) == (1, False)
        for query in ("pageSize=-1", "pageSize=many", "pageToken=none", "pageToken=not-yours"):
            refused = await get(gateway, f"/v1beta/models?{query}&{by_key}")
            assert (refused.status, refused.error()["status"]) == (400, "INVALID_ARGUMENT")
        nobody = await get(gateway, "/v1beta/models")
        assert (nobody.status, nobody.error()["status"]) == (401, "UNAUTHENTICATED")


async def test_the_shared_path_stays_everybody_elses(config: dict[str, Any]) -> None:
    """Only who comes as Google's SDK does gets its shape; `?key=` is no key there."""
    async with RunningGateway(config) as gateway:
        assert json.loads((await get(gateway, "/v1/models", key=TENANT_KEY)).body)["object"] == "list"
        assert (await get(gateway, f"/v1/models?key={TENANT_KEY}")).status == 401
        googles = f"x-goog-api-key: {TENANT_KEY}\r\n"
        assert "models" in json.loads((await get(gateway, "/v1/models", googles)).body)
        both = googles + "anthropic-version: 2023-06-01\r\n"
        assert json.loads((await get(gateway, "/v1/models", both)).body)["first_id"] == "smart"
