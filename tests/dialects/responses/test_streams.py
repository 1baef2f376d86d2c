"""Written streams are accepted by the SDK's own accumulator, and read back as what was said."""

import json
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import OpenAI

from gateway.chat import Answer, ChatReply, ChatRequest, Refusal, Signature, Text, Turn
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
    ThinkingPiece,
    ThinkingSigned,
)
from gateway.dialects.responses.dialect import ResponsesIn, ResponsesOut
from gateway.dialects.translation import Asked, Sent
from gateway.errors import UPSTREAM_ERROR, GatewayError
from gateway.exchange import Usage
from tests.dialects.conversations import later
from tests.dialects.gathered import Gathered

_REQUEST = ChatRequest((Turn("user", (Text("hi"),), "input"),))
_ASKED = Asked(_REQUEST, "m", "1", 1_700_000_000, later)
_SENT = Sent("/responses", {}, streams=True)
_USAGE = Usage(12, 7, 4, 0, 3, "provider")
_MAX = 1 << 20


def _written(events: list[Event]) -> bytes:
    return ResponsesIn().stream(_ASKED).write(events)


def _frames(data: bytes) -> list[dict[str, object]]:
    return [json.loads(line[6:]) for line in data.decode().splitlines() if line.startswith("data: ")]


def _accumulated(data: bytes) -> object:
    """The final response as the SDK has it at the end of the stream."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=data)

    client = OpenAI(
        api_key="k", base_url="http://x/v1", http_client=httpx.Client(transport=httpx.MockTransport(answer))
    )
    with client.responses.stream(model="m", input="hi") as stream:
        for _ in stream:
            pass
        return stream.get_final_response()


_EVERYTHING: list[Event] = [
    Begun("up-1", "gpt", 5),
    ThinkingPiece("let me "),
    ThinkingPiece("see"),
    ThinkingSigned(Signature("openai", "sealed", "rs_9")),
    TextPiece("Hel"),
    TextPiece("lo"),
    CallBegun(0, "call_a", "weather"),
    CallBegun(1, "call_b", "time"),
    CallPiece(0, '{"city":'),
    CallPiece(1, "{}"),
    CallPiece(0, '"Oslo"}'),
    CallEnded(0),
    CallEnded(1),
    Stopped("tool_calls"),
    Counted(_USAGE),
    Over(),
]


def test_resp_stream_sequence() -> None:
    frames = _frames(_written(_EVERYTHING))
    assert [frame["sequence_number"] for frame in frames] == list(range(len(frames)))
    assert [frame["type"] for frame in frames] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]


def test_the_sdk_accumulates_what_was_said() -> None:
    final = _accumulated(_written(_EVERYTHING))
    assert final.output_text == "Hello"  # type: ignore[attr-defined]
    kinds = [(one.type, getattr(one, "arguments", None)) for one in final.output]  # type: ignore[attr-defined]
    assert kinds == [
        ("reasoning", None),
        ("message", None),
        ("function_call", '{"city":"Oslo"}'),
        ("function_call", "{}"),
    ]
    assert final.usage.total_tokens == 19  # type: ignore[attr-defined]


def test_what_was_written_is_read_back() -> None:
    gathered = Gathered()
    reader = ResponsesOut().stream(_SENT, _MAX)
    for event in (*reader.read(_written(_EVERYTHING)), *reader.finish()):
        gathered.take(event)
    expected = Gathered()
    for event in _EVERYTHING:
        expected.take(event)
    read, said = gathered.reply(), expected.reply()
    assert gathered.over
    assert [type(one) for one in read.answers[0].blocks] == [type(one) for one in said.answers[0].blocks]
    assert read.answers[0].blocks[1:] == said.answers[0].blocks[1:]
    assert read.answers[0].stop == "tool_calls"
    assert read.usage == _USAGE


@pytest.mark.parametrize(
    ("stop", "last", "reason"),
    [
        ("length", "response.incomplete", "max_output_tokens"),
        ("pause", "response.incomplete", "max_output_tokens"),
        ("content_filter", "response.incomplete", "content_filter"),
        ("stop", "response.completed", None),
    ],
)
def test_resp_incomplete(stop: str, last: str, reason: str | None) -> None:
    frames = _frames(_written([Begun(), TextPiece("x"), Stopped(stop), Over()]))  # type: ignore[arg-type]
    assert frames[-1]["type"] == last
    details = frames[-1]["response"]["incomplete_details"]  # type: ignore[index]
    assert (details or {}).get("reason") == reason


@pytest.mark.parametrize("said", ["no, thanks", ""])
def test_why_an_answer_was_ended_is_told_as_a_refusal_once(said: str) -> None:
    """As in whole answers; what the model said itself stands alone."""
    refused: list[Event] = [RefusalPiece(said)] if said else []
    stopped = Stopped("content_filter", explanation="Blocked by provider: SAFETY")
    frames: Any = _frames(_written([Begun(), *refused, stopped, Over()]))
    (item,) = frames[-1]["response"]["output"]
    assert [part["refusal"] for part in item["content"]] == [said or stopped.explanation]
    blocks = (Refusal(said),) if said else ()
    answer = Answer(blocks, "content_filter", explanation=stopped.explanation)
    whole: Any = ResponsesIn().reply(ChatReply((answer,)), _ASKED)
    assert [one["content"] for one in whole["output"]] == [item["content"]]


def test_refusals_are_parts_of_their_own() -> None:
    frames = _frames(_written([Begun(), TextPiece("I "), RefusalPiece("won't"), Stopped("stop"), Over()]))
    parts = frames[-1]["response"]["output"][0]["content"]  # type: ignore[index]
    assert [part["type"] for part in parts] == ["output_text", "refusal"]


def test_a_stream_without_its_end_is_not_whole() -> None:
    data = _written(_EVERYTHING)
    cut = data[: data.rindex(b"event: response.completed")]
    reader = ResponsesOut().stream(_SENT, _MAX)
    reader.read(cut)
    with pytest.raises(GatewayError) as caught:
        reader.finish()
    assert caught.value.condition.name == "upstream_incomplete"


@pytest.mark.parametrize(
    "frame",
    [
        b'event: error\ndata: {"type":"error","code":"server_error","message":"broke","sequence_number":3}\n\n',
        b'event: error\ndata: {"type":"error","error":{"message":"broke"},"sequence_number":3}\n\n',
        b'event: response.failed\ndata: {"type":"response.failed","response":{"error":{"message":"broke"}}}\n\n',
    ],
)
def test_a_provider_that_fails_inside_its_stream_is_believed(frame: bytes) -> None:
    reader = ResponsesOut().stream(_SENT, _MAX)
    with pytest.raises(GatewayError, match="broke"):
        reader.read(frame)


@given(cuts=st.lists(st.integers(0, 4000), max_size=12), returns=st.booleans())
def test_reading_does_not_depend_on_how_bytes_are_cut(cuts: list[int], returns: bool) -> None:
    data = _written(_EVERYTHING)
    if returns:
        data = data.replace(b"\n", b"\r\n")
    whole = ResponsesOut().stream(_SENT, _MAX)
    expected = [*whole.read(data), *whole.finish()]
    reader = ResponsesOut().stream(_SENT, _MAX)
    events: list[Event] = []
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in pairwise(edges):
        events += reader.read(data[start:end])
    assert [*events, *reader.finish()] == expected


def test_the_failure_of_a_begun_stream_tells_the_response() -> None:
    writer = ResponsesIn().stream(_ASKED)
    writer.write([Begun(), TextPiece("x")])
    before = writer.sequence
    frames = _frames(writer.failed_frame(GatewayError(UPSTREAM_ERROR, "broke")))
    assert frames[0]["type"] == "response.failed"
    assert frames[0]["sequence_number"] == before + 1
    assert frames[0]["response"]["status"] == "failed"  # type: ignore[index]


@pytest.mark.parametrize(
    "item",
    [
        3,
        {"type": "message", "content": {"a": 1}},
        {"type": "message", "content": [{"type": "output_text", "text": 5}]},
        {"type": "function_call", "call_id": "a", "arguments": "{}"},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": 5},
    ],
)
def test_garbage_is_no_reply(item: Any) -> None:
    """And no fault of the caller's, whose items are read by the same rules."""
    with pytest.raises(GatewayError) as caught:
        ResponsesOut().reply({"output": [item], "status": "completed"}, _SENT)
    assert (caught.value.condition.code, caught.value.param) == ("upstream_invalid_response", None)


@pytest.mark.parametrize(
    "event",
    [
        b'{"type":"response.output_text.delta","delta":{"a":1}}',
        b'{"type":"response.function_call_arguments.delta","output_index":0,"delta":5}',
        b'{"type":"response.output_item.added","output_index":0,"item":"x"}',
        b'{"type":"response.completed","response":"x"}',
    ],
)
def test_garbage_is_no_stream(event: bytes) -> None:
    reader = ResponsesOut().stream(_SENT, _MAX)
    called = b'{"type":"response.output_item.added","item":{"type":"function_call","call_id":"a","name":"f"}}'
    reader.read(b"data: " + called + b"\n\n")
    with pytest.raises(GatewayError) as caught:
        reader.read(b"data: " + event + b"\n\n")
    assert caught.value.condition.code == "upstream_invalid_response"
