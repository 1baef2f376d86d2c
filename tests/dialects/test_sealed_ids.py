"""Ids of objects at a provider key: they lead back to it, for their tenant alone."""

import re

from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.sealed_ids import Owned, SealedIds

IDS = SealedIds(b"p" * 32)
_REAL = st.from_regex(re.compile(r"\A(file|batch|resp|upload)[-_][A-Za-z0-9]{6,60}\Z", re.ASCII))
_NAME = st.from_regex(re.compile(r"\A[a-z0-9][a-z0-9._-]{0,63}\Z", re.ASCII))


@given(_NAME, _NAME, _REAL)
def test_sealing_and_opening(tenant: str, pool: str, real: str) -> None:
    sealed = IDS.seal(tenant, pool, real)
    assert sealed.split("gw1_")[0] == re.match(r"[a-z]+[-_]", real)[0]  # type: ignore[index]
    assert IDS.open(tenant, sealed) == Owned(pool, real)


@given(_NAME, _NAME, _NAME, _REAL)
def test_another_tenant_opens_nothing(tenant: str, other: str, pool: str, real: str) -> None:
    if tenant != other:
        assert IDS.open(other, IDS.seal(tenant, pool, real)) is None


@given(_REAL, st.integers(0, 200), st.characters(codec="ascii"))
def test_a_changed_id_opens_nothing(real: str, place: int, letter: str) -> None:
    sealed = IDS.seal("t", "p", real)
    place %= len(sealed)
    changed = sealed[:place] + letter + sealed[place + 1 :]
    opened = IDS.open("t", changed)
    assert (
        opened is None
        or changed.partition("gw1_")[2] == sealed.partition("gw1_")[2]
        or opened == Owned("p", real)
    )


@given(st.text())
def test_any_text_is_safe_to_open(text: str) -> None:
    IDS.open("t", text)


def test_only_whole_strings_are_opened() -> None:
    sealed = IDS.seal("t", "p", "file-abcdef")
    body = f'{{"input_file_id":"{sealed}","text":"see \\"{sealed}\\" there"}}'.encode()
    opened, found = IDS.open_all("t", body)
    assert found == {sealed: Owned("p", "file-abcdef")}
    assert b'"input_file_id":"file-abcdef"' in opened
    assert f'\\"{sealed}\\"'.encode() in opened
