"""Conversations and answers of what Anthropic's messages can say, for properties that must hold of any."""

import json
from typing import Any

from hypothesis import strategies as st

from gateway.chat import (
    Answer,
    Block,
    CacheTtl,
    ChatReply,
    ChatRequest,
    Media,
    Parameters,
    Stop,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from gateway.exchange import Usage

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

words = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=20
).filter(lambda text: bool(text.strip()))
names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_-]{0,20}", fullmatch=True)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
arguments = st.dictionaries(words, values, max_size=3).map(
    lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
)
caching: st.SearchStrategy[CacheTtl | None] = st.sampled_from((None, None, None, "short"))
texts = st.builds(Text, words, caching)
images = st.builds(lambda cache: Media("image", "", "image/png", PNG, cache=cache), caching)


@st.composite
def calls_and_results(draw: st.DrawFn, place: int, tools: list[str]) -> tuple[list[Block], list[Block]]:
    """Some calls of a turn, and what came of each: ids differ through the conversation."""
    calls: list[Block] = []
    results: list[Block] = []
    for number in range(draw(st.integers(0, 3)) if tools else 0):
        id_ = f"call_{place}_{number}"
        calls.append(ToolCall(id_, draw(st.sampled_from(tools)), draw(arguments)))
        said = tuple(draw(st.lists(texts, max_size=2)))
        results.append(ToolResult(id_, said, is_error=draw(st.booleans())))
    return calls, draw(st.permutations(results))


@st.composite
def requests(draw: st.DrawFn) -> ChatRequest:
    """Well-formed ones: a user's turn first and last, a result for each call."""
    tools = draw(st.lists(names, max_size=3, unique=True))
    turns = [Turn("user", tuple(draw(st.lists(texts | images, min_size=1, max_size=3))), "")]
    for place in range(draw(st.integers(0, 3))):
        calls, results = draw(calls_and_results(place, tools))
        spoken = draw(st.lists(texts, min_size=0 if calls else 1, max_size=2))
        turns.append(Turn("assistant", (*spoken, *calls), ""))
        turns.append(
            Turn("user", (*results, *draw(st.lists(texts, min_size=0 if results else 1, max_size=2))), "")
        )
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}}
    return ChatRequest(
        tuple(turns),
        tuple(draw(st.lists(texts, max_size=2))),
        tuple(Tool(name, "", draw(words), schema, cache=draw(caching)) for name in tools),
        Parameters(
            max_output=draw(st.integers(1, 1000)),
            stop=tuple(draw(st.lists(words, max_size=2))),
            end_user=draw(st.none() | names),
        ),
        draw(st.booleans()),
    )


usages = st.builds(
    lambda read, cached, kept, said, thought: Usage(
        read + cached + kept, said + thought, cached, kept, thought, "provider"
    ),
    *[st.integers(0, 10_000)] * 5,
)
stops: st.SearchStrategy[Stop] = st.sampled_from(("stop", "length", "context_window", "pause"))


@st.composite
def replies(draw: st.DrawFn) -> ChatReply:
    """With one answer: a thought, texts and calls in any order, two texts never side by side."""
    blocks: list[Block] = []
    for number, kind in enumerate(draw(st.lists(st.sampled_from(("text", "call")), max_size=5))):
        if kind == "call":
            blocks.append(ToolCall(f"call_{number}", draw(names), draw(arguments)))
        elif not blocks or not isinstance(blocks[-1], Text):
            blocks.append(Text(draw(words)))
    if draw(st.booleans()):
        blocks.insert(0, Thinking(draw(words)))
    called = any(isinstance(block, ToolCall) for block in blocks)
    stop: Stop = "tool_calls" if called else draw(stops)
    return ChatReply((Answer(tuple(blocks), stop),), "id", "m", usage=draw(usages))
