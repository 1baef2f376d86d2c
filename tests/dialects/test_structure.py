"""Large bodies: read without ever holding others up for long, and to the same effect as small ones."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.document import Document
from gateway.dialects.structure import (
    CONTAINERS_MAX,
    MEMBERS_MAX,
    STRINGS_MAX,
    TOP_MEMBERS_MAX,
    check_structure,
    is_light,
)
from gateway.errors import INVALID_JSON, GatewayError

LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12
)
MEGABYTE = 1024 * 1024


def heavily(raw: bytes) -> Document:
    """`raw` read as a heavy text is, however small it may be."""
    *pauses, document = Document.in_steps(raw, 128)
    assert pauses.count(None) == len(pauses)
    assert document is not None
    return document


def chat(content: bytes) -> bytes:
    return b'{"model":"m","messages":[' + content + b'],"stream":true}'


@given(
    st.dictionaries(st.text(min_size=1), VALUES, min_size=1),
    st.booleans(),
    st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")]),
)
def test_heavy_and_light_reading_agree(
    value: dict[str, Any], ascii_only: bool, spaces: tuple[str, str]
) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only, separators=spaces).encode("utf-8", "surrogatepass")
    try:
        light = Document(raw)
    except GatewayError:
        with pytest.raises(GatewayError):
            heavily(raw)
        return
    heavy = heavily(raw)
    assert (heavy.fields, heavy._spans) == (light.fields, light._spans)


@given(st.data())
def test_what_light_reading_refuses_heavy_reading_refuses(data: st.DataObject) -> None:
    raw = bytearray(
        b'{"model":"m","messages":[{"role":"user","content":"h\\u00e9\xc3\xa9\\n"}],"n":1.5e3,"x":{"y":[]}}'
    )
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        light: Document | None = Document(bytes(raw))
    except GatewayError as error:
        assert error.condition is INVALID_JSON
        light = None
    if light is None:
        with pytest.raises(GatewayError):
            heavily(bytes(raw))
    else:
        assert heavily(bytes(raw)).fields == light.fields


@pytest.mark.parametrize(
    "raw",
    [
        chat(b",".join([b"[[1]]"] * (CONTAINERS_MAX // 2 + 1))),
        chat(b",".join([b'{"a":1}'] * (MEMBERS_MAX + 1))),
        chat(b",".join([b'"a"'] * (STRINGS_MAX + 1))),
        b"{" + b",".join(b'"%d":1' % n for n in range(TOP_MEMBERS_MAX + 1)) + b"}",
        chat(b"[" * 129 + b"]" * 129),
        chat(b'"' + b'\\"' * MEGABYTE),
        chat(b'"' + b"x" * MEGABYTE + b"\\"),
        chat(b'"' + b"x" * MEGABYTE + b'\xff"'),
        chat(b'"' + b"x" * MEGABYTE + b'\xc3"'),
    ],
)
def test_what_is_too_much_or_broken_is_refused(raw: bytes) -> None:
    with pytest.raises(GatewayError) as refused:
        heavily(raw)
    assert refused.value.condition is INVALID_JSON


@pytest.mark.parametrize(
    "content",
    [
        b'"' + b"x" * 4 * MEGABYTE + b'"',
        b'"' + b'{\\"a\\":[1,2]},' * 300_000 + b'"',
        b'"' + b"\\\\" * MEGABYTE + b'"',
        b'"' + "é中".encode() * MEGABYTE + b'"',
        b",".join([b'{"role":"user","content":"hello"}'] * 90_000),
        b",".join([b"12345"] * MEGABYTE),
        b"[" * 126 + b"]" * 126 + b"," + b'"' + b"[" * MEGABYTE + b'"',
    ],
)
def test_large_bodies_pass_in_steps(content: bytes) -> None:
    raw = chat(content)
    assert not is_light(raw)
    steps = list(Document.in_steps(raw, 128))
    assert len(steps) > len(raw) // MEGABYTE
    document = steps[-1]
    assert document is not None
    assert document.fields == {"model": "m", "messages": [None], "stream": True}
    assert document.renamed("other") == raw.replace(b'"m"', b'"other"', 1)
    assert document.edited(document.renamed("other")).fields["model"] == "other"


def test_no_step_walks_more_than_a_little() -> None:
    dense = chat(b'"' + b'\\"' * MEGABYTE + b'",' + b",".join([b'{"a":"b"}'] * 50_000))
    assert sum(1 for _ in check_structure(dense, 128)) > MEGABYTE // 20_000


@pytest.mark.parametrize(
    ("raw", "light"),
    [
        (b"[" * 16_000, True),
        (chat(b'"' + b"x" * 900_000 + b'"'), True),
        (chat(b'"' + b"x" * 1_100_000 + b'"'), False),
        (chat(b",".join([b"1"] * 100_000)), False),
        (chat(b"[]," * 60_000), False),
    ],
)
def test_which_texts_are_read_at_once(raw: bytes, light: bool) -> None:
    assert is_light(raw) is light
