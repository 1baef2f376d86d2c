"""Streams of Anthropic's that go to Anthropic's callers: every byte of them, and what they tell on the way."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.messages_stream import MessagesStream
from gateway.errors import GatewayError
from gateway.exchange import Kinds, Usage
from tests.dialects.messages.recorded import NAMES, WHOLE, recorded
from tests.dialects.messages.sdk import accumulated

MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "text", "text": "hi"},
        {"type": "tool_use", "id": "a", "name": "f", "input": {"x": [1]}},
        {"type": "tool_use", "id": "b", "name": "g", "input": {}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 4},
}


def run(pieces: list[bytes]) -> tuple[bytes, bool, bytes | None, Usage | None]:
    stream = MessagesStream()
    out = b"".join(stream.feed(piece) for piece in pieces if piece)
    if stream.failure is None:
        out += stream.finish()
    return out, stream.ended, stream.failure, stream.usage()


@pytest.mark.parametrize("name", WHOLE)
def test_msg_streams_pass_byte_for_byte(name: str) -> None:
    whole = recorded(name)
    out, ended, failure, _ = run([whole])
    assert (out, ended, failure) == (whole, True, None)
    assert run([frame + b"\n\n" for frame in whole.split(b"\n\n")[:-1]])[0] == whole


@given(st.sampled_from(NAMES), st.data())
def test_slicing_changes_nothing(name: str, data: st.DataObject) -> None:
    whole = recorded(name)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=20)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert run(pieces) == run([whole])


def test_what_was_used_is_in_the_first_event_and_the_last() -> None:
    assert run([recorded("messages_thinking")])[3] == Usage(1110, 40, 1000, 100, 25, "provider")
    searched = run([recorded("messages_web_search")])[3]
    assert searched == Usage(472, 300, source="provider", kinds=Kinds(searches=1))
    stream = MessagesStream()
    stream.feed(recorded("messages_overloaded"))
    assert stream.usage() == Usage(472, 2, source="provider")
    assert MessagesStream().usage() is None


def test_an_error_ends_it() -> None:
    out, ended, failure, _ = run([recorded("messages_overloaded") + recorded("messages_refusal")])
    assert failure is not None
    assert json.loads(failure)["error"]["type"] == "overloaded_error"
    assert (ended, b"overloaded" in out) == (False, False)
    assert out.endswith(b'"text":"Once upon"}}\n\n')


def test_what_opens_it_is_not_yet_content() -> None:
    stream, frames = MessagesStream(), recorded("messages_text_and_tools").split(b"\n\n")
    for frame in frames[:3]:
        assert stream.feed(frame + b"\n\n")
        assert not stream.content
    stream.feed(frames[3] + b"\n\n")
    assert stream.content
    assert stream.first is not None
    assert stream.first["model"] == "claude-haiku-4-5-20251001"


def test_pings_go_on_comments_do_not() -> None:
    ping = b'event: ping\ndata: {"type": "ping"}\n\n'
    whole = recorded("messages_thinking")
    frames = [frame + b"\n\n" for frame in whole.split(b"\n\n")[:-1]]
    assert run([ping, whole])[0] == ping + whole
    assert run([*frames[:5], ping, *frames[5:]])[0] == b"".join([*frames[:5], ping, *frames[5:]])
    for odd in (b": hello\n\n", b"retry: 5\n\n", b"event: empty\n\n"):
        assert run([odd, *frames[:5], odd, *frames[5:]])[0] == whole


def test_one_that_breaks_off_is_not_made_to_look_finished() -> None:
    for name in WHOLE:
        frames = recorded(name).split(b"\n\n")[:-1]
        for end in range(len(frames)):
            stream = MessagesStream()
            stream.feed(b"\n\n".join((*frames[:end], b"")))
            with pytest.raises(GatewayError) as caught:
                stream.finish()
            assert caught.value.condition.code == "upstream_incomplete"
            assert not stream.ended


def test_servers_that_leave_names_out() -> None:
    whole = re.sub(rb"event: .*\n", b"", recorded("messages_thinking"))
    assert b"event: " not in whole
    out, ended, _, usage = run([whole])
    assert (out, ended) == (whole, True)
    assert usage is not None
    error = b'data: {"type": "error", "error": {"type": "api_error"}}\n\n'
    assert run([whole.split(b"\n\n")[0] + b"\n\n" + error])[2] == error[6:-2]


@pytest.mark.parametrize("bad", [b"data: oops\n\n", b"event: content_block_delta\ndata: [1]\n\n"])
@pytest.mark.parametrize("begun", [0, 8])
def test_an_event_that_is_no_object_never_goes_on(bad: bytes, begun: int) -> None:
    frames = recorded("messages_text_and_tools").split(b"\n\n")[:begun]
    stream = MessagesStream()
    if frames:
        stream.feed(b"\n\n".join((*frames, b"")))
    with pytest.raises(GatewayError) as caught:
        stream.feed(bad)
    assert caught.value.condition.code == "upstream_invalid_response"


def test_a_model_of_another_name_is_shown() -> None:
    stream, whole = MessagesStream(), recorded("messages_thinking")
    real, shown = b'"model":"claude-haiku-4-5-20251001"', b'"model":"smart"'
    stream.rewrites.append((real, shown))
    assert stream.feed(whole) == whole.replace(real, shown)


def test_a_whole_message_is_a_stream_too() -> None:
    data = MessagesStream().frames_of(MESSAGE)
    assert accumulated(data).to_dict() == {**MESSAGE, "stop_details": None}
    assert run([data])[1]
    for bad in ({}, {"content": "hi"}, {"error": {}}):
        with pytest.raises(GatewayError):
            MessagesStream().frames_of(bad)
