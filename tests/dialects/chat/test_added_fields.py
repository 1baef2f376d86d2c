"""Whole messages in streams, and what comes after the end: told once or named, streamed and gathered alike."""

import json
from typing import Any

import pytest

from gateway.chat_events import CallPiece, TextPiece, Unread
from gateway.dialects.losses import Losses
from gateway.dialects.whole_of_stream import gathering
from tests.dialects.chat.asking import DONE, FRAME_MAX, events

ENTRY = {"index": 0, "id": "x", "function": {"name": "f", "arguments": "{}"}}
END: dict[str, Any] = {"delta": {}, "finish_reason": "stop"}
MESSAGE: dict[str, Any] = {"role": "assistant", "content": "ab"}


def deltas(*said: Any) -> list[dict[str, Any]]:
    return [{"delta": delta} for delta in said]


AB = deltas({"role": "assistant", "content": ""}, {"content": "a"}, {"content": "b"})


@pytest.mark.parametrize(
    ("choices", "calls", "unread"),
    [
        ([*AB, END], 0, ()),
        ([*AB, {"message": MESSAGE, "finish_reason": "stop"}], 0, ("message",)),
        ([*AB, END, {"message": MESSAGE}], 0, ("message",)),
        ([*AB, {"message": {"role": "assistant", "tool_calls": [ENTRY]}, "finish_reason": "stop"}], 1, ()),
        ([*AB, {"message": {**MESSAGE, "tool_calls": [ENTRY]}, "finish_reason": "stop"}], 1, ("message",)),
        (
            [*AB, *deltas({"tool_calls": [ENTRY]}), {"message": {"tool_calls": [ENTRY]}}, END],
            1,
            ("message",),
        ),
        ([{"message": {"content": "a"}}, {"message": {"content": "b"}}, END], 0, ()),
        ([*AB, END, *deltas({"content": "c"})], 0, ("delta",)),
        ([*AB, END, *deltas({"role": "assistant"})], 0, ()),
        (AB, 0, ("finish_reason",)),
    ],
)
def test_each_is_told_once(choices: list[dict[str, Any]], calls: int, unread: tuple[str, ...]) -> None:
    chunks = [{"id": "c", "choices": [{"index": 0, **choice}]} for choice in choices]
    data = b"".join(b"data: %b\n\n" % json.dumps(one).encode() for one in chunks) + DONE
    found = events(data)
    assert "".join(one.text for one in found if isinstance(one, TextPiece)) == "ab"
    assert [one.arguments for one in found if isinstance(one, CallPiece)] == ["{}"] * calls
    assert [name for one in found if isinstance(one, Unread) for name in one.names] == [*unread]

    losses = Losses()
    into = gathering("chat", losses, lines=False, frame_max=FRAME_MAX)
    assert into is not None
    into.read(data)
    (whole,) = json.loads(into.whole())["choices"]
    assert whole["message"]["content"] == "ab"
    assert [one["function"]["arguments"] for one in whole["message"].get("tool_calls", ())] == ["{}"] * calls
    assert losses.names == tuple(("unread", name) for name in unread)
