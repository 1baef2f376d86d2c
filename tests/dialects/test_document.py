"""Bodies are edited by splicing: every byte that is not the edited value stays."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.document import Document, member, without_members
from gateway.errors import GatewayError

_SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=20)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
)
_OBJECTS = st.dictionaries(st.text(max_size=8), _VALUES, max_size=8)


@given(_OBJECTS, st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t: ")]), st.booleans())
def test_a_splice_keeps_every_other_byte(
    fields: dict[str, Any], separators: tuple[str, str], ascii_only: bool
) -> None:
    fields = {**fields, "model": "old"}
    sides = [
        json.dumps({**fields, "model": mark}, separators=separators, ensure_ascii=ascii_only)
        for mark in ("@1@", "@2@")
    ]
    raw = sides[0].encode(errors="surrogatepass")
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError:
        return  # lone surrogates, which no body may have
    assert Document(raw).spliced({"model": b'"@2@"'}) == sides[1].encode()


@given(_OBJECTS.filter(lambda fields: "stream_options" not in fields))
def test_an_added_member_changes_nothing_else(fields: dict[str, Any]) -> None:
    raw = json.dumps(fields).encode()
    spliced = Document(raw).spliced({"stream_options": b'{"include_usage":true}'})
    assert json.loads(spliced) == {**fields, "stream_options": {"include_usage": True}}
    assert spliced.endswith(raw[1:])


def test_numbers_order_and_unknown_fields_survive() -> None:
    raw = b'{ "b":1.0,"big":123456789012345678901234567890, "model" :"x","a":1e2,"foo":{"z":1,"a":2}}'
    expected = raw.replace(b'"x"', b'"y"')
    assert Document(raw).spliced({"model": b'"y"'}) == expected


@given(st.text(min_size=1, max_size=6), _VALUES, _VALUES, _OBJECTS)
def test_a_duplicate_key_is_always_found(key: str, first: Any, second: Any, others: dict[str, Any]) -> None:
    members = [(name, value) for name, value in others.items() if name != key]
    members.insert(0, (key, first))
    members.append((key, second))
    raw = (
        "{" + ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in members) + "}"
    ).encode()
    with pytest.raises(GatewayError) as caught:
        Document(raw)
    assert caught.value.condition.code == "invalid_json"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'"x"',
        b"{",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":1e400}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":"\xff"}',
        b'{"a":"\\ud800"}',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":1}{"b":2}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' + b"[" * 128 + b"]" * 128 + b"}",
        b'{"a":1,"\\u0061":2}',
        b'{"a":[1,{"a":"x,}"}],"b":2,"a":1}',
        b'{"a":{"q":0,"b":1},"b":1,"a":{"q":0}}',
    ],
)
def test_what_is_not_one_clean_object_is_refused(raw: bytes) -> None:
    with pytest.raises(GatewayError) as caught:
        Document(raw)
    assert caught.value.condition.status == 400
    assert caught.value.condition.code == "invalid_json"


def test_depth_up_to_the_bound_is_accepted() -> None:
    Document(b'{"a":' + b"[" * 127 + b"]" * 127 + b"}", 128)


@pytest.mark.parametrize("depth", [129, 950, 980, 999, 1000, 1022, 1024, 1030])
def test_no_depth_beyond_the_bound_is_anything_but_refused(depth: int) -> None:
    for opening, closing in (("[", "]"), ('{"k":', "}")):
        inner = opening * depth + "1" + closing * depth
        with pytest.raises(GatewayError) as caught:
            Document(b'{"x":' + inner.encode() + b"}")
        assert caught.value.condition.code == "invalid_json"


@pytest.mark.parametrize("size", [10, 20_000, 2_000_000])
def test_what_a_waiting_document_let_go_of_is_read_again(size: int) -> None:
    raw = json.dumps({"model": "m", "input": ["x" * size], "n": 1}, separators=(",", ":")).encode()
    document, other = Document(raw), Document(raw)
    for _ in range(2):  # it may have to wait again
        document.let_go()
        document.let_go()
        assert document.spliced({"model": b'"y"', "new": b"2"}) == other.spliced(
            {"model": b'"y"', "new": b"2"}
        )
        assert document.span("input") == other.span("input")
        assert document.fields == other.fields
    with pytest.raises(AttributeError):
        document.nothing  # noqa: B018


def test_members_of_objects_in_it() -> None:
    raw = b'{"a" : 1, "b": {"c":[1], "d" : 2.50 ,"e":"x"}, "f":[{"c":1}], "d":3}'
    assert (member(raw, "b.d"), member(raw, "d"), member(raw, "b.x"), member(raw, "f.c")) == (
        b"2.50",
        b"3",
        None,
        None,
    )
    assert without_members(raw, {"b.d", "b.c", "a", "f.c"}) == b'{ "b": {"e":"x"}, "f":[{"c":1}], "d":3}'
    assert without_members(raw, {"x.y", "x"}) == raw
