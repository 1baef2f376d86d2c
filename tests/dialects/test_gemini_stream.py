"""Gemini's streams that pass unchanged: what goes on, what was used, and how they end, however they are cut."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.gemini_stream import GeminiStream
from gateway.errors import GatewayError
from gateway.exchange import Usage
from tests.dialects.gemini.recorded import NAMES, recorded
from tests.dialects.gemini.sdk import streamed

WHOLE = [name for name in NAMES if not name.startswith(("gemini_error", "gemini_cut"))]


def run(pieces: list[bytes]) -> tuple[bytes, str, Usage | None, bool]:
    """(what went on, how it ended, the usage, whether there was content)."""
    stream, out, end = GeminiStream(), b"", ""
    try:
        for piece in pieces:
            if piece:
                out += stream.feed(piece)
        out += stream.finish()
    except GatewayError as error:
        end = error.condition.name
    if stream.failure is not None:
        end = json.loads(stream.failure)["error"]["status"]
    elif stream.ended:
        end = "ended"
    return out, end, stream.usage(), stream.content


def read_by_the_sdk(frames: bytes) -> list[dict[str, Any]]:
    return [chunk.model_dump(exclude={"sdk_http_response"}) for chunk in streamed(frames)]


@pytest.mark.parametrize("name", WHOLE)
def test_frames_pass_as_they_are(name: str) -> None:
    """But for the ends of their lines; and the SDK reads them as it reads Google's own."""
    out, end, usage, content = run([recorded(name)])
    assert out == recorded(name).replace(b"\r\n", b"\n")
    assert (end, content) == ("ended", True)
    assert usage is not None
    assert read_by_the_sdk(out) == read_by_the_sdk(recorded(name))


def test_usage_is_the_last_that_was_told() -> None:
    assert run([recorded("gemini_text")])[2] == Usage(9, 35, reasoning=21, source="provider")
    frames = recorded("gemini_text").splitlines(keepends=True)
    stream = GeminiStream()
    stream.feed(b"".join(frames[:4]))
    assert stream.usage() == Usage(9, 0, source="provider")


def test_usage_in_what_passes_in_bulk_counts() -> None:
    """Frames of nothing but text are not looked at, but for the last usage in them."""
    first, *_ = recorded("gemini_text").replace(b"\r\n", b"\n").split(b"\n\n")
    later = first.replace(b'"promptTokenCount": 9', b'"promptTokenCount": 11')
    stream = GeminiStream()
    stream.feed(first + b"\n\n")
    stream.feed((first + b"\n\n") * 3 + later + b"\n\n")
    assert stream.usage() == Usage(11, 0, source="provider")


@pytest.mark.parametrize("name", ["gemini_error_in_frame", "gemini_error_bare"])
def test_errors_do_not_go_on(name: str) -> None:
    out, end, _, content = run([recorded(name)])
    assert (end, content) == ("UNAVAILABLE", True)
    assert out == recorded("gemini_error_in_frame").replace(b"\r\n", b"\n").split(b"\n\n")[0] + b"\n\n"


def test_words_of_ours_in_arguments_are_no_marks() -> None:
    call = {
        "functionCall": {
            "name": "f",
            "args": {"error": {"a": 1}, "finishReason": "STOP", "usageMetadata": {}},
        }
    }
    frame = b"data: " + json.dumps({"candidates": [{"content": {"parts": [call]}}]}).encode() + b"\n\n"
    assert run([frame]) == (frame, "upstream_incomplete", None, True)


def test_a_frame_without_parts_is_no_content() -> None:
    stream = GeminiStream()
    stream.feed(b'data: {"candidates":[{"content":{"role":"model"}}],"usageMetadata":{}}\n\n')
    assert not stream.content


def test_an_unfinished_stream_is_not_complete() -> None:
    assert run([recorded("gemini_cut_off")])[1] == "upstream_incomplete"
    assert run([recorded("gemini_text")[:-40]])[1] == "upstream_incomplete"
    assert run([b"data: 5\n\n"])[1] == "upstream_invalid_response"


def test_a_whole_reply_is_one_frame() -> None:
    reply: dict[str, Any] = {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}]}
    frames = GeminiStream().frames_of(reply)
    assert run([frames])[:2] == (frames, "ended")


@given(st.sampled_from(NAMES), st.data())
def test_slicing_changes_nothing(name: str, data: st.DataObject) -> None:
    whole = recorded(name)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=20)))
    assert run([whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]) == run([whole])


@pytest.mark.parametrize("name", NAMES)
def test_one_byte_at_a_time(name: str) -> None:
    whole = recorded(name)
    assert run([bytes([byte]) for byte in whole]) == run([whole])
