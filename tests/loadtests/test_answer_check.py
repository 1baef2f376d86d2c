"""Every way an answer can be wrong is told apart."""

from __future__ import annotations

import pytest

from loadtests.answer_check import content_length, dechunked, fault
from loadtests.canned import DONE, MARKER, frame, usage_frame

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
FRAMES = [frame("a"), frame("b"), frame(MARKER.decode(), last=True)]


def stated(body: bytes, status: bytes = OK) -> bytes:
    return status + b"Content-Length: %d\r\n\r\n" % len(body)


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def test_a_right_json_answer() -> None:
    body = b'{"content":"' + MARKER + b'"}'
    assert fault(stated(body), body, frames=0) == ""


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (b'{"content":"something else"}', OK, "marker"),
        (b'{"content":"' + MARKER, OK, "cut short"),
        (b'{"error":{}}', b"HTTP/1.1 502 Bad Gateway\r\n", "status 502"),
    ],
)
def test_a_wrong_json_answer(body: bytes, status: bytes, why: str) -> None:
    assert why in fault(stated(body, status), body, frames=0)


def test_a_right_stream_however_its_chunks_are_cut() -> None:
    whole = b"".join([*FRAMES, DONE])
    assert fault(CHUNKED, chunked(*FRAMES, DONE), frames=3) == ""
    assert fault(CHUNKED, chunked(whole[:9], whole[9:300], whole[300:]), frames=3) == ""


@pytest.mark.parametrize(
    ("pieces", "why"),
    [
        ((*FRAMES[1:], DONE), "2 frames instead of 3"),
        (tuple(FRAMES), "[DONE]"),
        ((*FRAMES, usage_frame(), DONE), "usage frame"),
        ((*FRAMES[:2], DONE), "marker"),
    ],
)
def test_a_wrong_stream(pieces: tuple[bytes, ...], why: str) -> None:
    assert why in fault(CHUNKED, chunked(*pieces), frames=3)


def test_chunks_that_do_not_add_up() -> None:
    assert dechunked(b"3;x=y\r\nabc\r\n0\r\n\r\n") == b"abc"
    for broken in (b"4\r\nabc\r\n0\r\n\r\n", b"3\r\nabc\r\n", b"zz\r\nabc\r\n0\r\n\r\n", b"0\r\n\r\nmore"):
        with pytest.raises(ValueError):
            dechunked(broken)


def test_content_length_is_found_in_any_case() -> None:
    assert content_length(b"HTTP/1.1 200 OK\r\nCONTENT-LENGTH: 12\r\n\r\n") == 12
    assert content_length(CHUNKED) is None
