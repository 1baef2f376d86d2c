"""Attachments inside a request: their bytes say what they are."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.data_url import attached, media_type_of
from gateway.errors import GatewayError

MAGIC = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff\xe0",
    "image/gif": b"GIF89a",
    "image/webp": b"RIFF\x00\x00\x00\x00WEBPVP8 ",
    "application/pdf": b"%PDF-1.7",
}


@given(
    st.sampled_from(sorted(MAGIC)), st.binary(max_size=60), st.sampled_from(("image/jpeg", "text/plain", ""))
)
def test_the_bytes_are_believed_not_the_label(kind: str, rest: bytes, stated: str) -> None:
    data = base64.b64encode(MAGIC[kind] + rest).decode()
    found = attached(f"data:{stated};base64,{data}", "at")
    assert found is not None
    assert (found.media_type, found.data) == (kind, data)


@given(st.binary(max_size=80))
def test_of_other_bytes_the_label_holds(content: bytes) -> None:
    data = base64.b64encode(b"x" + content).decode()
    assert media_type_of(data, "text/plain", "at") == "text/plain"
    found = attached(f"data:Text/Plain;charset=utf-8;base64,{data}", "at")
    assert found is not None and found.media_type == "text/plain"


@pytest.mark.parametrize("url", ["https://example.com/a.png", "gs://a/b", ""])
def test_other_urls_are_none(url: str) -> None:
    assert attached(url, "at") is None


@pytest.mark.parametrize(
    "url",
    [
        "data:image/png,abc",
        "data:image/png;base64",
        "data:;base64,%%%%",
        "data:;base64,é",
        "data:;base64,abc",
    ],
)
def test_broken_ones_are_refused(url: str) -> None:
    with pytest.raises(GatewayError) as error:
        attached(url, "messages[0].content[1].image_url.url")
    assert error.value.condition.code == "invalid_value"
    assert error.value.param == "messages[0].content[1].image_url.url"
