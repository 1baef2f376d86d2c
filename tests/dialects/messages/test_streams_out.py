"""Streams for Anthropic's callers: whatever order a provider says things in, its SDK reads one message of it."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.chat import ChatReply, ChatRequest, Signature
from gateway.chat_events import (
    Begun,
    CallBegun,
    CallEnded,
    CallPiece,
    Counted,
    Event,
    Over,
    RefusalPiece,
    Stopped,
    TextPiece,
    TextSigned,
    ThinkingPiece,
    ThinkingSigned,
)
from gateway.dialects.messages.dialect import INBOUND, MessagesOut
from gateway.dialects.messages.frames import PING
from gateway.dialects.messages.versions import NEWEST
from gateway.dialects.translation import Asked, Sent
from gateway.dialects.whole_as_stream import events_of
from gateway.errors import GatewayError
from gateway.exchange import Usage
from tests.dialects.conversations import later
from tests.dialects.gathered import Gathered
from tests.dialects.messages.conversations import replies
from tests.dialects.messages.sdk import accumulated, stream_events, whole

ASKED = Asked(ChatRequest(()), "smart", "01ABC", 1_700_000_000, later, input_tokens=lambda: 77)
USAGE = Usage(30, 9, 4, 6, 2, "provider")
ENDED: list[Event] = [Stopped("tool_calls"), Counted(USAGE), Over()]


def written(*events: Event) -> bytes:
    return INBOUND[NEWEST].stream(ASKED).write([Begun("id", "m"), *events])


def shapes(*events: Event) -> list[str]:
    """The frames in short: what they begin or add, and where."""
    found = []
    for event in stream_events(written(*events, *ENDED)):
        if event.type == "content_block_start":
            found.append(f"{event.index} {event.content_block.type}")
        elif event.type == "content_block_delta":
            delta: Any = event.delta
            said = {"input_json_delta": "partial_json"}.get(delta.type, delta.type.removesuffix("_delta"))
            found.append(f"{event.index} + {getattr(delta, said)}")
        elif event.type == "content_block_stop":
            found.append(f"{event.index} .")
    return found


def test_msg_to_chat_stream_usage_after_finish() -> None:
    data = written(TextPiece("hi"), Stopped("stop"), Counted(USAGE), Over())
    frames = [orjson.loads(frame.split(b"data: ")[1]) for frame in data.split(b"\n\n")[:-1]]
    assert [frame["type"] for frame in frames] == [
        "message_start", "ping", "content_block_start", "content_block_delta", "content_block_stop",
        "message_delta", "message_stop",
    ]  # fmt: skip
    assert frames[0]["message"]["usage"]["input_tokens"] == 77
    assert frames[-2] == {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None, "stop_details": None},
        "usage": {
            "input_tokens": 20,
            "cache_creation_input_tokens": 6,
            "cache_read_input_tokens": 4,
            "output_tokens": 9,
            "output_tokens_details": {"thinking_tokens": 2},
        },
    }
    final = accumulated(data)
    assert (final.id, final.model, final.usage.input_tokens) == ("msg_01ABC", "smart", 20)


def test_msg_stream_keepalive() -> None:
    writer = INBOUND[NEWEST].stream(ASKED)
    data = writer.write([Begun(), TextPiece("a")]) + PING + writer.write([TextPiece("b"), *ENDED])
    assert [event.index for event in stream_events(data) if event.type == "content_block_start"] == [0]
    assert accumulated(data).content[0].text == "ab"  # type: ignore[union-attr]


def test_a_stream_of_nothing_has_no_blocks() -> None:
    data = written(TextPiece(""), ThinkingPiece(""), *ENDED)
    assert accumulated(data).content == []


def test_kinds_that_change_are_new_blocks() -> None:
    assert shapes(
        ThinkingPiece("a"), ThinkingPiece("b"), TextPiece("c"), CallBegun(0, "i", "f"), CallPiece(0, "{}"),
        CallEnded(0), TextPiece("d"), ThinkingPiece("e"), ThinkingSigned(Signature("anthropic", "s")),
        ThinkingPiece("g"),
    ) == [
        "0 thinking", "0 + a", "0 + b", "0 + gw1:", "0 .",
        "1 text", "1 + c", "1 .",
        "2 tool_use", "2 + {}", "2 .",
        "3 text", "3 + d", "3 .",
        "4 thinking", "4 + e", "4 + s", "4 .",
        "5 thinking", "5 + g", "5 + gw1:", "5 .",
    ]  # fmt: skip


def test_interleaved_calls_are_written_one_after_the_other() -> None:
    assert shapes(
        CallBegun(0, "a", "f"), CallPiece(0, "{"), CallBegun(1, "b", "g"), CallPiece(1, "{ "), CallPiece(0, "}"),
        CallBegun(2, "c", "h"), CallPiece(1, "  "), CallPiece(2, "{}"), TextPiece("t"), CallEnded(0),
        CallPiece(1, " }"),
    ) == [
        "0 tool_use", "0 + {", "0 + }", "0 .",
        "1 tool_use", "1 + { ", "1 +   ", "1 +  }", "1 .",
        "2 tool_use", "2 + {}", "2 .",
        "3 text", "3 + t", "3 .",
    ]  # fmt: skip


def test_a_first_call_goes_on_while_others_wait() -> None:
    writer = INBOUND[NEWEST].stream(ASKED)
    writer.write([Begun(), CallBegun(0, "a", "f"), CallBegun(1, "b", "g")])
    assert b'"index":0' in writer.write([CallPiece(0, "{}")])
    assert writer.write([CallPiece(1, "{}")]) == b""
    assert b'"index":1' in writer.write([CallEnded(0)])


def test_plain_text_and_missing_ids() -> None:
    data = written(
        CallBegun(0, "", "run", custom=True),
        CallPiece(0, "ls "),
        CallPiece(0, '"x"'),
        CallBegun(1, "", "g"),
        *ENDED,
    )
    calls: Any = accumulated(data).content
    assert [(call.id, call.input) for call in calls] == [
        ("toolu_01ABC_0", {"input": 'ls "x"'}),
        ("toolu_01ABC_1", {}),
    ]


def test_sealed_thoughts() -> None:
    sealed = [
        ThinkingSigned(Signature("anthropic", "data")),
        ThinkingSigned(Signature("openai", "enc", "rs_1")),
        ThinkingSigned(Signature("anthropic", "sig", "thinking")),
    ]
    content: Any = accumulated(written(*sealed, TextSigned(Signature("gemini", "x")), *ENDED)).content
    assert [block.to_dict() for block in content] == [
        {"type": "redacted_thinking", "data": "data"},
        {"type": "redacted_thinking", "data": "gw1:openai:rs_1:enc"},
        {"type": "thinking", "thinking": "", "signature": "sig"},
    ]


def test_refusals_and_failures() -> None:
    refused = accumulated(written(RefusalPiece("I "), RefusalPiece("won't."), Stopped("stop"), Over()))
    assert refused.stop_reason == "refusal"
    assert refused.stop_details is not None
    assert refused.stop_details.explanation == "I won't."
    with pytest.raises(GatewayError) as caught:
        written(Stopped("error"), Over())
    assert caught.value.condition.code == "upstream_error"


def test_only_the_first_choice_is_told() -> None:
    data = written(
        TextPiece("a"), TextPiece("b", choice=1), Stopped("stop"), Stopped("length", choice=1), Over()
    )
    final = accumulated(data)
    assert (len(final.content), final.stop_reason) == (1, "end_turn")


@given(replies())
def test_whole_as_streamed_are_the_same_message(reply: ChatReply) -> None:
    told = whole(INBOUND[NEWEST].reply(reply, ASKED)).to_dict(exclude_none=True)
    streamed = accumulated(INBOUND[NEWEST].stream(ASKED).write(events_of(reply))).to_dict(exclude_none=True)
    assert {**streamed, "usage": None} == {**told, "usage": None}
    reader, gathered = MessagesOut().stream(Sent("", {}), 1 << 20), Gathered()
    for event in reader.read(INBOUND[NEWEST].stream(ASKED).write(events_of(reply))):
        gathered.take(event)
    assert gathered.over
    assert gathered.reply().answers == reply.answers
    assert gathered.reply().usage == reply.usage


said = st.one_of(
    st.builds(TextPiece, st.text(max_size=3)),
    st.builds(ThinkingPiece, st.text(max_size=3)),
    st.builds(ThinkingSigned, st.builds(Signature, st.sampled_from(("anthropic", "openai")), st.just("s"))),
    st.builds(CallPiece, st.integers(0, 3), st.just("")),
    st.builds(CallEnded, st.integers(0, 3)),
    st.builds(RefusalPiece, st.text(max_size=3)),
)


@given(
    st.lists(said, max_size=25),
    st.permutations([CallBegun(n, f"c{n}", "f", n == 2) for n in range(4)]),
    st.data(),
)
def test_any_order_of_events_is_a_message(
    events: list[Event], calls: list[Event], data: st.DataObject
) -> None:
    mixed = list(events)
    for call in calls:
        mixed.insert(data.draw(st.integers(0, len(mixed))), call)
    writer = INBOUND[NEWEST].stream(ASKED)
    parts = [writer.write([event]) for event in (Begun(), *mixed, *ENDED)]
    final = accumulated(b"".join(parts))
    starts = [event.index for event in stream_events(b"".join(parts)) if event.type == "content_block_start"]
    assert starts == list(range(len(starts)))
    texts = "".join(event.text for event in mixed if isinstance(event, TextPiece))
    assert "".join(block.text for block in final.content if block.type == "text") == texts
    assert sorted(block.id for block in final.content if block.type == "tool_use") == ["c0", "c1", "c2", "c3"]


def half_a_call(ended: Stopped, *ends: Event) -> bytes:
    return written(
        CallBegun(0, "a", "rm"), CallPiece(0, '{"path":"/a","rec'), *ends, ended, Counted(USAGE), Over()
    )


@pytest.mark.parametrize("ends", [(), (CallEnded(0),)], ids=["untold", "told"])
@pytest.mark.parametrize("stop", ["tool_calls", "stop"])
def test_half_of_the_arguments_is_no_finished_call(stop: Any, ends: tuple[Event, ...]) -> None:
    """The caller's SDK would make an object of them, and its tool would run with that."""
    with pytest.raises(GatewayError, match="arguments are no JSON object"):
        half_a_call(Stopped(stop), *ends)


def test_half_of_the_arguments_of_an_answer_that_was_cut_off() -> None:
    assert accumulated(half_a_call(Stopped("length"))).stop_reason == "max_tokens"
