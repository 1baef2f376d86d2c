"""Calls of one id: each result goes to its own call, and no answer has two calls of one id."""

import json
from typing import Any

import pytest

from gateway.chat import ChatRequest, Text, ToolCall, ToolResult, Turn
from gateway.chat_events import CallBegun, CallPiece
from gateway.dialects.distinct_calls import Distinct, with_distinct_calls
from gateway.dialects.losses import Losses
from gateway.dialects.table import outbound
from gateway.dialects.translation import Sent
from gateway.errors import GatewayError

CALL, RESULT = "call", "result"


def asked(*said: tuple[str, ...]) -> ChatRequest:
    """By turns: calls by their ids, results by their id and text."""
    turns = [
        Turn("assistant", tuple(ToolCall(id_, "f", "{}") for id_ in one[1:]))
        if one[0] == CALL
        else Turn("user", (ToolResult(one[1], (Text(one[2]),), f"at {one[2]}"),))
        for one in said
    ]
    return ChatRequest(tuple(turns))


def shown(request: ChatRequest) -> list[str]:
    found = []
    for turn in request.turns:
        for block in turn.blocks:
            if isinstance(block, ToolResult):
                (text,) = block.blocks
                assert isinstance(text, Text)
                found.append(f"{block.id}={text.text}")
            else:
                assert isinstance(block, ToolCall)
                found.append(block.id)
    return found


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([(CALL, "x", "x"), (RESULT, "x", "1"), (RESULT, "x", "2")], ["x", "x_2", "x=1", "x_2=2"]),
        ([(CALL, "x", "x_2", "x"), (RESULT, "x", "1")], ["x", "x_2", "x_3", "x=1"]),
        (
            [(CALL, "x"), (RESULT, "x", "1"), (CALL, "x"), (RESULT, "x", "2")],
            ["x", "x=1", "x_2", "x_2=2"],
        ),
    ],
)
def test_each_result_goes_to_its_own_call(said: list[tuple[str, ...]], expected: list[str]) -> None:
    assert shown(with_distinct_calls(asked(*said), Losses(strict=True))) == expected


def test_of_more_results_than_calls_the_last_stays_and_the_other_is_told() -> None:
    request = asked((CALL, "x"), (RESULT, "x", "1"), (RESULT, "x", "2"))
    losses = Losses()
    assert shown(with_distinct_calls(request, losses)) == ["x", "x=2"]
    assert losses.names == (("dropped", "at 1"),)
    with pytest.raises(GatewayError):
        with_distinct_calls(request, Losses(strict=True))


def test_what_has_no_id_twice_stays_what_it_is() -> None:
    request = asked((CALL, "x", "y"), (RESULT, "y", "1"), (RESULT, "x", "2"))
    assert with_distinct_calls(request, Losses()) is request


CALLED = [{"id": "x", "type": "function", "function": {"name": name, "arguments": "{}"}} for name in "fg"]
AT_OLLAMA = [{"id": "x", "function": {"name": name, "arguments": {}}} for name in "fg"]


def test_an_answer_has_no_two_calls_of_one_id() -> None:
    ends = {"finish_reason": "tool_calls", "index": 0}
    by_chat = {"id": "r", "choices": [{"message": {"role": "assistant", "tool_calls": CALLED}, **ends}]}
    by_ollama = {"message": {"role": "assistant", "tool_calls": AT_OLLAMA}, "done": True}
    for api, body in (("openai", by_chat), ("ollama", by_ollama)):
        reply = Distinct(outbound(api, "chat", "")).reply(body, Sent("", {}))
        assert [block.id for block in reply.answers[0].blocks if isinstance(block, ToolCall)] == ["x", "x_2"]


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("arguments", ["", '{"x":2}'])
def test_nor_has_a_stream(index: int, arguments: str) -> None:
    """The second call of the id has the first one's index, or its own."""
    line: dict[str, Any] = {"message": {"content": "", "tool_calls": [AT_OLLAMA[0]]}, "done": False}
    lines = [line, {**line, "message": {"content": "", "tool_calls": [AT_OLLAMA[1]]}}]
    by_ollama = b"".join(json.dumps(one).encode() + b"\n" for one in lines)
    functions = ({"name": "f", "arguments": '{"x":1}'}, {"name": "g", "arguments": arguments})
    entries = [
        {"index": at, "id": "x", "function": one} for at, one in zip((0, index), functions, strict=True)
    ]
    chunks = [{"choices": [{"index": 0, "delta": {"tool_calls": [entry]}}]} for entry in entries]
    by_chat = b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks)
    for api, data, said in (
        ("ollama", by_ollama, [(0, "{}"), (1, "{}")]),
        ("openai", by_chat, [one for one in ((0, '{"x":1}'), (1, arguments)) if one[1]]),
    ):
        events = Distinct(outbound(api, "chat", "")).stream(Sent("", {}), 1 << 20).read(data)
        begun = [(one.number, one.id, one.name) for one in events if isinstance(one, CallBegun)]
        assert begun == [(0, "x", "f"), (1, "x_2", "g")]
        assert [(one.number, one.arguments) for one in events if isinstance(one, CallPiece)] == said
