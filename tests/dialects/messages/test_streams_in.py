"""Streams of Anthropic's, as recorded, read as neutral events."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.chat import ChatRequest, Citation, Signature, Tool
from gateway.chat_events import (
    Begun,
    CallBegun,
    CallEnded,
    CallPiece,
    Cited,
    Counted,
    Event,
    Over,
    Stopped,
    TextPiece,
    ThinkingPiece,
    ThinkingSigned,
    Unread,
)
from gateway.dialects.messages.dialect import MessagesOut
from gateway.dialects.translation import Sent
from gateway.errors import GatewayError, ReportedError
from gateway.exchange import Kinds, Usage
from tests.dialects.messages.recorded import NAMES, WHOLE, recorded

SENT = Sent("/messages", {}, streams=True)
MAX = 1 << 20


def events(data: bytes, sent: Sent = SENT, pieces: list[bytes] | None = None) -> tuple[list[Event], bytes]:
    """The events, and the error that ended them."""
    reader = MessagesOut().stream(sent, MAX)
    found: list[Event] = []
    try:
        for piece in pieces or [data]:
            found += reader.read(piece)
        found += reader.finish()
    except ReportedError as error:
        return found, error.event
    return found, b""


def frame(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


START = frame(
    "message_start", message={"id": "msg_1", "model": "m", "usage": {"input_tokens": 3, "output_tokens": 1}}
)
ENDED = frame("message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 9})
STOP = frame("message_stop")


def call(*pieces: str, index: int = 0, name: str = "f", given: Any = None) -> bytes:
    block = {"type": "tool_use", "id": f"t{index}", "name": name, "input": given or {}}
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return b"".join(
        (
            frame("content_block_start", index=index, content_block=block),
            *(frame("content_block_delta", index=index, delta=delta) for delta in deltas),
            frame("content_block_stop", index=index),
        )
    )


def test_ant_stream_text_tool() -> None:
    first = Usage(472, 2, source="provider")
    assert events(recorded("messages_text_and_tools")) == (
        [
            Begun("msg_014p7gG3wDgGV9EUtLvnow3U", "claude-haiku-4-5-20251001"),
            Counted(first, "default"),
            TextPiece("Okay"),
            TextPiece(", let's check the weather in Zürich:"),
            CallBegun(0, "toolu_01T1x1fJ34qAmk2tNTrN7Up6", "get_weather"),
            CallPiece(0, '{"location": "Zü'),
            CallPiece(0, 'rich"}'),
            CallEnded(0),
            CallBegun(1, "toolu_01PcmNHQWFN6xNhSqGUdQ4mW", "get_time"),
            CallPiece(1, "{}"),
            CallEnded(1),
            Stopped("tool_calls"),
            Counted(Usage(472, 89, source="provider"), "default"),
            Over(),
        ],
        b"",
    )


def test_thoughts_and_what_is_cached() -> None:
    found = events(recorded("messages_thinking"))[0]
    assert found[2:6] == [
        ThinkingPiece("Let me solve this: "),
        ThinkingPiece("27 * 453."),
        ThinkingSigned(Signature("anthropic", "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds")),
        ThinkingSigned(
            Signature("anthropic", "EmwKAhgBEgy3va3pzix/LafPsn4aDFIT2Xlxh0L5L8rLVyIwxtE3rAFBa8cr3qpP")
        ),
    ]
    assert found[-2] == Counted(Usage(1110, 40, 1000, 100, 25, "provider"), "default")
    unshown = frame("content_block_start", index=0, content_block={"type": "thinking", "thinking": ""})
    signed = frame("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "s"})
    assert (
        ThinkingSigned(Signature("anthropic", "s", "thinking")) in events(START + unshown + signed + STOP)[0]
    )


def test_what_anthropics_servers_did_is_not_said_but_counted() -> None:
    found = events(recorded("messages_web_search"))[0]
    assert [one for one in found if isinstance(one, TextPiece)] == [
        TextPiece("I'll look it up."),
        TextPiece("It is sunny."),
    ]
    assert Cited(Citation("https://example.com/nyc", "Weather")) in found
    assert not any(isinstance(one, CallBegun | CallPiece) for one in found)
    counted = found[-2]
    assert isinstance(counted, Counted)
    assert counted.usage.kinds == Kinds(searches=1)


def test_ant_refusal_streamed() -> None:
    found = events(recorded("messages_refusal"))[0]
    assert Stopped("refusal", explanation="This request triggered a safety policy.") in found


def test_which_stop_sequence_it_was() -> None:
    assert Stopped("stop", "three") in events(recorded("messages_stop_sequence"))[0]


def test_ant_stream_error_overloaded() -> None:
    found, error = events(recorded("messages_overloaded"))
    assert found[-1] == TextPiece("Once upon")
    assert json.loads(error)["error"]["type"] == "overloaded_error"
    reader = MessagesOut().stream(SENT, MAX)
    assert reader.read(recorded("messages_overloaded"))
    with pytest.raises(ReportedError):
        reader.read(b"")
    with pytest.raises(ReportedError):
        reader.finish()
    with pytest.raises(ReportedError):
        MessagesOut().stream(SENT, MAX).read(frame("error", error={"type": "api_error"}))


@pytest.mark.parametrize("name", WHOLE)
def test_a_stream_that_breaks_off_is_not_whole(name: str) -> None:
    frames = recorded(name).split(b"\n\n")[:-2]
    for end in range(len(frames)):
        with pytest.raises(GatewayError) as caught:
            events(b"\n\n".join((*frames[:end], b"")))
        assert caught.value.condition.code == "upstream_incomplete"


@given(st.sampled_from(NAMES), st.data())
def test_slicing_changes_nothing(name: str, data: st.DataObject) -> None:
    whole = recorded(name)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=20)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert events(whole, pieces=pieces) == events(whole)


def test_names_are_the_callers_and_plain_tools_say_text() -> None:
    request = ChatRequest((), tools=(Tool("run it", custom=True),))
    sent = Sent("/messages", {}, names={"run_it": "run it", "g_": "g."}, request=request)
    data = (
        START + call('{"inp', 'ut":"ls -l"}', name="run_it") + call("{}", index=1, name="g_") + ENDED + STOP
    )
    assert events(data, sent)[0][2:8] == [
        CallBegun(0, "t0", "run it", True),
        CallPiece(0, "ls -l"),
        CallEnded(0),
        CallBegun(1, "t1", "g."),
        CallPiece(1, "{}"),
        CallEnded(1),
    ]


def test_the_answers_own_tool_says_the_answer() -> None:
    sent = Sent("/messages", {}, answer_tool="json_tool_call")
    data = START + call('{"a"', ":1}", name="json_tool_call") + ENDED + STOP
    found = events(data, sent)[0]
    assert found[2:5] == [TextPiece('{"a"'), TextPiece(":1}"), Stopped("stop")]
    assert TextPiece("{}") in events(START + call(name="json_tool_call") + ENDED + STOP, sent)[0]
    both = events(START + call(name="json_tool_call") + call(index=1) + ENDED + STOP, sent)[0]
    assert Stopped("tool_calls") in both


def test_what_compatible_servers_say_at_once() -> None:
    text = frame("content_block_start", index=0, content_block={"type": "text", "text": "hi"})
    data = START + text + call(index=1, given={"a": 1}) + STOP.replace(b"event: message_stop\n", b"")
    assert events(data)[0][2:] == [
        TextPiece("hi"),
        CallBegun(0, "t1", "f"),
        CallPiece(0, '{"a":1}'),
        CallEnded(0),
        Unread(("stop_reason",)),
        Stopped("stop"),
        Over(),
    ]


@pytest.mark.parametrize("end", [ENDED + STOP, STOP])
def test_a_block_ends_where_another_begins_and_with_the_message(end: bytes) -> None:
    """And calls without an id get one of the message's."""
    request = ChatRequest((), tools=(Tool("f", custom=True), Tool("g", custom=True)))
    begun = [{"type": "tool_use", "name": name, "input": {}} for name in "fg"]
    said = [{"type": "input_json_delta", "partial_json": one} for one in ('{"input":"ls"}', '{"input":"-l"}')]
    data = START
    for block, delta in zip(begun, said, strict=True):
        data += frame("content_block_start", index=0, content_block=block)
        data += frame("content_block_delta", index=0, delta=delta)
    assert events(data + end, Sent("", {}, request=request))[0][2:8] == [
        CallBegun(0, "call_msg_1_0", "f", True),
        CallPiece(0, "ls"),
        CallEnded(0),
        CallBegun(1, "call_msg_1_1", "g", True),
        CallPiece(1, "-l"),
        CallEnded(1),
    ]


def test_of_new_kinds_the_names_are_told() -> None:
    new = frame("content_block_start", index=0, content_block={"type": "hologram"})
    more = frame("content_block_delta", index=0, delta={"type": "text_delta", "text": "x"})
    odd = frame("content_block_start", index=1, content_block={"type": "text", "text": ""})
    odd += frame("content_block_delta", index=1, delta={"type": "smell_delta"})
    whole = START + new + more + odd + frame("news", a=1) + frame("content_block_stop", index=0) + STOP
    told = [Unread(("hologram",)), Unread(("smell_delta",)), Unread(("stop_reason",))]
    assert events(whole)[0][2:] == [*told, Stopped("stop"), Over()]
    assert events(whole + START)[0][-1] == Over()


@pytest.mark.parametrize(
    "bad",
    [
        b"data: oops\n\n",
        b"data: []\n\n",
        frame("message_start", message=3),
        frame("content_block_start", index="x", content_block={"type": "text"}),
        frame("content_block_start", index=0),
        frame("content_block_delta", index=0, delta=None),
        frame("content_block_delta", index=[], delta={"type": "text_delta"}),
        frame("content_block_start", index=0, content_block={"type": "text"})
        + frame("content_block_delta", index=0, delta={"type": "text_delta", "text": 5}),
        frame("content_block_start", index=0, content_block={"type": "text", "text": 5}),
        frame("content_block_start", index=0, content_block={"type": "tool_use", "id": "a"}),
        frame("content_block_start", index=0, content_block={"type": "tool_use", "name": "f", "input": "x"}),
        frame("content_block_stop"),
        frame("message_delta", delta="end"),
    ],
)
def test_garbage_is_no_answer(bad: bytes) -> None:
    with pytest.raises(GatewayError) as caught:
        events(START + bad)
    assert caught.value.condition.code == "upstream_invalid_response"
