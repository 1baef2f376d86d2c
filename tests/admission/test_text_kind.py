"""Kinds of text, from what SDKs send: raw UTF-8, or escapes where `json.dumps` made the body."""

import base64
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.text_kind import CJK, CODE, MIXED, PROSE, SAMPLE_BYTES, sample, text_kind

ENGLISH = (
    "The lighthouse keeper's daughter said that, in 1923, the storm had taken the old pier; nobody believed "
    "her until the divers came back with its lamp. They found it where she had told them to look. "
)
TEXTS = {
    "english": (ENGLISH * 3, PROSE),
    "typographic": ((ENGLISH.replace("'", "\u2019") + "\u2014 so she said. ") * 3, PROSE),
    "python": (Path(random.__file__).read_text()[9000:14_000], CODE),
    "json": (json.dumps([{"id": n, "tags": ["a", "b"], "price": n / 7} for n in range(40)]), CODE),
    "russian": ("Смотритель маяка сказал, что буря унесла старый причал. " * 8, MIXED),
    "german": ("Größere Stürme hätten die alte Brücke über die Förde früher weggespült. " * 6, MIXED),
    "chinese": ("灯塔看守人的女儿说，那年的风暴卷走了旧码头。" * 10, CJK),
    "japanese": ("灯台守の娘は、あの年の嵐が古い桟橋をさらったと言った。" * 10, CJK),
    "korean": ("등대지기의 딸은 그해 폭풍이 낡은 부두를 휩쓸어 갔다고 말했다. " * 10, CJK),
}


@pytest.mark.parametrize("name", TEXTS)
def test_kinds(name: str) -> None:
    text, kind = TEXTS[name]
    raw = json.dumps([{"role": "user", "content": text}], ensure_ascii=False).encode()
    assert text_kind(sample(raw, 0, len(raw)), 14).kind == kind


@pytest.mark.parametrize("name", ["russian", "chinese", "japanese", "korean"])
def test_escaped_scripts_are_the_same_kind_and_count_for_less(name: str) -> None:
    text, kind = TEXTS[name]
    found = text_kind(json.dumps(text).encode())
    assert found.kind == kind
    assert 0.5 <= found.share < 0.7


@given(st.binary(max_size=6000), st.integers(0, 5000))
def test_any_bytes_have_a_kind(raw: bytes, scaffolding: int) -> None:
    found = text_kind(sample(raw, 0, len(raw)), scaffolding)
    assert found.kind in (PROSE, CODE, MIXED, CJK)
    assert 0 < found.share <= 1


@given(st.text(max_size=3000), st.booleans())
def test_any_json_text_has_a_kind(text: str, escaped: bool) -> None:
    raw = json.dumps(text, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    found = text_kind(sample(raw, 0, len(raw)))
    assert found.kind in (PROSE, CODE, MIXED, CJK)
    assert 0.5 <= found.share <= 1


@given(st.integers(0, 200_000), st.integers(0, 200_000))
def test_a_sample_is_bounded(start: int, length: int) -> None:
    raw = b"x" * 400_000
    assert len(sample(raw, start, start + length)) <= SAMPLE_BYTES
    assert len(sample(raw, start, start + length, has_base64=True)) <= SAMPLE_BYTES


def test_a_sample_is_from_all_over_and_steps_over_base64() -> None:
    image = base64.b64encode(random.Random(1).randbytes(300_000))
    raw = b'["' + ENGLISH.encode() * 20 + b'","' + image + b'"]'
    found = sample(raw, 0, len(raw), has_base64=True)
    assert ENGLISH[:50].encode() in found
    assert text_kind(found).kind == PROSE
    half = b"a, b. " * 5000 + "灯塔看守人".encode() * 2000
    assert text_kind(sample(half, 0, len(half))).kind == CJK
