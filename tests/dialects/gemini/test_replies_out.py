"""What callers of Google's generateContent are told, whole and in streams; the official SDK reads all of it."""

import json
from typing import Any

from hypothesis import given, settings

from gateway.chat import (
    Answer,
    ChatReply,
    Citation,
    Logprob,
    Media,
    Parameters,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
)
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
from gateway.dialects.translation import Asked
from gateway.dialects.whole_as_stream import events_of
from gateway.exchange import Usage
from tests.dialects.conversations import PNG, replies
from tests.dialects.gemini.asked import IN, asked
from tests.dialects.gemini.sdk import parsed, streamed

USAGE = Usage(10, 12, 4, reasoning=7, source="provider")
COUNTS = {
    "promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 22, "thoughtsTokenCount": 7,
    "cachedContentTokenCount": 4,
}  # fmt: skip
SHOWN = asked(parameters=Parameters(shows_thinking=True))
SIGNED, FOREIGN = Signature("gemini", "c2ln"), Signature("anthropic", "x")


def told(*blocks: Any, to: Asked = SHOWN, stop: Any = "stop", **more: Any) -> Any:
    """The only candidate."""
    body: Any = IN.reply(ChatReply((Answer(blocks, stop, **more),)), to)
    (candidate,) = body["candidates"]
    return candidate


def parts(*blocks: Any, to: Asked = SHOWN) -> Any:
    return told(*blocks, to=to)["content"]["parts"]


def test_a_whole_reply() -> None:
    reply = ChatReply((Answer((Text("hello"),), "stop"), Answer((), "length")), "x", "y", usage=USAGE)
    assert IN.reply(reply, asked()) == {
        "candidates": [
            {"content": {"parts": [{"text": "hello"}], "role": "model"}, "index": 0, "finishReason": "STOP"},
            {"content": {"parts": [{"text": ""}], "role": "model"}, "index": 1, "finishReason": "MAX_TOKENS"},
        ],
        "usageMetadata": COUNTS,
        "modelVersion": "shown-model",
        "responseId": "id1",
    }
    assert "usageMetadata" not in IN.reply(ChatReply(()), asked())


def test_parts() -> None:
    assert parts(
        Thinking("hm", SIGNED),
        Text("a", signature=FOREIGN),
        Text("b", signature=SIGNED),
        Refusal("no"),
        ToolCall("c1", "f", '{"a":1}', signature=SIGNED),
        ToolCall("c2", "g", ""),
        Media("image", "", "image/png", PNG),
        Media("image", "", "image/png", url="https://x.org/a.png"),
    ) == [
        {"text": "hm", "thought": True, "thoughtSignature": "c2ln"},
        {"text": "a"},
        {"text": "b", "thoughtSignature": "c2ln"},
        {"text": "no"},
        {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"},
        {"functionCall": {"id": "c2", "name": "g", "args": {}}},
        {"inlineData": {"mimeType": "image/png", "data": PNG}},
        {"fileData": {"mimeType": "image/png", "fileUri": "https://x.org/a.png"}},
    ]


def test_arguments_that_are_no_object_are_told_as_they_were() -> None:
    (part,) = parts(ToolCall("c1", "f", "{bad"))
    assert part["functionCall"]["args"] == {"_raw": "{bad"}


def test_thoughts_are_for_those_who_asked() -> None:
    assert parts(Thinking("hm"), Text("a"), to=asked()) == [{"text": "a"}]
    assert parts(Thinking("", FOREIGN), Text("a")) == [{"text": "a"}]


def test_why_it_ended() -> None:
    stops = ("stop", "tool_calls", "length", "context_window", "pause", "content_filter", "refusal", "error")
    assert [told(stop=one)["finishReason"] for one in stops] == [
        "STOP", "STOP", "MAX_TOKENS", "MAX_TOKENS", "MAX_TOKENS", "SAFETY", "SAFETY", "OTHER",
    ]  # fmt: skip
    assert told(stop="refusal", explanation="No.")["finishMessage"] == "No."


def test_sources_and_log_probabilities() -> None:
    cited = Text("ab", citations=(Citation("https://x.org", "X", 0, 1), Citation("https://y.org")))
    candidate = told(cited, logprobs=(Logprob("a", -0.5, (Logprob("b", -1.0),)),))
    assert candidate["citationMetadata"] == {
        "citationSources": [{"uri": "https://x.org", "title": "X"}, {"uri": "https://y.org"}]
    }
    assert candidate["logprobsResult"] == {
        "chosenCandidates": [{"token": "a", "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "b", "logProbability": -1.0}]}],
    }


def frames(*events: Event, to: Asked = SHOWN) -> list[Any]:
    data = IN.stream(to).write(events)
    assert data.endswith(b"\n\n")
    return [json.loads(frame.removeprefix(b"data: ")) for frame in data.split(b"\n\n")[:-1]]


def said(*events: Event, to: Asked = SHOWN) -> list[Any]:
    """(candidate, its parts) of each frame but the last."""
    found = frames(*events, Over(), to=to)[:-1]
    return [(one["candidates"][0]["index"], one["candidates"][0]["content"]["parts"]) for one in found]


def test_a_stream() -> None:
    usage = Usage(10, 12, source="provider")
    first, second, last = frames(
        Begun("up", "m"), TextPiece('a "ü"\n'), TextPiece("b"), Counted(usage), Stopped("length"), Counted(USAGE),
        Over(),
    )  # fmt: skip
    envelope = {"modelVersion": "shown-model", "responseId": "id1"}
    assert first == {
        "candidates": [{"content": {"parts": [{"text": 'a "ü"\n'}], "role": "model"}, "index": 0}], **envelope,
    }  # fmt: skip
    assert second["candidates"][0]["content"]["parts"] == [{"text": "b"}]
    assert last == {
        "candidates": [
            {"content": {"parts": [{"text": ""}], "role": "model"}, "index": 0, "finishReason": "MAX_TOKENS"}
        ],
        "usageMetadata": COUNTS,
        **envelope,
    }


def test_nothing_is_finished_before_the_end() -> None:
    assert IN.stream(SHOWN).write([Begun(), Stopped("stop"), Counted(USAGE)]) == b""


def test_calls_go_whole_and_in_their_order() -> None:
    interleaved = (
        CallBegun(0, "c0", "f", signature=SIGNED), CallPiece(0, '{"a"'), CallBegun(1, "c1", "g"),
        CallPiece(1, "{}"), CallEnded(1), TextPiece("meanwhile"), CallPiece(0, ":1}"), CallEnded(0),
        CallBegun(2, "c2", "h"), Stopped("tool_calls"),
    )  # fmt: skip
    assert said(*interleaved) == [
        (0, [{"text": "meanwhile"}]),
        (0, [{"functionCall": {"id": "c0", "name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"}]),
        (0, [{"functionCall": {"id": "c1", "name": "g", "args": {}}}]),
        (0, [{"functionCall": {"id": "c2", "name": "h", "args": {}}}]),
    ]


def test_other_events() -> None:
    events = (
        ThinkingPiece("hm"), ThinkingSigned(SIGNED), ThinkingSigned(FOREIGN), RefusalPiece("no"),
        TextPiece("a", 1, (Logprob("a", -0.5),)), TextSigned(SIGNED, 1), TextSigned(FOREIGN),
        MediaPiece(Media("image", "", "image/png", PNG)), Cited(Citation("https://x.org")),
    )  # fmt: skip
    assert said(*events) == [
        (0, [{"text": "hm", "thought": True}]),
        (0, [{"text": "", "thought": True, "thoughtSignature": "c2ln"}]),
        (0, [{"text": "no"}]),
        (1, [{"text": "a"}]),
        (1, [{"text": "", "thoughtSignature": "c2ln"}]),
        (0, [{"inlineData": {"mimeType": "image/png", "data": PNG}}]),
        (0, [{"text": ""}]),
    ]
    assert said(*events[:3], to=asked()) == []


def test_several_candidates_end_together() -> None:
    last = frames(Stopped("stop", choice=1), Stopped("refusal", explanation="No."), Counted(USAGE), Over())[
        -1
    ]
    assert [(one["index"], one["finishReason"]) for one in last["candidates"]] == [(0, "SAFETY"), (1, "STOP")]
    assert last["candidates"][0]["finishMessage"] == "No."


@given(replies(choices_max=2))
@settings(max_examples=40)
def test_the_sdk_reads_every_reply(reply: ChatReply) -> None:
    read = parsed(IN.reply(reply, SHOWN))
    assert read.candidates is not None
    assert len(read.candidates) == len(reply.answers)
    assert read.usage_metadata is not None
    assert read.usage_metadata.total_token_count == reply.usage.input + reply.usage.output
    for candidate, answer in zip(read.candidates, reply.answers, strict=True):
        assert candidate.content is not None
        calls = [one.function_call for one in candidate.content.parts or () if one.function_call]
        wanted = [one for one in answer.blocks if isinstance(one, ToolCall)]
        assert [(one.id, one.name, one.args) for one in calls] == [
            (one.id, one.name, json.loads(one.arguments)) for one in wanted
        ]


@given(replies(choices_max=2))
@settings(max_examples=40)
def test_the_sdk_reads_every_stream(reply: ChatReply) -> None:
    chunks = streamed(IN.stream(SHOWN).write(events_of(reply)))
    first = reply.answers[0]
    text = "".join(one.text for one in first.blocks if isinstance(one, Text | Refusal))
    got = [
        part
        for chunk in chunks
        for candidate in chunk.candidates or ()
        if not candidate.index
        for part in (candidate.content and candidate.content.parts) or ()
    ]
    assert "".join(part.text or "" for part in got if not part.thought) == text
    assert chunks[-1].usage_metadata is not None
    assert all(one.finish_reason for one in chunks[-1].candidates or ())
    assert len(chunks[-1].candidates or ()) == len(reply.answers)
