"""A model that is said not to take images, sound or PDFs is not asked about any, whoever asks."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.behind import BEHIND, behind_every_dialect
from tests.gateway.wire import exchange, request
from tests.running import ProviderSim, RunningGateway

_PNG = "iVBORw0KGgo="
_DATA = f"data:image/png;base64,{_PNG}"
#: By path: a question with an image, and where in it the image is.
ASKED: dict[str, tuple[dict[str, Any], str]] = {
    "/v1/chat/completions": (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": _DATA}}]}]},
        "messages[0].content[0]",
    ),
    "/v1/responses": (
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": _DATA}]}]},
        "input[0].content[0]",
    ),
    "/v1/messages": (
        {
            "max_tokens": 9,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "image",
                            "source": {"type": "base64", "media_type": "image/png", "data": _PNG},
                        }
                    ],
                }
            ],
        },
        "messages.0.content.0",
    ),
    "/v1beta/models/{model}:generateContent": (
        {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": _PNG}}]}]},
        "contents[0].parts[0]",
    ),
}


@pytest.fixture
async def gateway(sim: ProviderSim) -> AsyncIterator[RunningGateway]:
    said = {"capabilities": {"chat": {"vision": False, "tools": True}}}
    async with RunningGateway({**behind_every_dialect(sim), **said}) as running:
        yield running


@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("path", ASKED)
async def test_an_image_for_who_cannot_see_is_the_callers_fault(
    gateway: RunningGateway, sim: ProviderSim, path: str, behind: str
) -> None:
    body, at = ASKED[path]
    asked = request({"model": behind, **body}, path=path.format(model=behind))
    reply = await exchange(gateway, asked)
    assert reply.status == 400
    assert f"{at}" in reply.error()["message"]
    assert "cannot be shown images" in reply.error()["message"]
    assert sim.requests() == []


@pytest.mark.parametrize("behind", BEHIND)
async def test_text_is_not_held_up(gateway: RunningGateway, sim: ProviderSim, behind: str) -> None:
    words = {"model": behind, "messages": [{"role": "user", "content": "An image of a lighthouse."}]}
    assert (await exchange(gateway, request(words))).status == 200
    assert len(sim.requests()) == 1
