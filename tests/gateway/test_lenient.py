"""What a model cannot be asked is refused; with `lenient: true` the nearest thing is asked for, and told."""

from typing import Any

import pytest

from tests.behind import behind_every_dialect, sent
from tests.gateway.wire import chat, post
from tests.running import ProviderSim, RunningGateway

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
FORCED: dict[str, Any] = {"tools": [TOOL], "tool_choice": "required"}


@pytest.mark.parametrize("behind", ["anthropic", "gemini"])
async def test_a_choice_of_tools_that_cannot_be_had(sim: ProviderSim, behind: str) -> None:
    config = behind_every_dialect(sim)
    config["capabilities"]["*"]["forced_tool_choice"] = False
    async with RunningGateway(config) as gateway:
        refused = await post(gateway, chat(model=behind, **FORCED))
        assert (refused.status, refused.error()["param"]) == (400, "tool_choice")
    async with RunningGateway({**config, "lenient": True}) as gateway:
        reply = await post(gateway, chat(model=behind, **FORCED))
        assert reply.status == 200
        assert reply.headers["x-gateway-warnings"] == "changed=tool_choice"
        asked = str(sent(sim)).lower()
        assert "'any'" not in asked
        assert "auto" in asked
        strict = await post(gateway, chat(model=behind, **FORCED), headers="x-gateway-strict: true\r\n")
        assert (strict.status, strict.error()["param"]) == (400, "tool_choice")


async def test_who_says_nothing(sim: ProviderSim) -> None:
    for lenient, status in ((False, 400), (True, 200)):
        async with RunningGateway({**behind_every_dialect(sim), "lenient": lenient}) as gateway:
            reply = await post(gateway, chat("", model="anthropic"))
            assert reply.status == status
    assert sent(sim)["messages"][0]["content"] == [{"type": "text", "text": "(empty)"}]
