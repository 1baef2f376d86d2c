"""Streams of providers, with what each does its own way; how their bytes are cut changes nothing."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.chat import Citation, Logprob, Media, Signature, Tool
from gateway.chat_events import (
    Begun,
    CallBegun,
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
from gateway.dialects.chat.dialect import chat_out
from gateway.errors import GatewayError, ReportedError
from gateway.exchange import Usage
from tests.dialects.chat.asking import DONE, FRAME_MAX, FRAMES, SENT, chunk, events, frames, sent_with

STREAMS = sorted(path.stem for path in FRAMES.glob("chat_*.sse") if "error" not in path.stem)
ROLE = chunk({"role": "assistant", "content": ""})


def said(found: list[Event], kind: type) -> list[Any]:
    return [event for event in found if isinstance(event, kind)]


def text(found: list[Event]) -> str:
    return "".join(event.text for event in said(found, TextPiece))


def calls(found: list[Event]) -> list[tuple[str, str, str]]:
    """(id, name, arguments) of each."""
    pieces = said(found, CallPiece)
    return [
        (call.id, call.name, "".join(one.arguments for one in pieces if one.number == call.number))
        for call in said(found, CallBegun)
    ]


@pytest.mark.parametrize("name", STREAMS)
@given(st.lists(st.integers(0, 10_000), max_size=25))
def test_slicing_changes_nothing(name: str, cuts: list[int]) -> None:
    assert events(frames(name), cuts) == events(frames(name))


@pytest.mark.parametrize("name", STREAMS)
def test_every_stream_keeps_the_order_of_events(name: str) -> None:
    found = events(frames(name))
    assert isinstance(found[0], Begun) and isinstance(found[-1], Over)
    assert len(said(found, Begun)) == len(said(found, Stopped)) == len(said(found, Over)) == 1
    assert [call.number for call in said(found, CallBegun)] == list(range(len(said(found, CallBegun))))
    after = found[found.index(said(found, Stopped)[0]) + 1 :]
    assert all(isinstance(event, Counted | Over) for event in after)


def test_of_openai() -> None:
    found = events(frames("chat_openai_parallel_calls"))
    assert found[0] == Begun("chatcmpl-o", "gpt-4.1-2025-04-14", 1763800000)
    assert calls(found) == [("call_a", "look_up", '{"a":1}'), ("call_b", "add", "{}")]
    assert said(found, Stopped) == [Stopped("tool_calls")]
    assert said(found, Counted) == [Counted(Usage(50, 30, 16, 0, 0, "provider"), "default")]


def test_of_azure_what_comes_before_the_first_choice_says_nothing() -> None:
    found = events(frames("chat_azure_filter_first"))
    assert found[0] == Begun("chatcmpl-az", "gpt-4.1", 1763800000)
    assert text(found) == "Hi"


def test_of_deepseek_with_comments_between() -> None:
    found = events(frames("chat_deepseek_keep_alive"))
    assert said(found, ThinkingPiece) == [ThinkingPiece("Think")]
    assert text(found) == "Yes"
    assert said(found, Counted)[-1].usage == Usage(100, 7, 64, 0, 4, "provider")


def test_of_vllm_whose_ids_are_new_in_each_piece() -> None:
    found = events(frames("chat_vllm_new_ids"))
    assert calls(found) == [("chatcmpl-tool-1", "look_up", '{"a": "x"}')]
    assert said(found, Stopped) == [Stopped("tool_calls")], "it says `stop`"
    assert said(found, ThinkingPiece) == [ThinkingPiece("Hm.")]
    assert said(found, Counted)[-1].usage.output == 16, "the last report holds"


def test_of_geminis_compatible_endpoint() -> None:
    found = events(frames("chat_gemini_compatible_calls"))
    assert calls(found) == [
        ("function-call-1", "look_up", '{"a":"x"}'),
        ("function-call-2", "look_up", '{"a":"y"}'),
        ("function-call-3", "add", "{}"),
    ]
    assert [call.signature for call in said(found, CallBegun)] == [Signature("gemini", "c2ln"), None, None]
    assert said(found, Stopped) == [Stopped("tool_calls")]
    assert said(found, Counted)[-1].usage.output == 75, "thoughts are in the total alone"


def test_of_openrouter_signatures_stay_its_own() -> None:
    found = events(frames("chat_openrouter_details"))
    assert [event.text for event in said(found, ThinkingPiece)] == ["Let me ", "see."]
    assert said(found, ThinkingSigned) == [ThinkingSigned(Signature("anthropic-claude-v1", "c2lnbmVk"))]


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        # whole calls in one event, all with the same index, or with none
        ([[(0, "", "f", "{}"), (0, "", "f", "{}")]], [("f", "{}"), ("f", "{}")]),
        ([[(None, "", "f", "{}"), (None, "", "g", "{}")]], [("f", "{}"), ("g", "{}")]),
        # the same over two events
        ([[(0, "", "f", '{"a":1}')], [(0, "", "f", '{"a":2}')]], [("f", '{"a":1}'), ("f", '{"a":2}')]),
        ([[(0, "a", "f", "{}")], [(0, "b", "f", "{}")]], [("f", "{}"), ("f", "{}")]),
        # the name, or name and id, again in every piece
        ([[(0, "", "f", '{"a"')], [(0, "", "f", ":1}")]], [("f", '{"a":1}')]),
        ([[(0, "a", "f", '{"a"')], [(0, "a", "f", ":1}")]], [("f", '{"a":1}')]),
        # no index in later pieces; an id that comes late; a name that does
        ([[(None, "a", "f", '{"a"')], [(None, "", "", ":1}")]], [("f", '{"a":1}')]),
        ([[(0, "", "f", '{"a"')], [(0, "a", "", ":1}")]], [("f", '{"a":1}')]),
        ([[(0, "a", "", '{"a"')], [(0, "a", "f", ":1}")]], [("f", '{"a":1}')]),
        # indices that do not begin at 0, pieces that are interleaved
        ([[(3, "a", "f", "[")], [(5, "b", "g", "(")], [(3, "", "", "]")]], [("f", "[]"), ("g", "(")]),
        # one id for all: another index, another name, or more than one object
        ([[(0, "a", "f", "{}")], [(1, "a", "f", "")], [(1, "a", "", "[")]], [("f", "{}"), ("f", "[")]),
        ([[(0, "a", "f", "{")], [(1, "a", "g", "(")], [(0, "a", "", "}")]], [("f", "{}"), ("g", "(")]),
        ([[(0, "a", "f", "{}"), (0, "a", "g", "()")]], [("f", "{}"), ("g", "()")]),
        ([[(0, "a", "f", '{"a":1}')], [(0, "a", "f", '{"a":2}')]], [("f", '{"a":1}'), ("f", '{"a":2}')]),
        # id and name once more with nothing to add
        ([[(0, "a", "f", '{"a"')], [(0, "a", "f", ":1}")], [(0, "a", "f", "")]], [("f", '{"a":1}')]),
        # another name at an index is another call
        ([[(0, "", "f", "")], [(0, "", "g", "")]], [("f", ""), ("g", "")]),
    ],
)  # fmt: skip
def test_which_call_a_piece_belongs_to(
    entries: list[list[tuple[int | None, str, str, str]]], expected: list[tuple[str, str]]
) -> None:
    def entry(index: int | None, id_: str, name: str, arguments: str) -> dict[str, Any]:
        made: dict[str, Any] = {"function": {"name": name, "arguments": arguments}}
        return made | ({"index": index} if index is not None else {}) | ({"id": id_} if id_ else {})

    data = b"".join(chunk({"tool_calls": [entry(*one) for one in several]}) for several in entries)
    found = events(data + chunk({}, "tool_calls") + DONE)
    assert [call[1:] for call in calls(found)] == expected
    assert [call.number for call in said(found, CallBegun)] == list(range(len(expected)))
    ids = {call[0] for call in calls(found)}
    assert "" not in ids and (len(ids) == len(expected) or ids == {"a"}), "each has its id, or one of its own"


def test_arguments_may_be_an_object() -> None:
    entry = {"function": {"name": "f", "arguments": {"a": "é"}}}
    assert calls(events(chunk({"tool_calls": [entry]}) + chunk({}, "stop") + DONE)) == [
        ("call_c_0", "f", '{"a":"é"}')
    ]


def test_a_function_call_of_old_is_a_call() -> None:
    data = (
        chunk({"function_call": {"name": "f", "arguments": ""}})
        + chunk({"function_call": {"arguments": "{}"}})
        + chunk({}, "function_call")
    )
    found = events(data + DONE)
    assert calls(found) == [("call_c_0", "f", "{}")]
    assert said(found, Stopped) == [Stopped("tool_calls")]


def test_a_call_of_nothing_is_garbage() -> None:
    with pytest.raises(GatewayError, match="without a name"):
        events(
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}) + chunk({}, "stop") + DONE
        )


def test_names_are_the_callers_again() -> None:
    sent = sent_with(Tool("a.b"), names={"a_b_1234": "a.b"})
    entry = {"index": 0, "id": "x", "function": {"name": "a_b_1234", "arguments": "{}"}}
    found = events(chunk({"tool_calls": [entry]}) + chunk({}, "tool_calls") + DONE, sent=sent)
    assert calls(found) == [("x", "a.b", "{}")]


def test_plain_text_comes_out_of_the_object_that_it_was_asked_for_in() -> None:
    pieces = ['{"inp', 'ut":"SELECT', ' 1"}']
    entries = [{"index": 0, "id": "x", "function": {"name": "sql"}}] + [
        {"index": 0, "function": {"arguments": piece}} for piece in pieces
    ]
    data = b"".join(chunk({"tool_calls": [entry]}) for entry in entries)
    found = events(data + chunk({}, "tool_calls") + DONE, sent=sent_with(Tool("sql", custom=True)))
    assert calls(found) == [("x", "sql", "SELECT 1")]
    assert said(found, CallBegun)[0].custom


def test_plain_text_of_openai_is_told_as_it_comes() -> None:
    first = {"index": 0, "id": "x", "type": "custom", "custom": {"name": "sql", "input": "SEL"}}
    data = chunk({"tool_calls": [first]}) + chunk({"tool_calls": [{"index": 0, "custom": {"input": "ECT"}}]})
    found = events(data + chunk({}, "tool_calls") + DONE, sent=sent_with(Tool("sql", custom=True)))
    assert [event.arguments for event in said(found, CallPiece)] == ["SEL", "ECT"]


def test_the_forced_tools_arguments_are_the_answer() -> None:
    entries = [{"index": 0, "id": "x", "function": {"name": "json_tool_call", "arguments": '{"a"'}}]
    data = chunk({"tool_calls": entries}) + chunk(
        {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]}
    )
    found = events(data + chunk({}, "tool_calls") + DONE, sent=sent_with(answer_tool="json_tool_call"))
    assert text(found) == '{"a":1}'
    assert said(found, Stopped) == [Stopped("stop")]
    assert calls(found) == []


def test_what_few_servers_say() -> None:
    png = "data:image/png;base64,iVBORw0KGgo="
    source = {
        "type": "url_citation",
        "url_citation": {"url": "https://a/", "title": "A", "start_index": 1, "end_index": 2},
    }
    scores = {
        "content": [
            {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [{"token": "b", "logprob": -1}]}
        ]
    }
    stated = b'{"choices":[{"index":0,"delta":{"content":"a"},"logprobs":'
    data = (
        chunk({"content": "cited", "annotations": [source]})
        + chunk({"refusal": "no"})
        + chunk({"images": [{"type": "image_url", "image_url": {"url": png}}]})
        + chunk({"content": "", "extra_content": {"google": {"thought_signature": "s"}}})
        + chunk({"audio": {"id": "a", "data": "YWI=", "transcript": "spo"}})
        + chunk({"audio": {"data": "Y2Q=", "transcript": "ken"}})
        + b"data: "
        + stated
        + json.dumps(scores).encode()
        + b"}]}\n\n"
        + chunk({}, "stop")
    )
    found = events(data + DONE)
    assert said(found, Cited) == [Cited(Citation("https://a/", "A", 1, 2))]
    assert said(found, RefusalPiece) == [RefusalPiece("no")]
    assert said(found, TextSigned) == [TextSigned(Signature("gemini", "s"))]
    assert said(found, MediaPiece) == [
        MediaPiece(Media("image", "images", "image/png", "iVBORw0KGgo=")),
        MediaPiece(Media("audio", "audio", "audio/wav", "YWJjZA==")),
    ]
    assert text(found) == "citedspokena"
    assert said(found, TextPiece)[-1].logprobs == (Logprob("a", -0.5, (Logprob("b", -1),)),)


def test_several_choices_end_one_by_one() -> None:
    data = (
        chunk({"content": "a"})
        + chunk({"content": "b"}, index=1)
        + chunk({}, "stop", index=1)
        + chunk({"content": "c"})
        + chunk({"content": "late"}, index=1)
    )
    found = events(data + chunk({}, "length") + DONE)
    assert [(event.text, event.choice) for event in said(found, TextPiece)] == [("a", 0), ("b", 1), ("c", 0)]
    assert said(found, Stopped) == [Stopped("stop", choice=1), Stopped("length", choice=0)]


@pytest.mark.parametrize(
    ("word", "stop"),
    [
        ("stop", "stop"), ("eos", "stop"), ("length", "length"), ("model_length", "length"),
        ("max_tokens", "length"),
        ("content_filter", "content_filter"), ("STOP", "stop"), ("something_new", "stop"),
    ],
)  # fmt: skip
def test_words_for_the_end(word: str, stop: str) -> None:
    assert said(events(ROLE + chunk({}, word) + DONE), Stopped)[0].stop == stop


def test_vllm_tells_which_sequence_ended_it() -> None:
    data = (
        chunk({"content": "a"})
        + b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop","stop_reason":"END"}]}\n\n'
    )
    assert said(events(data + DONE), Stopped) == [Stopped("stop", "END")]


def test_content_in_the_last_chunk_is_said_before_the_end() -> None:
    found = events(ROLE + chunk({"content": "all"}, "stop") + DONE)
    assert [type(event) for event in found] == [Begun, TextPiece, Stopped, Over]


def test_without_the_mark_a_finished_stream_is_whole() -> None:
    assert isinstance(events(ROLE + chunk({"content": "a"}, "stop"))[-1], Over)


def test_the_mark_is_an_end_even_without_a_reason() -> None:
    assert events(chunk({"content": "a"}) + DONE)[-2:] == [Stopped("stop"), Over()]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b": keep-alive\n\n",
        ROLE,
        ROLE + chunk({"content": "a"}),
        chunk({"content": "a"}, "stop") + chunk({"content": "b"}, index=1),
        ROLE + b'data: {"choices":[{"index":0,"delta":{},"finish_reas',
    ],
)
def test_an_end_too_early_is_told(data: bytes) -> None:
    with pytest.raises(GatewayError) as error:
        events(data)
    assert error.value.condition.code == "upstream_incomplete"


@pytest.mark.parametrize(
    "data",
    [
        b"data: nonsense\n\n",
        b"data: [1]\n\n",
        b"data: 3\n\n",
        DONE,
        b'data: {"choices":"x"}\n\n',
        b'data: {"choices":[3]}\n\n',
        b'data: {"choices":[{"index":0,"delta":"x"}]}\n\n',
        *(
            b'data: {"choices":[{"index":0,"delta":{%s}}]}\n\n' % said
            for said in (
                b'"content":{"a":1}', b'"content":[5]', b'"refusal":5', b'"tool_calls":"x"', b'"tool_calls":["x"]',
                b'"audio":{"data":"a@@GkK"}',
                b'"tool_calls":[{"index":0,"function":{"name":5}}]', b'"function_call":"x"',
                b'"tool_calls":[{"index":0,"function":{"name":"f","arguments":[5]}}]',
            )
        ),
    ],
)  # fmt: skip
def test_garbage_is_told(data: bytes) -> None:
    with pytest.raises(GatewayError) as error:
        events(data)
    assert error.value.condition.code == "upstream_invalid_response"


ERRORS = [
    b'data: {"error":{"message":"boom","code":502}}\n\n',
    b'data: {"object":"error","message":"boom","code":400}\n\n',
    b'data: {"choices":[],"x_groq":{"error":"boom"}}\n\n',
    chunk({}, "error"),
    chunk({"content": ""}, "insufficient_system_resource"),
]


@pytest.mark.parametrize("error", ERRORS)
@given(st.lists(st.integers(0, 1000), max_size=10))
def test_an_error_comes_after_what_was_said_before_it(error: bytes, cuts: list[int]) -> None:
    data = ROLE + chunk({"content": "Once"}) + error + chunk({"content": "never"}) + DONE
    reader = chat_out("generic").stream(SENT, FRAME_MAX)
    bounds = [0, *sorted(cut % len(data) for cut in cuts), len(data)]
    found: list[Event] = []
    with pytest.raises(ReportedError) as raised:
        for start, end in pairwise(bounds):
            found += reader.read(data[start:end])
        found += reader.finish()
    assert text(found) == "Once"
    assert b"boom" in raised.value.event or b"finish_reason" in raised.value.event
    with pytest.raises(ReportedError):
        reader.read(b"")


def test_nothing_is_read_behind_the_end() -> None:
    reader = chat_out("generic").stream(SENT, FRAME_MAX)
    assert isinstance(reader.read(ROLE + chunk({}, "stop") + DONE + chunk({"content": "x"}))[-1], Over)
    assert reader.read(chunk({"content": "x"})) == []
    assert reader.finish() == []
