"""What stands inside tools and parts, in the words of the Responses API and in those of others."""

from typing import Any

from gateway.capabilities import Capabilities
from gateway.chat import ChatRequest, Media
from gateway.dialects.losses import Losses
from gateway.dialects.responses.dialect import ResponsesIn, ResponsesOut
from gateway.dialects.table import inbound


def read(**fields: Any) -> ChatRequest:
    return ResponsesIn().request({"model": "m", **fields}, Losses(strict=True))


def body(request: ChatRequest) -> dict[str, Any]:
    return dict(ResponsesOut().request(request, "gpt", Capabilities(), Losses(strict=True)).body)


def test_a_grammar_is_nested_in_chat_and_flat_here() -> None:
    grammar = {"syntax": "lark", "definition": "start: X"}
    tools = [
        {"type": "custom", "name": "g", "format": {"type": "grammar", **grammar}},
        {"type": "custom", "name": "t", "format": {"type": "text"}},
    ]
    request = read(input="x", tools=tools)
    assert [tool.grammar for tool in request.tools] == [grammar, None]
    assert body(request)["tools"] == [tools[0], {"type": "custom", "name": "t"}]
    by_chat = inbound("chat", "").request(
        {
            "messages": [{"role": "user", "content": "x"}],
            "tools": [
                {"type": "custom", "custom": {"name": "g", "format": {"type": "grammar", "grammar": grammar}}}
            ],
        },
        Losses(strict=True),
    )
    assert body(by_chat)["tools"] == tools[:1]


def test_attachments_are_marked_for_the_cache_too() -> None:
    mark = {"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}
    parts = [
        {"type": "input_image", "image_url": "https://a.example/b.png", **mark},
        {"type": "input_file", "file_url": "https://a.example/b.pdf", **mark},
    ]
    (turn,) = read(input=[{"role": "user", "content": parts}]).turns
    assert [block.cache for block in turn.blocks if isinstance(block, Media)] == ["long", "long"]
