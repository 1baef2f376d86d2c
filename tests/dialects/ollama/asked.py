"""Requests to Ollama as the tests ask for them, and what the simulator's own reader makes of them."""

from typing import Any

import orjson
import pytest

from gateway.capabilities import Capabilities
from gateway.chat import ChatRequest, Text, Turn
from gateway.dialects.losses import Losses
from gateway.dialects.ollama.dialect import OllamaOutbound
from gateway.dialects.translation import Sent
from gateway.errors import GatewayError
from provider_sim import ollama
from provider_sim.call import Call, Endpoint
from provider_sim.message import Reply, Request
from provider_sim.shelf import Shelf

#: qwen3, and llama3.2.
THINKS = Capabilities(thinking="level")
PLAIN = Capabilities()
OUT = OllamaOutbound()
SENT = Sent("/api/chat", {})
MAX = 1 << 20
_ENDPOINT = Endpoint("ollama.chat", "ollama", lambda _: Reply(), ollama.read_chat, "json")


def user(*blocks: Any, at: str = "messages[0]") -> Turn:
    return Turn("user", tuple(Text(one) if isinstance(one, str) else one for one in blocks), at)


def model(*blocks: Any, at: str = "messages[1]") -> Turn:
    return Turn("assistant", tuple(Text(one) if isinstance(one, str) else one for one in blocks), at)


def sent(request: ChatRequest, can: Capabilities = PLAIN, losses: Losses | None = None) -> Sent:
    """Once the simulator has read it."""
    made = OUT.request(request, "llama3.2", can, Losses() if losses is None else losses)
    raw = orjson.dumps(made.body)
    ollama.read_chat(
        Call(Request("POST", "/", "/", {}, [], raw, 1), _ENDPOINT, Shelf(), body=orjson.loads(raw))
    )
    return made


def written(
    *turns: Turn, can: Capabilities = PLAIN, losses: Losses | None = None, **more: Any
) -> dict[str, Any]:
    return sent(ChatRequest(turns or (user("hi"),), **more), can, losses).body


def messages(*turns: Turn, can: Capabilities = PLAIN, **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = written(*turns, can=can, **more)["messages"]
    return found


def refusal(*turns: Turn, **more: Any) -> tuple[str | None, str | None]:
    """(param, code) of a request that is not sent."""
    with pytest.raises(GatewayError) as caught:
        written(*turns, **more)
    return caught.value.param, caught.value.condition.code
