"""A 403 costs others no more than it says: never the key for what one tenant asked for. A 400 may be about the
account, too."""

import json
from typing import Any

import pytest

from provider_sim import ProviderSim
from tests.behind import behind_every_dialect
from tests.gateway.wire import chat, post
from tests.running import OTHER_KEY, PROVIDER_SECRET, RunningGateway, configuration

MODERATION = "Your chosen model requires moderation and your input was flagged"
DENIED = "You are not allowed to sample from this model"
SHUT = "Your API key has been revoked."
OUT = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing."


def health(gateway: RunningGateway) -> list[tuple[str, str, str]]:
    """Key, model and state of what is not healthy."""
    pools = gateway.app.state()["pools"]
    rows = [(pool["id"], one["model"], one["state"]) for pool in pools for one in pool["health"]]
    return [row for row in rows if row[2] != "healthy"]


def spread(url: str) -> dict[str, Any]:
    """With so many attempts allowed that the budget is not what ends them."""
    return configuration(url, bounds={"attempts_ratio": 3.0})


@pytest.mark.parametrize(
    ("message", "code"), [(MODERATION, None), ("No.", "unsupported_country_region_territory")]
)
async def test_what_one_tenant_asked_for_is_no_matter_of_the_key(
    sim: ProviderSim, message: str, code: str | None
) -> None:
    async with RunningGateway(spread(sim.openai_url)) as gateway:
        sim.fault(status=403, message=message, code=code, count=6)
        for _ in range(3):
            reply = await post(gateway, chat())
            assert (reply.status, reply.headers["x-gateway-attempts"]) == (403, "2"), (
                "each key was asked once"
            )
            assert reply.error()["message"] == message
        assert health(gateway) == []
        assert (await post(gateway, chat(), key=OTHER_KEY)).status == 200


async def test_a_key_without_permission_for_a_model_goes_on_with_others(sim: ProviderSim) -> None:
    async with RunningGateway(spread(sim.openai_url)) as gateway:
        sim.fault(status=403, message=DENIED, count=1)
        assert (await post(gateway, chat(model="sim/forbidden"))).status == 200
        ((key, model, state),) = health(gateway)
        assert (model, state) == ("forbidden", "barred")
        for _ in range(4):
            reply = await post(gateway, chat(model="sim/forbidden"))
            assert reply.status == 200 and reply.headers["x-gateway-key"] != key
        served = {(await post(gateway, chat())).headers["x-gateway-key"] for _ in range(8)}
        assert served == {"one", "two"}


async def test_a_key_that_is_shut_is_shut_for_all_models(sim: ProviderSim) -> None:
    async with RunningGateway(spread(sim.openai_url)) as gateway:
        sim.fault(status=403, message=SHUT)
        reply = await post(gateway, chat())
        assert (reply.status, reply.error()["code"]) == (502, "upstream_auth_failed")
        await post(gateway, chat())
        assert {state for _, _, state in health(gateway)} == {"invalid"}


async def test_without_money_is_one_word_everywhere(sim: ProviderSim) -> None:
    async with RunningGateway(spread(sim.openai_url)) as gateway:
        sim.fault(status=402, count=2)
        reply = await post(gateway, chat())
        assert (reply.status, reply.error()["code"]) == (429, "insufficient_quota")
        pools = gateway.app.state()["pools"]
        assert {pool["last_refusal"] for pool in pools} == {"insufficient_quota"}
        assert {one["reason"] for pool in pools for one in pool["health"]} == {"insufficient_quota"}


async def test_an_account_without_money_that_says_so_by_400_is_passed_over(
    sim: ProviderSim,
) -> None:
    config = behind_every_dialect(sim)
    config["models"] = [{"id": "smart", "targets": ["anthropic/claude-sonnet-4-5", "openai/gpt-4o"]}]
    said = {"type": "error", "error": {"type": "invalid_request_error", "message": OUT}}
    async with RunningGateway(config) as gateway:
        sim.script(status=400, headers=[("content-type", "application/json")], body=json.dumps(said).encode())
        reply = await post(gateway, chat(model="smart"))
        assert (reply.status, reply.headers["x-gateway-provider"]) == (200, "openai")
        assert reply.headers["x-gateway-attempts"] == "2"


async def test_a_key_whose_credential_was_refused_once_gets_no_more_than_can_go_on(sim: ProviderSim) -> None:
    """With next to no traffic: the budget of attempts allows one more a minute."""
    async with RunningGateway(configuration(sim.openai_url)) as gateway:
        sim.fault(status=401, credential=PROVIDER_SECRET)
        assert {(await post(gateway, chat())).status for _ in range(10)} == {200}
