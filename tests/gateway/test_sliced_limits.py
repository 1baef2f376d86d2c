"""Keys whose provider enforces a rate in slices of a minute: what it says is left may be of the slice."""

import pytest

from tests.gateway.wire import chat, post, settled
from tests.running import ProviderSim, RunningGateway, configuration

_SAID = [
    ("content-type", "application/json"),
    ("x-ratelimit-limit-requests", "60"),
    ("x-ratelimit-remaining-requests", "0"),
    ("x-ratelimit-reset-requests", "5s"),
]
_BODY = b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi."},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'  # fmt: skip # noqa: E501


@pytest.mark.parametrize(("windows", "used"), [({"burst_s": 5}, 1), ({}, 60)])
async def test_what_is_left_of_a_slice_is_not_what_others_used_of_the_minute(
    sim: ProviderSim, windows: dict[str, float], used: int
) -> None:
    config = configuration(sim.openai_url)
    config["pools"] = [
        {
            "id": "one",
            "provider": "sim",
            "secret": "env:PROVIDER_KEY",
            "limits": {"rpm": 60},
            "windows": windows,
        }
    ]
    async with RunningGateway(config) as gateway:
        sim.script(status=200, headers=_SAID, body=_BODY)
        assert (await post(gateway, chat())).status == 200
        await settled(gateway)
        ((pool),) = gateway.app.state()["pools"]
        ((told),) = pool["limits"]
        assert [one["used"] for one in told["dimensions"]] == [used]
