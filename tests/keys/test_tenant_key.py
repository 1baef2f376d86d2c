"""The format of tenant keys: what is minted is one, what is not minted is not."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.tenant_key import PATTERN, key_id_of, mint

IDS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=64)


@given(IDS)
def test_a_minted_key_has_the_format_and_its_id(key_id: str) -> None:
    key = mint(key_id).reveal()
    assert key_id_of(key) == key_id
    assert re.fullmatch(PATTERN, key)
    assert len(key) == len(key_id) + 4 + 43 + 6


@given(IDS, st.data())
def test_any_one_changed_character_is_noticed(key_id: str, data: st.DataObject) -> None:
    key = mint(key_id).reveal()
    at = data.draw(st.integers(0, len(key) - 1))
    other = data.draw(st.sampled_from(string.printable).filter(lambda char: char != key[at]))
    assert key_id_of(key[:at] + other + key[at + 1 :]) is None


@given(IDS, st.integers(1, 53))
def test_a_key_cut_short_or_gone_on_with_is_none(key_id: str, cut: int) -> None:
    key = mint(key_id).reveal()
    assert key_id_of(key[:-cut]) is None
    assert key_id_of(key + "0") is None
    assert key_id_of(key + "\n") is None


@given(st.text(max_size=100))
def test_other_text_is_no_key(text: str) -> None:
    assert key_id_of(text) is None


def test_no_two_keys_are_the_same_and_the_secret_is_long_enough() -> None:
    keys = [mint("web").reveal() for _ in range(1000)]
    assert len({key[7:50] for key in keys}) == 1000
    assert 62**43 > 2**178  # what reliability §5 asks for at least
    assert len(set("".join(key[7:50] for key in keys))) == 62  # all of the alphabet is used


@pytest.mark.parametrize("key_id", ["", "A", "web-1", "web_1", "é", "a" * 65, "a\n"])
def test_an_id_that_a_key_cannot_hold_is_refused(key_id: str) -> None:
    with pytest.raises(ValueError, match="lower-case letters and digits"):
        mint(key_id)


def test_a_minted_key_prints_as_stars() -> None:
    assert "kz_" not in f"{mint('web')} {mint('web')!r}"
