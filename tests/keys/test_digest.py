"""What is kept of keys: one key, one digest, under the pepper it was made with or the one before."""

import hashlib
import string

from hypothesis import given
from hypothesis import strategies as st

from keys.digest import KeyDigest, Match, Pepper, Peppers, digest
from keys.tenant_key import mint

NEW = Pepper(b"new pepper of at least thirty-two bytes")
OLD = Pepper(b"old pepper of at least thirty-two bytes")
OLDEST = Pepper(b"one that was given up a long time ago!!")
BOTH = Peppers(NEW, OLD)
TEXT = st.text(string.ascii_letters + string.digits, max_size=12)


def test_a_digest_is_no_plain_hash_and_tells_its_pepper() -> None:
    key = mint("web").reveal()
    stored = NEW.digest(key)
    assert stored.value != hashlib.sha256(key.encode()).digest()
    assert stored.version == NEW.version != OLD.version
    assert OLD.digest(key).value != stored.value
    assert NEW.version == Pepper(NEW.value).version  # of the pepper alone: every worker names it the same


def test_a_key_is_known_under_the_present_pepper_and_the_one_before() -> None:
    key = mint("web").reveal()
    assert BOTH.match(key, NEW.digest(key)) is Match.CURRENT
    assert BOTH.match(key, OLD.digest(key)) is Match.PREVIOUS
    assert BOTH.match(key, OLDEST.digest(key)) is Match.NO
    assert Peppers(NEW).match(key, OLD.digest(key)) is Match.NO
    assert BOTH.digests(key) == (NEW.digest(key), OLD.digest(key))


def test_a_digest_under_another_name_is_not_taken_for_it() -> None:
    key = mint("web").reveal()
    assert BOTH.match(key, KeyDigest(OLD.version, NEW.digest(key).value)) is Match.NO


@given(TEXT, TEXT, TEXT, TEXT)
def test_keys_that_share_their_beginning_or_end_are_not_mixed_up(
    head: str, one: str, other: str, tail: str
) -> None:
    first, second = head + one + tail, head + other + tail
    assert (digest(NEW.value, first) == digest(NEW.value, second)) == (first == second)
    assert (BOTH.match(second, NEW.digest(first)) is Match.CURRENT) == (first == second)


@given(st.text())
def test_text_that_is_not_unicode_is_no_error(text: str) -> None:
    assert BOTH.match(text, NEW.digest(text)) is Match.CURRENT
    assert BOTH.match("\ud800" + text, NEW.digest(text)) is Match.NO


def test_nothing_of_a_pepper_is_printed() -> None:
    assert "pepper of" not in repr(BOTH)
