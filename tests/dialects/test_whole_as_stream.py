"""A reply and the events of a stream that says the same are the same."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.chat import Answer, ChatReply, Citation, Logprob, Media, Signature, Text, Thinking, ToolCall
from gateway.chat_events import (
    Begun,
    CallBegun,
    CallPiece,
    Cited,
    Counted,
    Event,
    Over,
    Stopped,
    TextPiece,
    TextSigned,
    ThinkingPiece,
    ThinkingSigned,
)
from gateway.dialects.whole_as_stream import events_of
from gateway.exchange import NO_USAGE
from tests.dialects.conversations import replies
from tests.dialects.gathered import Gathered

SIGNED = st.just(Signature("anthropic", "c2ln"))


def gathered(events: list[Event]) -> ChatReply:
    found = Gathered()
    for event in events:
        found.take(event)
    return found.reply()


@given(replies(signatures=st.none() | SIGNED, choices_max=3))
def test_there_and_back(reply: ChatReply) -> None:
    events = list(events_of(reply))
    assert gathered(events) == reply
    assert isinstance(events[0], Begun)
    assert [type(event) for event in events[-2:]] == [Counted, Over]
    assert sum(isinstance(event, Stopped) for event in events) == len(reply.answers)


def test_what_few_replies_have_comes_back_too() -> None:
    scored = Logprob("a", -0.5, (Logprob("b", -1.0),))
    blocks = (
        Thinking("", Signature("anthropic", "sealed")),
        Thinking("hm", Signature("anthropic", "x")),
        Text("", signature=Signature("gemini", "first")),
        Media("image", "images", "image/png", "aaaa"),
        Text("a", signature=Signature("gemini", "second")),
        ToolCall("c", "f", "", custom=True, signature=Signature("gemini", "third")),
    )
    answer = Answer(blocks, "refusal", "END", "because", (scored,))
    reply = ChatReply((answer,), "id", "m", 3, NO_USAGE, "priority")
    assert gathered(list(events_of(reply))) == reply


def test_several_sources_are_of_one_text() -> None:
    one, two = Citation("https://a/"), Citation("https://b/")
    events: list[Event] = [TextPiece("a"), Cited(one), Cited(two), TextPiece("b"), Stopped("stop")]
    assert gathered(events).answers[0].blocks == (Text("a", citations=(one, two)), Text("b"))


def test_a_source_that_comes_late_is_of_the_last_text() -> None:
    one = Citation("https://a/")
    events: list[Event] = [TextPiece("a"), CallBegun(0, "c", "f"), Cited(one), Stopped("tool_calls")]
    assert gathered(events).answers[0].blocks == (Text("a", citations=(one,)), ToolCall("c", "f", ""))


def test_no_signature_takes_the_place_of_another() -> None:
    first, second = Signature("gemini", "1"), Signature("gemini", "2")
    events: list[Event] = [
        TextSigned(first),
        TextSigned(second),
        ThinkingPiece("hm"),
        ThinkingSigned(first),
        ThinkingSigned(second),
    ]
    assert gathered(events).answers[0].blocks == (
        Text("", signature=first),
        Text("", signature=second),
        Thinking("hm", first),
        Thinking("", second),
    )


def test_calls_may_be_interleaved() -> None:
    events: list[Event] = [
        CallBegun(0, "a", "f"), CallBegun(1, "b", "g"), CallPiece(1, "[2"), CallPiece(0, "[1"), CallPiece(1, "]"),
        CallPiece(0, "]"), Stopped("tool_calls"),
    ]  # fmt: skip
    assert gathered(events).answers[0].blocks == (ToolCall("a", "f", "[1]"), ToolCall("b", "g", "[2]"))


def test_the_last_usage_holds_and_an_end_is_seen() -> None:
    found = Gathered()
    for event in (Counted(NO_USAGE, "flex"), Counted(NO_USAGE), Over()):
        assert not found.over
        found.take(event)
    assert found.over
    assert found.reply().tier == "flex"
