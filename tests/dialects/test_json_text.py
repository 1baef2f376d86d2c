"""JSON with halves of surrogate pairs is read with U+FFFD in their place, and with nothing else changed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.json_text import read_json, read_object

_UNITS = st.integers(0, 0xFFFF)


@given(st.lists(_UNITS | st.integers(0xD7F0, 0xE010) | st.sampled_from([0x5C, 0x75, 0x64])))
def test_every_half_and_nothing_else(units: list[int]) -> None:
    text = "".join(map(chr, units))
    escaped = json.dumps(text)
    read = read_json(escaped)
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    assert read == "".join("\ufffd" if 0xD800 <= ord(one) < 0xE000 else one for one in whole)


@pytest.mark.parametrize("text", ['{"a":"\\ud800', '["\\ud800"]', '{"a":"\\ud80"}', "\\ud800"])
def test_what_is_no_object_is_none(text: str) -> None:
    assert read_object(text) is None


def test_a_backslash_before_it_is_text() -> None:
    assert read_object(rb'{"a":"\\ud800","b":"\ud800"}') == {"a": "\\ud800", "b": "\ufffd"}
