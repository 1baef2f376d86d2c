"""What an Anthropic caller says comes to Anthropic, and what goes there can be read as what was meant."""

from typing import Any

from hypothesis import given

from gateway.capabilities import Capabilities
from gateway.chat import (
    Block,
    CacheTtl,
    ChatRequest,
    Media,
    Signature,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from gateway.dialects.losses import Losses
from gateway.dialects.messages.dialect import INBOUND, MessagesOut
from gateway.dialects.messages.foreign_thoughts import may_have_foreign_thoughts, without_foreign_thoughts
from gateway.dialects.messages.thoughts import thinking_block
from gateway.dialects.messages.versions import NEWEST
from gateway.record import replace
from tests.dialects.conversations import requests
from tests.dialects.messages.asked import accept

CAN = Capabilities(max_out=1000)


def said(turns: tuple[Turn, ...]) -> list[tuple[str, Block]]:
    """Everything in its order with who said it, but for where it stood: results before the rest of their turn."""
    found: list[tuple[str, Block]] = []
    for turn in turns:
        blocks = sorted(turn.blocks, key=lambda block: not isinstance(block, ToolResult))
        found += [(turn.role, _unplaced(block)) for block in blocks]
    return found


def _unplaced(block: Block) -> Block:
    if isinstance(block, ToolResult):
        return replace(block, at="", blocks=tuple(_unplaced(one) for one in block.blocks))
    return replace(block, at="") if isinstance(block, Media | ToolCall) else block


def marks(request: ChatRequest) -> list[CacheTtl]:
    nested = [block for turn in request.turns for block in turn.blocks]
    nested += [inner for block in nested if isinstance(block, ToolResult) for inner in block.blocks]
    return [one.cache for one in (*request.tools, *request.system, *nested) if getattr(one, "cache", None)]  # type: ignore[union-attr,misc]


@given(requests())
def test_requests_keep_their_meaning(request: ChatRequest) -> None:
    losses = Losses()
    sent = MessagesOut().request(request, "m", CAN, losses)
    accept(sent)
    back = INBOUND[NEWEST].request(sent.body, Losses(strict=True))
    if len(marks(request)) <= 4:
        assert not losses.names
        assert said(back.turns) == said(request.turns)
        assert back.system == request.system
    assert [replace(one, at="") for one in back.tools] == [
        replace(one, cache=back.tools[place].cache) for place, one in enumerate(request.tools)
    ]
    assert (back.parameters, back.stream) == (request.parameters, request.stream)
    assert len(marks(back)) <= 4
    assert MessagesOut().request(back, "m", CAN, Losses(strict=True)).body == sent.body


def test_thoughts_of_others_do_not_reach_anthropic() -> None:
    own = Thinking("a", Signature("anthropic", "s"))
    foreign: list[Any] = [
        thinking_block(Thinking("b")),
        thinking_block(Thinking("", Signature("openai", "e", "rs"))),
    ]
    text = {"type": "text", "text": "gw1: is a mark"}
    messages: list[Any] = [
        {"role": "user", "content": "gw1:"},
        {"role": "assistant", "content": [thinking_block(own), *foreign, text]},
        {"role": "user", "content": [text]},
        {"role": "assistant", "content": foreign},
        {"role": "user", "content": [text]},
    ]
    assert without_foreign_thoughts(messages) == [
        messages[0],
        {"role": "assistant", "content": [thinking_block(own), text]},
        messages[2],
        messages[4],
    ]
    assert may_have_foreign_thoughts(b'{"signature":"gw1:"}')
    assert not may_have_foreign_thoughts(b'{"signature":"EqQB"}')


def test_thoughts_of_others_come_back_to_them() -> None:
    thoughts = (
        Thinking("b"),
        Thinking("c", Signature("gemini", "a:b")),
        Thinking("", Signature("openai", "e", "rs")),
        Thinking("", Signature("anthropic", "s", "thinking")),
    )
    messages: list[Any] = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": [thinking_block(one) for one in thoughts]},
    ]
    fields = {"model": "m", "max_tokens": 5, "messages": messages}
    assert INBOUND[NEWEST].request(fields, Losses()).turns[1].blocks == thoughts
