"""A request that is over leaves nothing behind that only the cycle collector would free.

The collector seldom looks (`gateway.serving.collector`): until it does, whole requests with their bodies stay, and
then each of their objects costs it.
"""

import gc
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.behind import BEHIND, behind_every_dialect
from tests.gateway.wire import post
from tests.running import ProviderSim, RunningGateway

_TURNS = 8
_HELLO: Any = [{"role": "user", "content": "hello"}]
_CONTENTS: Any = [{"role": "user", "parts": [{"text": "hello"}]}]
#: (path, body) by what is asked.
_ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"messages": _HELLO}),
    "chat streams": ("/v1/chat/completions", {"messages": _HELLO, "stream": True}),
    "messages": ("/v1/messages", {"messages": _HELLO, "max_tokens": 50}),
    "messages stream": ("/v1/messages", {"messages": _HELLO, "max_tokens": 50, "stream": True}),
    "responses": ("/v1/responses", {"input": "hello"}),
    "responses stream": ("/v1/responses", {"input": "hello", "stream": True}),
    "count_tokens": ("/v1/messages/count_tokens", {"messages": _HELLO}),
    "embeddings": ("/v1/embeddings", {"input": "hello"}),
}


@pytest.fixture
async def gateway(sim: ProviderSim) -> AsyncIterator[RunningGateway]:
    async with RunningGateway(behind_every_dialect(sim)) as running:
        yield running


def _ours() -> Counter[str]:
    """Objects of the gateway's own types, those that no reference leads to among them."""
    kinds = (type(one) for one in gc.get_objects())
    return Counter(kind.__qualname__ for kind in kinds if str(kind.__module__).startswith("gateway."))


@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("asked", _ASKED)
async def test_nothing_waits_for_the_collector(gateway: RunningGateway, behind: str, asked: str) -> None:
    path, body = _ASKED[asked]

    async def ask() -> None:
        for _ in range(_TURNS):
            await post(gateway, {"model": behind, **body}, path=path)
        await gateway.quiet()

    await ask()
    gc.collect()
    gc.disable()
    try:
        before = _ours()
        await ask()
        more = {kind: count for kind, count in (_ours() - before).items() if count >= _TURNS}
    finally:
        gc.enable()
    assert not more
