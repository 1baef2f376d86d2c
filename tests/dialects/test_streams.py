"""Event streams: what goes on does not depend on slicing, and harmful lines never go on."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.openai_stream import CompletionStream, MediaStream, OpenAIStream, ResponsesStream
from gateway.errors import GatewayError


def chunk(delta: dict[str, Any] | None, finish: str | None = None, **extra: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return (
        b"data: "
        + json.dumps({"id": "c", "choices": choices, **extra}, separators=(",", ":")).encode()
        + b"\n\n"
    )


ROLE = chunk({"role": "assistant", "content": ""})
HELLO = chunk({"content": 'hel\u2028lo "usage":{ \r\n \n\n data: [DONE]'})
STOP = chunk({}, "stop")
USAGE = chunk(None, usage={"prompt_tokens": 3, "completion_tokens": 5})
DONE = b"data: [DONE]\n\n"
PLAIN = [ROLE, HELLO, HELLO, STOP]


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


RESPONSE = [
    event("response.created", response={"id": "resp_1"}),
    event("response.in_progress", response={"id": "resp_1"}),
    event("response.output_text.delta", delta="a"),
    event("response.output_text.delta", delta="b"),
    event("response.completed", response={"id": "resp_1", "usage": {"input_tokens": 2, "output_tokens": 4}}),
]

IMAGES = [event("image_generation.partial_image", b64="x"), event("image_generation.completed", b64="y")]

STREAMS: list[tuple[type[OpenAIStream], list[bytes]]] = [
    (CompletionStream, [*PLAIN, USAGE, DONE]),
    (
        CompletionStream,
        [b": OPENROUTER PROCESSING\n\n", *PLAIN, b"id: 7\n\n", b"retry: 10\n\n", b"event: ping\n\n", DONE],
    ),
    (CompletionStream, [b"\xef\xbb\xbf", *PLAIN, DONE]),
    (
        CompletionStream,
        [ROLE.replace(b"\n", b"\r\n"), HELLO.replace(b"\n", b"\r"), STOP, DONE.replace(b"\n", b"\r\n")],
    ),
    (CompletionStream, [*PLAIN, USAGE.rstrip(b"\n") + b"\r\n\r\n", DONE[:-1]]),
    (CompletionStream, [*PLAIN, chunk(None, error={"message": "boom"}), HELLO, DONE]),
    (ResponsesStream, RESPONSE),
    (
        MediaStream,
        IMAGES,
    ),
]


def made(kind: type[OpenAIStream]) -> OpenAIStream:
    return CompletionStream(hide_usage=True) if kind is CompletionStream else kind()


def run(stream: OpenAIStream, pieces: list[bytes]) -> tuple[bytes, bool, bool, object]:
    out = b"".join(stream.feed(piece) for piece in pieces if piece)
    out += stream.finish()
    return out, stream.ended, stream.failure is not None, stream.usage()


@given(st.sampled_from(STREAMS), st.data())
def test_slicing_changes_nothing(case: tuple[type[OpenAIStream], list[bytes]], data: st.DataObject) -> None:
    kind, frames = case
    whole = b"".join(frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=30)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert run(made(kind), pieces) == run(made(kind), [whole])


def test_one_byte_at_a_time() -> None:
    for kind, frames in STREAMS:
        whole = b"".join(frames)
        assert run(made(kind), [bytes([byte]) for byte in whole]) == run(made(kind), [whole])


def test_clean_frames_pass_as_they_are() -> None:
    whole = b"".join([*PLAIN, DONE])
    assert run(CompletionStream(hide_usage=True), [whole])[0] == whole


def test_usage_nobody_asked_for_is_hidden_and_known() -> None:
    out, ended, _, usage = run(CompletionStream(hide_usage=True), [*PLAIN, USAGE, DONE])
    assert out == b"".join([*PLAIN, DONE])
    assert ended
    assert (usage.input, usage.output, usage.source) == (3, 5, "provider")  # type: ignore[attr-defined]


def test_usage_asked_for_stays() -> None:
    out = run(CompletionStream(hide_usage=False), [*PLAIN, USAGE, DONE])[0]
    assert out == b"".join([*PLAIN, USAGE, DONE])


def test_azures_first_frame_stays() -> None:
    first = chunk(None, prompt_filter_results=[{"prompt_index": 0}])
    assert run(CompletionStream(hide_usage=True), [first, *PLAIN, USAGE, DONE])[0].startswith(first)


def test_usage_beside_choices_stays() -> None:
    last = chunk({}, "stop", usage={"prompt_tokens": 1, "completion_tokens": 2})
    out, _, _, usage = run(CompletionStream(hide_usage=True), [ROLE, HELLO, last, DONE])
    assert last in out
    assert usage is not None


def test_usage_of_groq_is_found() -> None:
    last = chunk({}, "stop", x_groq={"usage": {"prompt_tokens": 1, "completion_tokens": 2}})
    assert run(CompletionStream(hide_usage=True), [ROLE, HELLO, last, DONE])[3] is not None


@pytest.mark.parametrize(
    "line",
    [
        b": comment\n\n",
        b"id: 1\n\n",
        b"retry: 3\n\n",
        b"event: ping\n\n",
        b"\n\n\n",
        b"id: 9\n: x\n\n",
        b'event: ping\ndata: {"type": "ping"}\n\n',
        b"data: \n\n",
        b"data:\n\n",
        b"event: x\ndata: \n\n",
        b"id: 1\nevent:ping\ndata:{}\n\n",
    ],
)
def test_lines_that_break_sdks_are_dropped(line: bytes) -> None:
    out = run(CompletionStream(hide_usage=True), [line, ROLE, line, HELLO, line, STOP, line, DONE])[0]
    assert out == b"".join([ROLE, HELLO, STOP, DONE])


def test_pings_among_responses_events_are_dropped() -> None:
    ping = b'event: ping\ndata: {"type":"ping"}\n\n'
    for between in (ping, ping + ping):
        whole = between + between.join(RESPONSE)
        assert run(ResponsesStream(), [whole])[0] == b"".join(RESPONSE)


NO_EVENTS = [b"oops", b'{"id":"c"', b"123", b"[]", b"null", b"[DONE", b'"x"}', b"<html>", b"{]"]


@pytest.mark.parametrize("data", NO_EVENTS)
@pytest.mark.parametrize("alone", [True, False])
def test_an_event_that_is_no_object_never_goes_on(data: bytes, alone: bool) -> None:
    usual = event("response.output_text.delta", delta="a")
    streams: list[tuple[type[OpenAIStream], bytes, list[bytes]]] = [
        (CompletionStream, b"data: " + data + b"\n\n", [ROLE, HELLO, HELLO]),
        (ResponsesStream, b"event: response.x\ndata: " + data + b"\n\n", [*RESPONSE[:2], usual, usual]),
        (MediaStream, b"data: " + data + b"\n\n", IMAGES[:1]),
    ]
    for kind, bad, before in streams:
        stream = made(kind)
        assert stream.feed(b"".join(before)) == b"".join(before)
        with pytest.raises(GatewayError) as caught:
            stream.feed(bad if alone else before[-1] + bad + before[-1])
        assert caught.value.condition.code == "upstream_invalid_response"


@pytest.mark.parametrize("frame", [b'data:{"a":1}\n\n', b'data: {"a":1} \n\n', b'data: {"a":\ndata: 1}\n\n'])
def test_an_oddly_written_object_does(frame: bytes) -> None:
    for kind, before in ((CompletionStream, [ROLE, HELLO]), (MediaStream, IMAGES[:1])):
        stream = made(kind)
        stream.feed(b"".join(before))
        assert stream.feed(before[-1] + frame + before[-1]) == before[-1] + frame + before[-1]


def test_comments_and_roles_are_not_content() -> None:
    stream = CompletionStream(hide_usage=True)
    stream.feed(b": OPENROUTER PROCESSING\n\n" * 20 + ROLE)
    assert not stream.content
    stream.feed(HELLO)
    assert stream.content


def test_a_missing_end_marker_is_added_only_when_the_answer_was_finished() -> None:
    assert run(CompletionStream(hide_usage=True), PLAIN)[0] == b"".join([*PLAIN, DONE])
    with pytest.raises(GatewayError) as caught:
        run(CompletionStream(hide_usage=True), [ROLE, HELLO])
    assert caught.value.condition.code == "upstream_incomplete"


UNFINISHED: list[tuple[type[OpenAIStream], list[bytes], bytes]] = [
    (CompletionStream, [ROLE, HELLO], STOP),
    (CompletionStream, [ROLE, HELLO, STOP], USAGE),
    (CompletionStream, [ROLE, HELLO, STOP], DONE),
    (CompletionStream, [ROLE, HELLO, STOP], DONE.replace(b"\n", b"\r\n")),
    (ResponsesStream, RESPONSE[:-1], RESPONSE[-1]),
    (MediaStream, IMAGES[:1], IMAGES[1]),
]


@pytest.mark.parametrize(("kind", "before", "last"), UNFINISHED)
def test_a_frame_that_breaks_off_never_goes_on(
    kind: type[OpenAIStream], before: list[bytes], last: bytes
) -> None:
    text = last.rstrip(b"\r\n")
    for cut in range(1, len(text)):
        stream = made(kind)
        assert stream.feed(b"".join((*before, last[:cut]))) == b"".join(before)
        with pytest.raises(GatewayError) as caught:
            stream.finish()
        assert caught.value.condition.code == "upstream_incomplete"
        assert not stream.ended
    whole = run(made(kind), [*before, last])[:3]
    for cut in range(len(text), len(last)):  # only a part of its blank line is missing
        assert run(made(kind), [*before, last[:cut]])[:3] == whole


@pytest.mark.parametrize("rest", [b": ping", b":", b"\n", b"\r", b": a\n: b\n", b"\n: a\r"])
def test_a_comment_that_breaks_off_is_nothing(rest: bytes) -> None:
    assert run(CompletionStream(hide_usage=True), [*PLAIN, rest])[0] == b"".join([*PLAIN, DONE])


def test_nothing_follows_an_error_or_the_end() -> None:
    out, ended, failed, _ = run(
        CompletionStream(hide_usage=True), [*PLAIN, chunk(None, error={"message": "x"}), HELLO]
    )
    assert failed
    assert not ended
    assert out == b"".join(PLAIN)
    assert run(CompletionStream(hide_usage=True), [*PLAIN, DONE, HELLO])[0] == b"".join([*PLAIN, DONE])


def test_a_finish_reason_that_is_an_error_frame_does_not_pass() -> None:
    bad = chunk({"content": ""}, "error", error={"message": "x", "code": 502})
    out, _, failed, _ = run(CompletionStream(hide_usage=True), [ROLE, HELLO, bad])
    assert failed
    assert b'"error"' not in out.replace(HELLO, b"")


def test_a_frame_beyond_the_bound_is_refused() -> None:
    stream = CompletionStream(hide_usage=True, frame_max=1000)
    with pytest.raises(GatewayError) as caught:
        for _ in range(20):
            stream.feed(b"data: " + b"x" * 100)
    assert caught.value.condition.code == "upstream_invalid_response"


def test_responses_end_with_their_own_event() -> None:
    out, ended, _, usage = run(ResponsesStream(), RESPONSE)
    assert out == b"".join(RESPONSE)
    assert ended
    assert (usage.input, usage.output) == (2, 4)  # type: ignore[attr-defined]
    with pytest.raises(GatewayError):
        run(ResponsesStream(), RESPONSE[:-1])


def test_absurd_usage_is_not_believed() -> None:
    for numbers in (
        {"prompt_tokens": -1, "completion_tokens": 2},
        {"prompt_tokens": 1.5},
        {"prompt_tokens": 10**18},
        {},
    ):
        assert run(CompletionStream(hide_usage=True), [*PLAIN, chunk(None, usage=numbers), DONE])[3] is None


@pytest.mark.parametrize(
    ("frame", "seen"),
    [
        (chunk({"content": "x"}).replace(b'"choices"', b'"error":{"message":"boom"},"choices"'), "failure"),
        (chunk({"content": "x"}, error={"message": "boom"}), "failure"),
        (chunk({"content": "x"}, "stop"), "finished"),
        (chunk({"content": "x"}, usage={"prompt_tokens": 1, "completion_tokens": 1}), "usage"),
        (DONE, "ended"),
    ],
)
def test_a_stream_of_usual_frames_is_not_taken_for_granted(frame: bytes, seen: str) -> None:
    stream = CompletionStream(hide_usage=False)
    usual = chunk({"content": "text"})
    for _ in range(3):
        assert stream.feed(usual) == usual
    assert stream._head != b"\0"  # it knows what is usual by now
    stream.feed(frame)
    answers = {"failure": stream.failure, "finished": stream.finished, "ended": stream.ended}
    assert {**answers, "usage": stream.usage()}[seen]
    again = chunk({"content": 'more, "error": \\n\\n and so on'})
    assert stream.feed(again) == (b"" if seen in ("failure", "ended") else again)


def test_usual_frames_are_told_by_more_than_their_end() -> None:
    stream = CompletionStream(hide_usage=False)
    usual = chunk({"content": "text"})
    for _ in range(3):
        stream.feed(usual)
    assert stream.feed(b"id: 7\n" + usual) == usual
    assert stream.feed(usual + b": ping\n\n" + usual) == usual + usual
