"""The files that a body names, however it spells the key."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.named_files import named_files


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'{"a":[{"file_id":"file-1"}]}', ["file-1"]),
        (b'{"file_id" :\n "file\\u002d1"}', ["file-1"]),
        (b'{"file\\u005Fid":"file-1"}', ["file-1"]),
        (b'{"\\u0066\\u0069le_id\\u0073":[ "file-1" , "x","file_2"]}', ["file-1", "file_2"]),
        (b'{"file_ids":["]","file-1"]}', ["file-1"]),
        (b'{"file_id":"file-gw1_x","file_id":"file-1"}', ["file-gw1_x", "file-1"]),
        (b'{"file_id":null,"file_ids":[]}', []),
        (b'{"file_id":"9f0c-uuid"}', []),
        (b'{"text":"\\"file_id\\": \\"file-1\\"", "x":"file_id"}', []),
        (b'{"text":"\\\\\\"file_id","y":"file-1","name":"file-1"}', []),
        (b'{"my_file_id":"file-1"}', []),
    ],
)
def test_named_files(body: bytes, named: list[str]) -> None:
    json.loads(body)
    assert list(named_files(body)) == named


@given(
    st.recursive(
        st.text('file_id"\\:-[] ', max_size=8), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_text_is_no_name(text: object) -> None:
    assert list(named_files(json.dumps({"x": text}).encode())) == []
