"""Streams to callers: what the official SDK makes of each is what was said."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.chat import Citation, Logprob, Media, Refusal, Signature, Text, Thinking, ToolCall
from gateway.chat_events import (
    Begun,
    CallBegun,
    CallEnded,
    CallPiece,
    Cited,
    Counted,
    Event,
    MediaPiece,
    Over,
    RefusalPiece,
    Stopped,
    TextPiece,
    TextSigned,
    ThinkingPiece,
    ThinkingSigned,
)
from gateway.dialects.chat.dialect import CHAT_IN
from gateway.dialects.whole_as_stream import events_of
from gateway.errors import GatewayError
from gateway.exchange import Usage
from tests.dialects.chat.asking import asked
from tests.dialects.chat.sdk import accumulated, chunks, data_of
from tests.dialects.conversations import replies

SIGNED = st.none() | st.just(Signature("anthropic", "c2ln"))
USAGE = Usage(10, 5, 4, 0, 2, "provider")
WITH_USAGE: dict[str, Any] = {"stream_options": {"include_usage": True}}


def written(events: list[Event], **fields: Any) -> bytes:
    return CHAT_IN.stream(asked(**fields)).write(events)


def whole(*said: Event, stop: Event | None = None) -> list[Event]:
    return [Begun("x", "pm", 5), *said, stop or Stopped("stop"), Counted(USAGE), Over()]


@given(replies(signatures=SIGNED, choices_max=3), st.booleans(), st.lists(st.integers(0, 50), max_size=5))
def test_the_sdk_makes_of_it_what_was_said(reply: Any, usage: bool, cuts: list[int]) -> None:
    fields = WITH_USAGE if usage else {}
    writer = CHAT_IN.stream(asked(**fields))
    events, stream = list(events_of(reply)), b""
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(events)], strict=True):
        stream += writer.write(events[start:end])
    assert stream == written(events, **fields), "how the events come changes nothing"
    final = accumulated(stream)
    assert (final.id, final.model, final.created) == ("chatcmpl-01ABC", "shown", 1_700_000_000)
    assert (final.usage is not None) == usage
    for choice, answer in zip(final.choices, reply.answers, strict=True):
        message, blocks = choice.message, answer.blocks
        assert message.role == "assistant"
        assert message.content or "".join(block.text for block in blocks if isinstance(block, Text)) == ""
        assert message.refusal or "".join(block.text for block in blocks if isinstance(block, Refusal)) == ""
        calls: Any = message.tool_calls or []
        assert [(call.id, call.function.name, call.function.arguments) for call in calls] == [
            (block.id, block.name, block.arguments) for block in blocks if isinstance(block, ToolCall)
        ]
        extra: Any = message.model_extra
        thoughts = [block for block in blocks if isinstance(block, Thinking)]
        assert extra.get("reasoning_content", "") == "".join(thought.text for thought in thoughts)
        assert [(one["text"], one["signature"]) for one in extra.get("reasoning_details", ())] == [
            (thought.text, thought.signature.data) for thought in thoughts if thought.signature is not None
        ]
        assert choice.finish_reason == answer.stop


def test_role_once_finish_last_usage_when_asked() -> None:
    plain = data_of(written(whole(TextPiece("a"))))
    assert [choice for frame in plain for choice in frame["choices"]] == [
        {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None},
        {"index": 0, "delta": {"content": "a"}, "finish_reason": None},
        {"index": 0, "delta": {}, "finish_reason": "stop"},
    ]
    assert not any("usage" in frame for frame in plain)
    *before, last = data_of(written(whole(TextPiece("a")), **WITH_USAGE))
    assert all(frame["usage"] is None for frame in before)
    assert last["choices"] == []
    assert last["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    shared = {"id": "chatcmpl-01ABC", "object": "chat.completion.chunk", "created": 5, "model": "shown"}
    assert all(frame.items() >= shared.items() for frame in (*plain, *before, last))


def test_an_answer_that_breaks_never_looks_finished() -> None:
    """What ends it is held until the stream is over."""
    broken = written([Begun(), TextPiece("a"), Stopped("stop"), Counted(USAGE)])
    assert b'"finish_reason":"' not in broken
    assert b"[DONE]" not in broken
    with pytest.raises(GatewayError):
        written(whole(stop=Stopped("error")))


def test_choices_begin_in_the_order_of_their_numbers() -> None:
    """The SDK's helper puts them in a list as they come."""
    events = whole(TextPiece("b", 2), TextPiece("a", 0))
    assert [choice.index for chunk in chunks(written(events))[:3] for choice in chunk.choices] == [0, 1, 2]
    assert [choice.message.content for choice in accumulated(written(events)).choices] == ["a", "", "b"]


def test_a_call_without_arguments_has_an_empty_object() -> None:
    for ended in ([], [CallEnded(0)]):
        events = whole(
            CallBegun(0, "c", "f"),
            *ended,
            CallBegun(1, "d", "g"),
            CallPiece(1, "{}"),
            stop=Stopped("tool_calls"),
        )
        calls: Any = accumulated(written(events)).choices[0].message.tool_calls
        assert [call.function.arguments for call in calls] == ["{}", "{}"]


def test_plain_text_calls_are_custom() -> None:
    frames = data_of(
        written(
            whole(CallBegun(0, "c", "sql", custom=True), CallPiece(0, "SELECT"), stop=Stopped("tool_calls"))
        )
    )
    deltas = [frame["choices"][0]["delta"] for frame in frames]
    assert deltas[1:3] == [
        {"tool_calls": [{"index": 0, "id": "c", "type": "custom", "custom": {"name": "sql", "input": ""}}]},
        {"tool_calls": [{"index": 0, "custom": {"input": "SELECT"}}]},
    ]


def test_who_asks_with_functions_gets_a_function_call() -> None:
    events = whole(CallBegun(0, "c", "f"), CallPiece(0, "{}"), stop=Stopped("tool_calls"))
    frames = data_of(written(events, functions=[{"name": "f"}]))
    deltas = [frame["choices"][0]["delta"] for frame in frames]
    assert deltas[1:3] == [
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": "{}"}},
    ]
    assert frames[-1]["choices"][0]["finish_reason"] == "function_call"


def test_what_else_is_said() -> None:
    sound = Media("audio", "", "audio/wav", "YWI=")
    image = Media("image", "", "image/png", "aWI=")
    events = whole(
        ThinkingSigned(Signature("anthropic", "sealed")),
        ThinkingPiece("hm"),
        ThinkingSigned(Signature("openai", "data", "rs_1")),
        TextPiece("a", logprobs=(Logprob("a", -0.5, (Logprob("b", -1.0),)),)),
        TextSigned(Signature("gemini", "sig")),
        TextSigned(Signature("anthropic", "nobody's here")),
        Cited(Citation("https://a/", "A", 1, 2)),
        Cited(Citation("https://b/")),
        MediaPiece(image),
        MediaPiece(sound),
        CallBegun(0, "c", "f", signature=Signature("gemini", "other")),
        stop=Stopped("tool_calls"),
    )
    stream = written(events)
    message: Any = accumulated(stream).choices[0].message
    assert message.reasoning_details == [
        {"index": 0, "format": "anthropic", "type": "reasoning.encrypted", "data": "sealed"},
        {
            "index": 1,
            "format": "openai",
            "id": "rs_1",
            "summary": "hm",
            "type": "reasoning.encrypted",
            "data": "data",
        },
    ]
    assert message.extra_content == {"google": {"thought_signature": "sig"}}
    assert [one.url_citation.url for one in message.annotations] == ["https://a/", "https://b/"]
    assert message.images[0]["image_url"]["url"] == "data:image/png;base64,aWI="
    assert message.audio.data == "YWI="
    assert message.tool_calls[0].extra_content == {"google": {"thought_signature": "other"}}
    scored = accumulated(stream).choices[0].logprobs
    assert scored is not None and scored.content is not None
    assert (scored.content[0].bytes, scored.content[0].top_logprobs[0].token) == ([97], "b")


@pytest.mark.parametrize(
    ("stop", "word", "refusal"),
    [
        (Stopped("refusal", explanation="not that"), "content_filter", "not that"),
        (Stopped("refusal"), "content_filter", "The model declined to respond."),
        (Stopped("content_filter", explanation="Blocked: SAFETY"), "content_filter", "Blocked: SAFETY"),
        (Stopped("content_filter"), "content_filter", None),
        (Stopped("context_window"), "length", None),
        (Stopped("pause"), "length", None),
        (Stopped("stop", "END"), "stop", None),
    ],
)  # fmt: skip
def test_words_for_the_end(stop: Stopped, word: str, refusal: str | None) -> None:
    choice = accumulated(written(whole(stop=stop))).choices[0]
    assert (choice.finish_reason, choice.message.refusal) == (word, refusal)


def test_a_refusal_that_was_said_is_not_said_again() -> None:
    choice = accumulated(
        written(whole(RefusalPiece("no"), stop=Stopped("refusal", explanation="x")))
    ).choices[0]
    assert choice.message.refusal == "no"


def test_letters_of_all_kinds_stay_in_their_frame() -> None:
    text = 'a\n\ndata: [DONE]\r\n"\u2028é\U0001f600'
    assert accumulated(written(whole(TextPiece(text)))).choices[0].message.content == text
