"""Requests to Anthropic as the tests ask for them, and what the simulator's own reader makes of them."""

from typing import Any

import orjson
import pytest

from gateway.capabilities import Capabilities
from gateway.chat import ChatRequest, Text, Turn
from gateway.dialects.losses import Losses
from gateway.dialects.messages.dialect import MessagesOut
from gateway.dialects.messages.request_out import write_request
from gateway.dialects.translation import Sent
from gateway.errors import GatewayError
from provider_sim import anthropic_read
from provider_sim.call import Call, Endpoint
from provider_sim.message import Reply, Request
from provider_sim.shelf import Shelf

_LEVELS: Any = ("low", "medium", "high", "max")
#: Always thinks, samples not, cannot be forced to call, has no prefill (claude-opus-5-5).
NEWEST = Capabilities(
    max_out=128_000,
    sampling=False,
    forced_tool_choice=False,
    thinking="always",
    effort_levels=(*_LEVELS, "xhigh"),
    prefill=False,
    mid_system=True,
)
ADAPTIVE = Capabilities(max_out=128_000, thinking="adaptive", effort_levels=_LEVELS, prefill=False)
BUDGET = Capabilities(max_out=64_000, thinking="budget")  # claude-haiku-4-5
OLD = Capabilities(max_out=8192, native_schema=False)
_ENDPOINT = Endpoint("messages", "anthropic", lambda _: Reply(), anthropic_read.read, "json")


def user(*blocks: Any, at: str = "messages[0]") -> Turn:
    return Turn("user", tuple(Text(one) if isinstance(one, str) else one for one in blocks), at)


def assistant(*blocks: Any, at: str = "messages[1]") -> Turn:
    return Turn("assistant", tuple(Text(one) if isinstance(one, str) else one for one in blocks), at)


def system(text: str) -> Turn:
    return Turn("system", (Text(text),), "messages[2]")


def written(
    *turns: Turn,
    can: Capabilities = BUDGET,
    losses: Losses | None = None,
    model: str = "claude-haiku-4-5",
    **more: Any,
) -> Sent:
    """The request as it is sent, once the simulator has read it."""
    request = ChatRequest(turns or (user("hi"),), **more)
    sent = MessagesOut().request(request, model, can, Losses() if losses is None else losses)
    accept(sent)
    return sent


def accept(sent: Sent) -> None:
    """Raises what the simulator answers with, if it would not take the request."""
    raw = orjson.dumps(sent.body)
    lines = [line.split(b": ", 1) for line in sent.headers.split(b"\r\n") if line]
    request = Request(
        "POST", "/v1/messages", "/v1/messages", {}, [(name, value) for name, value in lines], raw, 1
    )
    anthropic_read.read(Call(request, _ENDPOINT, Shelf(), body=orjson.loads(raw)))


def messages(sent: Sent) -> list[Any]:
    found: Any = sent.body["messages"]
    return list(found)


def contents(sent: Sent) -> list[tuple[str, list[str]]]:
    """The role of each message and the kinds of its blocks."""
    return [(one["role"], [block["type"] for block in one["content"]]) for one in messages(sent)]


def refused(*turns: Any, can: Capabilities = BUDGET, **more: Any) -> tuple[str | None, str | None]:
    """(code, param) of the refusal."""
    with pytest.raises(GatewayError) as caught:
        MessagesOut().request(ChatRequest(turns or (user("hi"),), **more), "m", can, Losses())
    return caught.value.condition.code, caught.value.param


def lost(*turns: Any, can: Capabilities = BUDGET, **more: Any) -> dict[str, str]:
    """The fields that go, each with what becomes of it; and none goes where nothing may be lost."""
    losses = Losses()
    request = ChatRequest(turns or (user("hi"),), **more)
    write_request(request, "m", can, losses)
    if losses.names:
        with pytest.raises(GatewayError):
            write_request(request, "m", can, Losses(strict=True))
    return {name: kind for kind, name in losses.names}
