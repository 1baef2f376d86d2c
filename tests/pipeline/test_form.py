"""Multipart bodies: nothing depends on slicing, no byte is lost, and what routing reads cannot be said twice."""

import asyncio
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import (
    CLIENT_CLOSED,
    INVALID_VALUE,
    MISSING_PARAMETER,
    REQUEST_TIMEOUT,
    REQUEST_TOO_LARGE,
    UNSUPPORTED_ENCODING,
    UNSUPPORTED_MEDIA_TYPE,
    Condition,
)
from gateway.pipeline.form import Form, form_text, read_form
from tests.pipeline.parts import refused

BOUNDARY = b"----b0undary"
TYPE = b"multipart/form-data; boundary=" + BOUNDARY


def part(name: str, value: bytes, *more: str) -> bytes:
    head = "; ".join(['form-data; name="' + name + '"', *more])
    return b"--%b\r\nContent-Disposition: %b\r\n\r\n%b\r\n" % (BOUNDARY, head.encode(), value)


END = b"--" + BOUNDARY + b"--\r\n"
FILE = part("file", b"\r\n--" + BOUNDARY[:-1] + b"\x00\xff" * 40 + b"\r\n--", 'filename="a.wav"')
MODEL = part("model", b"whisper")


class Body:
    """A caller that sends `pieces`, then (if `leaves`) is gone."""

    def __init__(self, pieces: list[bytes], leaves: bool = False, timed_out: bool = False) -> None:
        self.body_timed_out = timed_out
        self._messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": piece, "more_body": True} for piece in pieces
        ]
        self._last = {"type": "http.disconnect"} if leaves else {"type": "http.request", "more_body": False}

    def body_now(self) -> bytes | None:
        return None

    async def receive(self) -> dict[str, Any]:
        return self._messages.pop(0) if self._messages else self._last


def read(
    *pieces: bytes, spool: int = 1 << 20, limit: int = 1 << 20, body: Body | None = None, **named: bytes
) -> Form:
    source = body or Body(list(pieces))
    headers = {
        b"content-type": TYPE,
        **{name.replace("_", "-").encode(): value for name, value in named.items()},
    }
    return asyncio.run(read_form(source.receive, source, headers, limit, spool))


def sent(form: Form, edits: dict[str, bytes]) -> bytes:
    async def collect() -> tuple[bytes, bytes]:
        edited = form.replaced(edits)
        passes = [b"".join([piece async for piece in edited.pieces()]) for _ in range(2)]
        assert edited.length == len(passes[0])
        return passes[0], passes[1]

    first, again = asyncio.run(collect())
    assert first == again, "a retry sends the same"
    return first


_VALUES = st.binary(max_size=120).filter(lambda value: BOUNDARY not in value)


@given(
    values=st.lists(_VALUES, min_size=1, max_size=4),
    cuts=st.lists(st.integers(0, 700), max_size=12),
    spool=st.sampled_from([1, 64, 1 << 20]),
    new=st.binary(max_size=60),
)
def test_slicing_changes_nothing_and_every_other_byte_is_kept(
    values: list[bytes], cuts: list[int], spool: int, new: bytes
) -> None:
    before = FILE + b"".join(part(f"f{number}", value) for number, value in enumerate(values))
    raw = before + MODEL + FILE + END
    edges = [0, *sorted({min(cut, len(raw)) for cut in cuts}), len(raw)]
    form = read(*(raw[start:end] for start, end in itertools.pairwise(edges)), spool=spool)
    try:
        assert form_text(form, "model") == "whisper"
        for number, value in enumerate(values):
            if value:
                field = form.fields[f"f{number}"]
                assert (field.value, raw[field.start : field.end]) == (value, value)
        assert sent(form, {}) == raw
        assert sent(form, {"model": new}) == before + part("model", new) + FILE + END
    finally:
        form.close()


def test_file_before_model_with_every_single_cut() -> None:
    """JavaScript's SDK sends it so; the model is found wherever a packet ends."""
    raw = FILE + MODEL + END
    for cut in range(len(raw)):
        form = read(raw[:cut], raw[cut:])
        assert form_text(form, "model") == "whisper"
        assert "file" not in form.fields, "a file is no field"
        form.close()


TWICE = {
    "twice": part("model", b"a") + part("model", b"b"),
    "the same twice": MODEL + MODEL,
    "empty first": part("model", b"") + MODEL,
    "empty second": MODEL + part("model", b""),
    "overlong first": part("model", b"x" * 5000) + MODEL,
    "as a file": part("model", b"a", 'filename="m"') + MODEL,
    "two names in one part": b'--%b\r\nContent-Disposition: form-data; name="model"\r\nContent-Disposition: '
    b'form-data; name="model"\r\n\r\na\r\n' % BOUNDARY,
    "stream": part("stream", b"true") + part("stream", b"false") + MODEL,
}


@pytest.mark.parametrize("name", TWICE)
def test_what_routing_reads_may_be_said_once(name: str) -> None:
    assert refused(INVALID_VALUE, lambda: read(TWICE[name] + END)).param in ("model", "stream")


def test_other_fields_may_repeat() -> None:
    raw = part("include[]", b"a") + part("include[]", b"b") + MODEL + END
    form = read(raw)
    assert sent(form, {}) == raw
    form.close()


BROKEN = {
    "nothing": b"",
    "no boundary line": b"model=whisper",
    "another boundary": (MODEL + END).replace(BOUNDARY, b"----other00000"),
    "ends in a value": FILE + MODEL[:-4],
    "ends before its end": FILE + MODEL,
    "ends in the last line": FILE + MODEL + END[:6],
    "ends in a header": MODEL + part("x", b"")[:30],
    "header without a colon": b"--" + BOUNDARY + b"\r\nnonsense\r\n\r\nx\r\n" + END,
    "header that is too long": b"--" + BOUNDARY + b"\r\nX-A: " + b"a" * 10_000 + b"\r\n\r\nx\r\n" + END,
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_a_form_that_is_not_whole_is_refused(name: str, size: int) -> None:
    raw = BROKEN[name]
    refused(INVALID_VALUE, lambda: read(*(raw[at : at + size] for at in range(0, len(raw), size))))


def test_ten_thousand_parts_are_refused() -> None:
    raw = b"".join(part(f"f{number}", b"x") for number in range(10_000))
    assert "parts" in refused(INVALID_VALUE, lambda: read(MODEL + raw + END, limit=1 << 24)).message
    ok = b"".join(part(f"f{number}", b"x") for number in range(199))
    read(ok + MODEL + END).close()


@pytest.mark.parametrize(
    ("value", "condition"),
    [(b"", MISSING_PARAMETER), (b"x" * 5000, MISSING_PARAMETER), (b"\xff", INVALID_VALUE)],
)
def test_a_model_that_is_none(value: bytes, condition: Condition) -> None:
    form = read(part("model", value) + END)
    assert refused(condition, lambda: form_text(form, "model")).param == "model"
    form.close()


@pytest.mark.parametrize(
    "stated",
    [
        b"", b"application/json", b"multipart/mixed; boundary=x", b"multipart/form-data",
        b"multipart/form-data; boundary=", b"multipart/form-data; boundary=" + b"x" * 71,
    ],
)  # fmt: skip
def test_only_forms_with_a_boundary(stated: bytes) -> None:
    refused(UNSUPPORTED_MEDIA_TYPE, lambda: read(MODEL + END, content_type=stated))


def test_bounds_and_callers_that_stop() -> None:
    raw = FILE + MODEL + END
    refused(REQUEST_TOO_LARGE, lambda: read(raw, limit=len(raw) - 1))
    refused(REQUEST_TOO_LARGE, lambda: read(limit=10, content_length=b"11"))
    refused(UNSUPPORTED_ENCODING, lambda: read(raw, content_encoding=b"gzip"))
    refused(CLIENT_CLOSED, lambda: read(body=Body([raw[:50]], leaves=True)))
    refused(REQUEST_TIMEOUT, lambda: read(body=Body([raw[:50]], leaves=True, timed_out=True)))
    read(raw, limit=len(raw)).close()
