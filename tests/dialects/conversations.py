"""Generated conversations and replies in neutral nouns, and what they mean in whatever form they are."""

import json
from typing import Any

from hypothesis import strategies as st

from gateway.chat import (
    Answer,
    Block,
    ChatReply,
    ChatRequest,
    Citation,
    Media,
    Parameters,
    Refusal,
    Signature,
    Stop,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from gateway.exchange import Usage
from gateway.record import replace


def later() -> float:
    """`Asked.now` of replies that were asked for at 1 700 000 000."""
    return 1_700_000_002.0


NONE: st.SearchStrategy[None] = st.none()
PNG = "iVBORw0KGgoAAAANSUhEUg=="
PDF = "JVBERi0xLjQKJcOkw7w="
#: Anything that JSON can hold.
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
ids = st.from_regex(r"call_[a-z0-9]{4,12}", fullmatch=True)
names = st.sampled_from(("look_up", "add", "send-mail", "x"))
arguments = st.dictionaries(
    words, st.one_of(words, st.integers(-(2**53), 2**53), st.booleans(), st.none()), max_size=3
).map(lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")))
images = st.sampled_from(
    (
        Media("image", "", "image/png", PNG),
        Media("image", "", url="https://example.com/a.png", detail="low"),
    )
)
documents = st.just(Media("document", "", "application/pdf", PDF, name="a.pdf"))
counts = st.integers(0, 10_000)


@st.composite
def tool_steps(draw: st.DrawFn, signatures: st.SearchStrategy[Signature | None]) -> list[Turn]:
    """The assistant calls tools, and has the results of all of them."""
    blocks: list[Block] = [Text(draw(words))] if draw(st.booleans()) else []
    calls = [
        ToolCall(id_, draw(names), draw(arguments), signature=draw(signatures))
        for id_ in draw(st.lists(ids, min_size=1, max_size=3, unique=True))
    ]
    results = tuple(ToolResult(call.id, (Text(draw(words)),)) for call in calls)
    return [Turn("assistant", (*blocks, *calls)), Turn("user", results)]


@st.composite
def requests(draw: st.DrawFn, signatures: st.SearchStrategy[Signature | None] = NONE) -> ChatRequest:
    """It begins and ends with the user; results of tools follow their calls."""
    turns: list[Turn] = []
    for _ in range(draw(st.integers(0, 3))):
        turns.append(
            Turn("user", tuple(draw(st.lists(st.one_of(words.map(Text), images), min_size=1, max_size=2))))
        )
        if draw(st.booleans()):
            turns += draw(tool_steps(signatures))
        turns.append(Turn("assistant", (Text(draw(words)),)))
    turns.append(Turn("user", (Text(draw(words)), *draw(st.lists(documents, max_size=1)))))
    tools = tuple(
        Tool(name, description="does it", schema={"type": "object", "properties": {"a": {"type": "string"}}})
        for name in ("look_up", "add", "send-mail", "x")
    )
    return ChatRequest(
        tuple(turns),
        tuple(map(Text, draw(st.lists(words, max_size=1)))),
        tools if draw(st.booleans()) or any(_calls(turn) for turn in turns) else (),
        draw(parameters()),
        draw(st.booleans()),
    )


def _calls(turn: Turn) -> bool:
    return any(isinstance(block, ToolCall) for block in turn.blocks)


@st.composite
def parameters(draw: st.DrawFn) -> Parameters:
    maybe = st.none()
    return Parameters(
        max_output=draw(maybe | st.integers(1, 4096)),
        temperature=draw(maybe | st.sampled_from((0.0, 0.5, 1.0))),
        top_p=draw(maybe | st.sampled_from((0.1, 1.0))),
        stop=tuple(draw(st.lists(st.sampled_from(("END", "\n\nHuman:")), max_size=2, unique=True))),
        tool_choice=draw(maybe | st.sampled_from((ToolChoice("auto"), ToolChoice("none")))),
        end_user=draw(maybe | st.just("user-1")),
    )


@st.composite
def answers(draw: st.DrawFn, signatures: st.SearchStrategy[Signature | None] = NONE) -> Answer:
    """In the order that all dialects have: thoughts, text, calls."""
    blocks: list[Block] = []
    if draw(st.booleans()):
        blocks.append(Thinking(draw(words), draw(signatures)))
    stop: Stop = draw(st.sampled_from(("stop", "length", "content_filter")))
    if draw(st.booleans()):
        blocks.append(Text(draw(words), citations=tuple(draw(st.lists(_citations, max_size=2)))))
    elif draw(st.booleans()):
        return Answer((*blocks, Refusal(draw(words))), "content_filter")
    for id_ in draw(st.lists(ids, max_size=3, unique=True)):
        blocks.append(ToolCall(id_, draw(names), draw(arguments)))
        stop = "tool_calls"
    return Answer(tuple(blocks), stop)


_citations = st.builds(
    Citation, st.just("https://example.com/"), words, st.integers(0, 9), st.integers(10, 19)
)


@st.composite
def replies(
    draw: st.DrawFn,
    signatures: st.SearchStrategy[Signature | None] = NONE,
    choices_max: int = 1,
) -> ChatReply:
    cached, written, reasoning = draw(counts), draw(counts), draw(counts)
    usage = Usage(
        draw(counts) + cached + written, draw(counts) + reasoning, cached, written, reasoning, "provider"
    )
    several = draw(st.lists(answers(signatures), min_size=1, max_size=choices_max))
    return ChatReply(tuple(several), "reply-1", "model-1", 1_700_000_000, usage)


def meaning(blocks: tuple[Block, ...]) -> list[Any]:
    """What was said, without where it stood: texts that follow each other are one."""
    found: list[Any] = []
    for block in blocks:
        if isinstance(block, Text) and found and type(found[-1]) is Text:
            before = found[-1]
            found[-1] = Text(before.text + block.text, citations=before.citations + block.citations)
        elif isinstance(block, ToolResult):
            found.append((block.id, block.is_error, meaning(block.blocks)))
        elif isinstance(block, ToolCall):
            found.append(replace(block, at="", arguments=json.loads(block.arguments or "{}")))
        elif isinstance(block, Media):
            found.append(replace(block, at=""))
        elif not isinstance(block, Text) or block.text:
            found.append(block)
    return found


def spoken(request: ChatRequest) -> list[tuple[str, Any]]:
    """(role, block) of all that a conversation says, in order."""
    said: list[tuple[str, Any]] = [("system", block) for block in meaning(request.system)]
    for role, blocks in _by_role(request.turns):
        said += [(role, block) for block in meaning(blocks)]
    return said


def _by_role(turns: tuple[Turn, ...]) -> list[tuple[str, tuple[Block, ...]]]:
    """Turns of one role that follow each other are one."""
    found: list[tuple[str, tuple[Block, ...]]] = []
    for turn in turns:
        if found and found[-1][0] == turn.role:
            found[-1] = turn.role, found[-1][1] + turn.blocks
        else:
            found.append((turn.role, turn.blocks))
    return found


def answered(reply: ChatReply) -> list[tuple[list[Any], str]]:
    """(what was said, why it ended) of each choice."""
    return [(meaning(answer.blocks), answer.stop) for answer in reply.answers]
