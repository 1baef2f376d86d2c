"""Marks of code around an answer that has to be JSON."""

import pytest

from gateway.dialects.checked import unfenced


@pytest.mark.parametrize(
    ("said", "bare"),
    [
        ('```json\n{"a": 1}\n```', '{"a": 1}'),
        ('  ```\r\n\n{"a": 1}```\n', '{"a": 1}'),
        ('{"a": "```"}', '{"a": "```"}'),
        ("Here: ```json\n{}\n```", "Here: ```json\n{}\n```"),
        ("```json\n{}", "```json\n{}"),
        ("```", "```"),
        ("`````", "`````"),
        ("```\n```", "```\n```"),
        ("```json {}```", "```json {}```"),
    ],
)
def test_they_come_off_where_they_are_around_all_of_it(said: str, bare: str) -> None:
    assert unfenced(said) == bare


def test_what_only_begins_like_it_is_read_through_once() -> None:
    """A pattern that goes back and forth would not come to an end here."""
    said = "```" + "\n" * 500_000 + "x"
    assert unfenced(said) is said
