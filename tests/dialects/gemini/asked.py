"""Requests to Gemini as the tests ask for them, and what the simulator's own reader makes of them."""

from typing import Any

import orjson
import pytest

from gateway.capabilities import Capabilities
from gateway.chat import ChatRequest, Text, Turn
from gateway.dialects.gemini.dialect import GeminiInbound, GeminiOutbound
from gateway.dialects.losses import Losses
from gateway.dialects.translation import Asked, Sent
from gateway.errors import GatewayError
from provider_sim import gemini_read
from provider_sim.call import Call, Endpoint
from provider_sim.message import Reply, Request
from provider_sim.shelf import Shelf
from tests.dialects.conversations import later

LEVELS: Any = ("minimal", "low", "medium", "high")
#: gemini-3.5-flash, gemini-4-argon, gemini-2.5-flash and gemini-2.5-pro.
NEW = Capabilities(thinking="level", effort_levels=LEVELS, penalties=False, n_max=8)
NEW_PRO = Capabilities(thinking="level", effort_levels=("low", "high"), penalties=False)
OLD = Capabilities(
    thinking="budget", effort_levels=("none", *LEVELS), call_ids=False, schema_with_tools=False, n_max=8
)
OLD_PRO = Capabilities(thinking="budget", effort_levels=LEVELS, call_ids=False, schema_with_tools=False)

OUT, IN = GeminiOutbound(), GeminiInbound()
SENT = Sent(":generateContent", {}, api="generate_content")
HELLO = ChatRequest((Turn("user", (Text("hi"),), "messages[0]"),))
MAX = 1 << 20
_ENDPOINT = Endpoint("generateContent", "gemini", lambda _: Reply(), gemini_read.read, "json")


def user(*blocks: Any, at: str = "messages[0]") -> Turn:
    return Turn("user", tuple(Text(one) if isinstance(one, str) else one for one in blocks), at)


def model(*blocks: Any, at: str = "messages[1]") -> Turn:
    return Turn("assistant", tuple(Text(one) if isinstance(one, str) else one for one in blocks), at)


def written(
    *turns: Turn, can: Capabilities = NEW, losses: Losses | None = None, **more: Any
) -> dict[str, Any]:
    """The body as it is sent, once the simulator has read it."""
    return sent(ChatRequest(turns or HELLO.turns, **more), can, losses).body


def sent(request: ChatRequest, can: Capabilities = NEW, losses: Losses | None = None) -> Sent:
    made = OUT.request(request, "gemini-3.5-flash", can, Losses() if losses is None else losses)
    raw = orjson.dumps(made.body)
    call = Call(
        Request("POST", "/", "/", {}, [], raw, 1),
        _ENDPOINT,
        Shelf(),
        ("gemini-3.5-flash",),
        body=orjson.loads(raw),
    )
    gemini_read.read(call)
    return made


def refusal(*turns: Turn, **more: Any) -> tuple[str | None, str | None]:
    """(param, code) of a request that is not sent."""
    with pytest.raises(GatewayError) as caught:
        written(*turns, **more)
    return caught.value.param, caught.value.condition.code


def read(losses: Losses | None = None, **body: Any) -> ChatRequest:
    """A caller's request; without contents it says hi."""
    body.setdefault("contents", [{"role": "user", "parts": [{"text": "hi"}]}])
    return IN.request(body, Losses() if losses is None else losses)


def asked(**parameters: Any) -> Asked:
    return Asked(ChatRequest(HELLO.turns, **parameters), "shown-model", "id1", 1_700_000_000, later)
