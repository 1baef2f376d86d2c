"""Events from bytes: they do not depend on how these were cut, and no event is larger than the bound."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.event_cutter import EventCutter
from gateway.errors import GatewayError

_STREAM = (
    b'\xef\xbb\xbfdata: {"a":1}\n\n'
    b": a comment\n\n"
    b"event: ping\n\n"
    b"event: said\ndata: one\ndata: two\n\n"
    b"id: 7\nretry: 10\ndata:tight\n\n\n"
    b'{"error": {"code": 503}}\n\n'
    b"data: \n\n"
    b"data: \xe2\x82\xac"
)
_EVENTS = [
    ("", b'{"a":1}'),
    ("said", b"one\ntwo"),
    ("", b"tight"),
    ("", b'{"error": {"code": 503}}'),
    ("", b"\xe2\x82\xac"),
]


def cut(whole: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(places), len(whole)]
    return [whole[start:end] for start, end in pairwise(bounds)]


def events(pieces: list[bytes], frame_max: int = 1000) -> list[tuple[str, bytes]]:
    cutter = EventCutter(frame_max)
    found = [event for piece in pieces for event in cutter.feed(piece)]
    return found + cutter.finish()


@given(st.sampled_from((b"\n", b"\r\n", b"\r")), st.lists(st.integers(0, 200), max_size=40))
def test_slicing_changes_nothing(line_end: bytes, places: list[int]) -> None:
    whole = _STREAM.replace(b"\n", line_end)
    assert events(cut(whole, [place % len(whole) for place in places])) == _EVENTS


def test_the_last_event_may_lack_its_blank_line() -> None:
    assert events([b"data: a\n\ndata: b\n"]) == [("", b"a"), ("", b"b")]


@given(st.lists(st.integers(0, 120), max_size=10))
def test_a_large_event_is_refused_however_it_is_cut(places: list[int]) -> None:
    small, large = b"data: " + b"a" * 90 + b"\n\n", b"data: " + b"a" * 110 + b"\n\n"
    assert len(events(cut(small * 2, places), 100)) == 2
    with pytest.raises(GatewayError) as error:
        events(cut(large, places), 100)
    assert error.value.condition.code == "upstream_invalid_response"


def test_a_long_event_is_joined_once() -> None:
    """Each read of it is held as it came: what is done for one does not grow with those before."""
    cutter = EventCutter(10_000_000)
    pieces = [b"data: ", *[b"a" * 100] * 10_000, b"\n", b"\n"]
    found = [event for piece in pieces for event in cutter.feed(piece)]
    assert found == [("", b"a" * 1_000_000)]
    assert cutter.finish() == []
