"""Weak secrets are told from good ones."""

import secrets

import pytest

from keys.strength import weakness

WEAK = {
    "is empty": ["", "   ", "\n\t"],
    "is a well-known default": [
        "changeme", "sk-1234", "ChangeMe!", "change_me-change_me-change_me-change_me", "password123",
        "your-secret-key-here-0000000000000", "default-pepper-2024-please!!", "test", "admin/admin/admin",
        "admin-12345678901234567890", "test-0000000000000000000000000000",
    ],
    "is shorter than 32 bytes": ["a-good-start-but-no-more", "0f1e2d3c4b5a69788796a5b4c3d2e1f"],
    "repeats a few characters": ["p" * 40, "ab" * 20, "1234567890" * 4, "abababababcdcdcdcdcdababababababab"],
}  # fmt: skip


@pytest.mark.parametrize(("why", "value"), [(why, value) for why, values in WEAK.items() for value in values])
def test_weak_values(why: str, value: str) -> None:
    assert weakness(value, 32) == why


def test_random_ones_are_good() -> None:
    for _ in range(2000):
        assert weakness(secrets.token_hex(32), 32) is None
        assert weakness(secrets.token_urlsafe(32), 32) is None
        assert weakness("".join(secrets.choice("0123456789") for _ in range(40)), 32) is None


def test_random_ones_after_a_name_are_good() -> None:
    assert weakness("kaze-bench-" + "0" * 4 + "1a2b3c4d5" + "6789012345678901234", 32) is None
    for _ in range(2000):
        assert weakness("kaze-" + secrets.token_hex(16), 32) is None
        assert weakness("admin-" + "".join(secrets.choice("0123456789") for _ in range(32)), 32) is None


def test_a_sentence_that_has_a_well_known_word_in_it_is_good() -> None:
    assert weakness("an-admin-key-of-some-length-and-more", 32) is None


def test_length_is_counted_in_bytes() -> None:
    assert weakness("äöüßéñçøåîàêëï", 28) is None
